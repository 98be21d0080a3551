#include "executor/unpaid_jobs.hpp"

#include <utility>
#include <vector>

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;

// While a store is unavailable.
constexpr core::Milliseconds rest_of_lane{5000};

core::Pace pace_of(const Work& work, const WorkEnd& end) {
    core::Pace pace;
    if (!end.result) pace.kind = work.tells(end.result.error().cls);
    pace.retry_after = end.retry_after;
    pace.limits = end.limits;
    return pace;
}

FailureFacts facts_of(const Work& work, const WorkEnd& end) {
    return {{}, end.retry_after, work.left(), pace_of(work, end)};
}

}  // namespace

void UnpaidJobs::admit(Attempt attempt, const Order& order, std::size_t bytes, std::shared_ptr<Work> work) {
    const core::Instant intake = core::now();
    if (book_.admit(attempt, bytes) != Admission::queued) {
        return handlers_.answer(attempt, not_sent_answer({order.lease, false, core::Milliseconds{0}}));
    }
    const auto timeout = order.timeout;
    const auto deadline = loop_.at(intake + timeout, [this, attempt, timeout] {
        end_early(attempt,
                  {ErrorClass::timeout, "the order was not done within " + std::to_string(timeout.count()) + " ms"});
    });
    jobs_.emplace(attempt, Job{order.lease, intake, deadline, std::move(work)});
    start_queued();
}

void UnpaidJobs::start_queued() {
    while (const auto attempt = book_.start_next()) {
        const Job& job = jobs_.at(*attempt);
        if (const auto obstacle = job.work->obstacle()) {
            handlers_.answer(*attempt, not_sent_answer(head_of(job), *obstacle, rest_of_lane));
            forget(*attempt);
            continue;
        }
        job.work->start([this, attempt = *attempt](WorkEnd end) { on_end(attempt, std::move(end)); });
    }
}

void UnpaidJobs::on_end(Attempt attempt, WorkEnd end) {
    const Job& job = jobs_.at(attempt);
    const bool unanswered = book_.stop(attempt) == Stopped::was_running;
    if (unanswered && end.result) {
        core::Pace pace = pace_of(*job.work, end);
        handlers_.answer(attempt,
                         completed_answer(head_of(job), std::move(*end.result), std::move(end.usage), std::move(pace)));
    } else if (unanswered) {
        const Error& error = end.result.error();
        handlers_.log("attempt " + std::to_string(attempt) + " failed: " + error.message);
        handlers_.answer(attempt, end.give_back
                                      ? not_sent_answer(head_of(job), error.message, rest_of_lane, job.work->left())
                                      : failed_answer(head_of(job), error, facts_of(*job.work, end)));
    }
    forget(attempt);
    start_queued();
    handlers_.idle();
}

void UnpaidJobs::cancel(Attempt attempt) {
    end_early(attempt, {ErrorClass::cancelled, "the order was cancelled"});
}

void UnpaidJobs::end_early(Attempt attempt, const Error& error) {
    const Stopped stopped = book_.stop(attempt);
    if (stopped == Stopped::unknown) return;
    const Job& job = jobs_.at(attempt);
    // Waiting for a place says nothing about the work: such an order goes back and does not count.
    const bool waits = stopped == Stopped::was_queued || job.work->waits();
    if (waits && error.cls == ErrorClass::timeout) {
        handlers_.answer(attempt, not_sent_answer(head_of(job)));
    } else {
        handlers_.answer(attempt, failed_answer(head_of(job), error, facts_of(*job.work, {error})));
    }
    take_back(attempt, false);
    start_queued();
    handlers_.idle();
}

// What nothing has come of yet is gone at once; the rest keeps its place until it has ended.
void UnpaidJobs::take_back(Attempt attempt, bool tell) {
    const Job& job = jobs_.at(attempt);
    if (tell) handlers_.answer(attempt, not_sent_answer(head_of(job), job.work->left()));
    const auto work = job.work;
    if (work->begun()) return work->stop();
    work->drop();
    forget(attempt);
}

void UnpaidJobs::drain() {
    for (const Attempt attempt : book_.drain())
        take_back(attempt, true);
    std::vector<Attempt> not_begun;
    for (const auto& [attempt, job] : jobs_)
        if (!job.work->begun()) not_begun.push_back(attempt);
    for (const Attempt attempt : not_begun)
        take_back(attempt, true);
}

void UnpaidJobs::give_back_running() {
    std::vector<Attempt> running;
    for (const auto& [attempt, job] : jobs_)
        if (book_.stop(attempt) == Stopped::was_running) running.push_back(attempt);
    for (const Attempt attempt : running)
        take_back(attempt, true);
}

void UnpaidJobs::abandon() {
    for (const Attempt attempt : book_.drain())
        take_back(attempt, false);
    std::vector<Attempt> running;
    for (const auto& [attempt, job] : jobs_)
        if (book_.stop(attempt) == Stopped::was_running) running.push_back(attempt);
    for (const Attempt attempt : running)
        take_back(attempt, false);
}

void UnpaidJobs::forget(Attempt attempt) {
    book_.finish(attempt);
    const auto found = jobs_.find(attempt);
    if (found == jobs_.end()) return;
    loop_.cancel(found->second.deadline);
    jobs_.erase(found);
}

AnswerHead UnpaidJobs::head_of(const Job& job) const {
    return {job.lease, job.work->begun(), core::elapsed(job.intake, core::now())};
}

}  // namespace atelier::executor
