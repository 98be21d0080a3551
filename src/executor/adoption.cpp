#include "executor/adoption.hpp"

#include <utility>

#include "executor/receipt.hpp"

namespace atelier::executor {
namespace {

constexpr core::Milliseconds poll_every{100};
// What is taken at a time: bounds the memory. A receipt may be longer than that, one is taken in any case.
constexpr std::size_t most_taken = 32;
constexpr std::size_t most_held = std::size_t{64} * 1024 * 1024;

}  // namespace

struct Adoption::Taken {
    std::size_t bytes;
    Settler::TaskId task = 0;
    bool waits = false;
};

Adoption::Adoption(EventLoop& loop, Settler& settler, const std::string& directory, std::function<std::string()> own_id,
                   Handlers handlers)
    : loop_(loop),
      settler_(settler),
      spool_(directory, own_id()),
      own_id_(std::move(own_id)),
      handlers_(std::move(handlers)) {
    next_ = loop_.at(core::now(), [this] { poll(); });
}

Adoption::~Adoption() {
    stop();
}

void Adoption::stop() {
    stopped_ = true;
    if (next_) loop_.cancel(*next_);
    next_.reset();
}

void Adoption::poll() {
    next_.reset();
    spool_.set_own_id(own_id_());
    bool found = true;
    while (found && taken_ < most_taken && held_ < most_held) {
        found = false;
        spool_.poll(1, [this, &found](ForeignRecord record) {
            found = true;
            take(std::move(record));
        });
    }
    if (const std::string trouble = spool_.trouble(); trouble != told_trouble_) {
        told_trouble_ = trouble;
        handlers_.tell({"spool_damaged", trouble,
                        "Calls whose receipts are lost end as outcome_unknown. Remove the file once it is looked into.",
                        trouble.empty()});
    }
    if (spool_.finished() && taken_ == 0) return handlers_.finished();
    // A settled receipt makes room and polls at once.
    next_ = loop_.at(core::now() + poll_every, [this] { poll(); });
}

void Adoption::take(ForeignRecord record) {
    const std::uint64_t attempt = record.attempt;
    if (record.type == RecordType::not_sent) {
        return handlers_.answer(attempt, not_sent_answer({lease_of(record.head), false, core::Milliseconds{0}}));
    }
    const auto taken = std::make_shared<Taken>(Taken{record.body.size()});
    ++taken_;
    held_ += taken->bytes;
    auto receipt = std::make_shared<Receipt>(Receipt{std::move(record.head), std::move(record.body)});
    const auto on_done = [this, attempt, taken](Answer answer) {
        settling_.erase(taken->task);
        if (!taken->waits) release(taken->bytes);
        answer.pace = core::unheard();
        if (!stopped_) handlers_.answer(attempt, answer);
    };
    const auto on_wait = [this, attempt, taken] {
        if (std::exchange(taken->waits, true)) return;
        release(taken->bytes);
        if (!stopped_) handlers_.kept(attempt);
    };
    taken->task = settler_.run(std::move(receipt), std::move(record.place), {on_done, on_wait}, true);
    settling_.emplace(taken->task, attempt);
}

void Adoption::cancel(std::uint64_t attempt) {
    for (const auto& [task, of] : settling_)
        if (of == attempt) settler_.cancel(task);
}

void Adoption::release(std::size_t bytes) {
    --taken_;
    held_ -= bytes;
    if (!next_ || taken_ > 0) return;
    loop_.cancel(*next_);
    next_ = loop_.at(core::now(), [this] { poll(); });
}

}  // namespace atelier::executor
