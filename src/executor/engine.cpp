#include "executor/engine.hpp"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>

#include "core/build_id.hpp"
#include "core/text.hpp"
#include "executor/answer.hpp"
#include "executor/picture_work.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;
using wire::FrameType;

constexpr std::size_t max_queued_orders = 10'000;
constexpr std::size_t max_queued_bytes = std::size_t{128} * 1024 * 1024;
constexpr std::size_t max_unsent_bytes_for_logs = std::size_t{1} * 1024 * 1024;
// After a drain: for the worker to take the last answers.
constexpr core::Milliseconds flush_wait{1000};

AnswerHead head_of(const Order& order, core::Instant intake, bool sent) {
    return {order.lease, sent, core::elapsed(intake, core::now())};
}

}  // namespace

Engine::Engine(storage::UniqueFd socket, storage::UniqueFd termination) : termination_(std::move(termination)) {
    channel_.emplace(
        loop_, std::move(socket),
        Channel::Handlers{[this](const wire::Frame& frame) { on_frame(frame); },
                          [this](const Result<void>& reason) { on_end(reason); }, [this] { leave_when_done(); }});
    loop_.watch(termination_.get(), EPOLLIN, [this](std::uint32_t) {
        signalfd_siginfo signal{};
        if (::read(termination_.get(), &signal, sizeof signal) == sizeof signal) drain();
    });
}

int Engine::run() {
    channel_->send(FrameType::hello, 0, write_hello(core::build_id(), ::getpid()));
    loop_.run();
    return status_;
}

void Engine::on_frame(const wire::Frame& frame) {
    if (leaving_) return;
    if (!settings_ && frame.type == FrameType::hello) return on_hello(frame.payload);
    if (settings_) {
        switch (frame.type) {
            case FrameType::order:
                return on_order(frame.attempt, frame.payload);
            case FrameType::cancel:
                if (paid_->cancel(frame.attempt)) return;
                return end_early(frame.attempt, {ErrorClass::cancelled, "the order was cancelled"});
            case FrameType::ping:
                return channel_->send(FrameType::pong, 0, {});
            case FrameType::drain:
                return drain();
            case FrameType::providers:
                return on_providers(frame.payload);
            case FrameType::settled:
                return on_settled(frame.payload);
            default:
                break;
        }
    }
    log(LogLevel::warning,
        "executor: protocol error: a frame out of place, type " + std::to_string(static_cast<unsigned>(frame.type)));
    leave(1);
}

void Engine::on_hello(const std::string& payload) {
    auto settings = parse_hello(payload);
    if (!settings) {
        log(LogLevel::warning, "executor: " + settings.error().message);
        return leave(1);
    }
    settings_ = std::move(*settings);
    book_.emplace(BookLimits{settings_->media_children, max_queued_orders, max_queued_bytes});
    paid_.emplace(loop_,
                  PaidSettings{settings_->store_directory, settings_->spool_directory, settings_->spool_limit,
                               settings_->drain_timeout},
                  PaidCalls::Handlers{[this](Attempt attempt, const std::string& text) { answer(attempt, text); },
                                      [this] { channel_->send(FrameType::adopted, 0, {}); },
                                      [this] { leave_when_done(); }, [this](const Notice& notice) { tell(notice); }});
    if (settings_->build != core::build_id()) {
        log(LogLevel::warning, "executor: build " + std::string(core::build_id()) +
                                   " does no work for a worker of build " + settings_->build);
    }
    if (::access(settings_->media_program.c_str(), X_OK) != 0) {
        log(LogLevel::warning, "executor: the media program cannot be executed: " + settings_->media_program);
    }
}

void Engine::on_providers(const std::string& payload) {
    if (auto taken = paid_->set_providers(payload); !taken)
        log(LogLevel::warning, "executor: " + taken.error().message);
}

void Engine::on_settled(const std::string& payload) {
    const auto attempts = core::parse_json(payload, {wire::max_payload_bytes, 2}, ErrorClass::invalid_request);
    if (!attempts || !attempts->is_array()) return log(LogLevel::warning, "executor: settled: the frame has no list");
    for (const Json& attempt : *attempts) {
        if (attempt.is_number_unsigned()) paid_->settled(attempt.get<Attempt>());
    }
}

void Engine::on_order(Attempt attempt, const std::string& payload) {
    Order order = parse_order(attempt, payload);
    const core::Instant intake = core::now();
    if (book_->draining() || settings_->build != core::build_id()) {
        return answer(attempt, not_sent_answer(head_of(order, intake, false)));
    }
    if (!order.request) return answer(attempt, failed_answer(head_of(order, intake, false), order.request.error()));
    if (const auto* deletion = std::get_if<DeleteRequest>(&*order.request)) {
        return remove_objects(attempt, order, *deletion);
    }
    if (std::holds_alternative<AiRequest>(*order.request)) {
        if (paid_->knows(attempt)) return warn_of_duplicate(attempt);
        return paid_->admit(attempt, std::move(order));
    }
    admit(attempt, std::move(order), payload.size());
}

void Engine::admit(Attempt attempt, Order order, std::size_t bytes) {
    const core::Instant intake = core::now();
    switch (book_->admit(attempt, bytes)) {
        case Admission::duplicate:
            return warn_of_duplicate(attempt);
        case Admission::give_back:
            return answer(attempt, not_sent_answer(head_of(order, intake, false)));
        case Admission::queued:
            break;
    }
    const auto timeout = order.timeout;
    const auto deadline = loop_.at(intake + timeout, [this, attempt, timeout] {
        end_early(attempt,
                  {ErrorClass::timeout, "the order was not done within " + std::to_string(timeout.count()) + " ms"});
    });
    jobs_.emplace(attempt, Job{std::move(order), intake, deadline, nullptr, false});
    start_queued();
}

// The first order is answered; to give the second back would say that nothing was sent.
void Engine::warn_of_duplicate(Attempt attempt) {
    log(LogLevel::warning, "executor: attempt " + std::to_string(attempt) + " was ordered twice");
}

void Engine::start_queued() {
    while (const auto attempt = book_->start_next()) {
        Job& job = jobs_.at(*attempt);
        const auto started = start(*attempt, job);
        if (started) continue;
        answer(*attempt, failed_answer(head_of(job.order, job.intake, false), started.error()));
        forget(*attempt);
    }
}

Result<void> Engine::start(Attempt attempt, Job& job) {
    const auto store_in_use = store();
    if (!store_in_use) return store_in_use.error();
    const Request& request = *job.order.request;
    const auto* compose = std::get_if<ComposeRequest>(&request);
    auto task = compose ? prepare_compose(*store_in_use, *compose)
                        : prepare_inspect(*store_in_use, std::get<InspectRequest>(request));
    if (!task) return task.error();
    auto run = MediaRun::start(loop_, settings_->media_program, std::move(*task),
                               [this, attempt](MediaEnd end) { on_media_end(attempt, std::move(end)); });
    if (!run) return run.error();
    job.run = std::move(*run);
    return {};
}

void Engine::on_media_end(Attempt attempt, MediaEnd end) {
    const Job& job = jobs_.at(attempt);
    if (!job.answered) {
        auto result = finish(job, std::move(end));
        const AnswerHead head = head_of(job.order, job.intake, true);
        if (result) {
            const bool made_here = std::holds_alternative<ComposeRequest>(*job.order.request);
            answer(attempt, completed_answer(head, std::move(*result), made_here ? offline_usage() : Json()));
        } else {
            log(LogLevel::debug1,
                "executor: attempt " + std::to_string(attempt) + " failed: " + result.error().message);
            answer(attempt, failed_answer(head, result.error()));
        }
    }
    forget(attempt);
    start_queued();
    leave_when_done();
}

Result<Json> Engine::finish(const Job& job, MediaEnd end) {
    const Request& request = *job.order.request;
    if (const auto* inspect = std::get_if<InspectRequest>(&request)) return finish_inspect(*inspect, std::move(end));
    const auto store_in_use = store();
    if (!store_in_use) return store_in_use.error();
    return finish_compose(*store_in_use, std::get<ComposeRequest>(request), std::move(end));
}

void Engine::remove_objects(Attempt attempt, const Order& order, const DeleteRequest& request) {
    const core::Instant intake = core::now();
    const auto store_in_use = store();
    if (!store_in_use) return answer(attempt, failed_answer(head_of(order, intake, false), store_in_use.error()));
    auto removal = store_in_use->remove(request.keys);
    const AnswerHead head = head_of(order, intake, true);
    if (!removal) return answer(attempt, failed_answer(head, removal.error()));
    answer(attempt, completed_answer(head, {{"deleted", removal->deleted}, {"missing", removal->missing}}, Json()));
}

void Engine::end_early(Attempt attempt, const Error& error) {
    const Stopped stopped = book_->stop(attempt);
    if (stopped == Stopped::unknown) return;
    Job& job = jobs_.at(attempt);
    const bool running = stopped == Stopped::was_running;
    // Waiting for a media child says nothing about the work: such an order goes back and does not count.
    if (!running && error.cls == ErrorClass::timeout) {
        give_back(attempt);
    } else {
        answer(attempt, failed_answer(head_of(job.order, job.intake, running), error));
    }
    if (running) {
        job.answered = true;
        job.run->kill();
    } else {
        forget(attempt);
    }
    leave_when_done();
}

void Engine::give_back(Attempt attempt) {
    const Job& job = jobs_.at(attempt);
    answer(attempt, not_sent_answer(head_of(job.order, job.intake, false)));
}

void Engine::drain() {
    if (!settings_) return leave(0);
    if (book_->draining()) return;
    for (const Attempt attempt : book_->drain()) {
        give_back(attempt);
        forget(attempt);
    }
    paid_->drain();
    loop_.at(core::now() + settings_->shutdown_wait, [this] { give_back_running(); });
    leave_when_done();
}

// Work of a media child costs nothing and changed nothing yet: what is not done in time goes back whole.
void Engine::give_back_running() {
    for (auto& [attempt, job] : jobs_) {
        if (book_->stop(attempt) != Stopped::was_running) continue;
        give_back(attempt);
        job.answered = true;
        job.run->kill();
    }
    loop_.at(core::now() + flush_wait, [this] {
        flush_over_ = true;
        leave_when_done();
    });
    leave_when_done();
}

void Engine::leave_when_done() {
    if (!book_ || !book_->draining() || !book_->idle() || !paid_->idle()) return;
    if (alone_ || flush_over_ || channel_->unsent_bytes() == 0) leave(status_);
}

// Media children work for nobody now; they end with the runs, when the engine does.
void Engine::on_end(const Result<void>& reason) {
    if (!reason) std::fprintf(stderr, "pg_atelier_executor: %s\n", reason.error().message.c_str());
    status_ = reason ? 0 : 1;
    if (!paid_) return leave(status_);
    alone_ = true;
    for (const Attempt attempt : book_->drain())
        forget(attempt);
    for (auto& [attempt, job] : jobs_) {
        if (book_->stop(attempt) != Stopped::was_running) continue;
        job.answered = true;
        job.run->kill();
    }
    paid_->go_on_alone();
    leave_when_done();
}

// Opened anew for each use: a descriptor that is kept goes on leading to the directory that was there before something
// was mounted over it or put in its place.
Result<storage::FileStore> Engine::store() const {
    return storage::FileStore::open(settings_->store_directory);
}

void Engine::forget(Attempt attempt) {
    book_->finish(attempt);
    const auto found = jobs_.find(attempt);
    if (found == jobs_.end()) return;
    loop_.cancel(found->second.deadline);
    jobs_.erase(found);
}

void Engine::answer(Attempt attempt, const std::string& payload) {
    channel_->send(FrameType::answer, attempt, payload);
}

void Engine::tell(const Notice& notice) {
    if (notice.resolved) {
        log(LogLevel::log, "executor: " + notice.kind + " is over");
        return channel_->send(FrameType::alert, 0, core::write_json({{"kind", notice.kind}, {"resolved", true}}));
    }
    log(LogLevel::warning, "executor: " + notice.message);
    channel_->send(FrameType::alert, 0,
                   core::write_json({{"kind", notice.kind},
                                     {"message", core::to_storable_text(notice.message, 1000)},
                                     {"hint", core::to_storable_text(notice.hint, 1000)}}));
}

// Dropped when the worker is far behind: answers matter more.
void Engine::log(LogLevel level, std::string_view message) {
    if (channel_->unsent_bytes() > max_unsent_bytes_for_logs) return;
    const char* word = level == LogLevel::warning ? "warning" : level == LogLevel::debug1 ? "debug1" : "log";
    channel_->send(FrameType::log, 0,
                   core::write_json({{"level", word}, {"message", core::to_storable_text(message, 2000)}}));
}

// The media children end with the runs, in the destructor.
void Engine::leave(int status) {
    status_ = status;
    leaving_ = true;
    loop_.stop();
}

}  // namespace atelier::executor
