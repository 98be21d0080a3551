#include "executor/adoption.hpp"

#include "executor/answer.hpp"
#include "executor/receipt.hpp"

namespace atelier::executor {
namespace {

constexpr core::Milliseconds poll_every{100};
constexpr std::chrono::minutes store_patience{10};
// Bounds the memory: a receipt may be as long as a body may be.
constexpr std::size_t most_under_way = 8;

}  // namespace

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
    if (under_way_ < most_under_way)
        spool_.poll(most_under_way - under_way_, [this](ForeignRecord record) { take(std::move(record)); });
    if (const std::string trouble = spool_.trouble(); trouble != told_trouble_) {
        told_trouble_ = trouble;
        handlers_.tell({"spool_damaged", trouble,
                        "Calls whose receipts are lost end as outcome_unknown. Remove the file once it is looked into.",
                        trouble.empty()});
    }
    if (spool_.finished() && under_way_ == 0) return handlers_.finished();
    // A settled receipt makes room and polls at once.
    next_ = loop_.at(core::now() + poll_every, [this] { poll(); });
}

void Adoption::take(ForeignRecord record) {
    const std::uint64_t attempt = record.attempt;
    if (record.type == RecordType::not_sent) {
        return handlers_.answer(attempt, not_sent_answer({lease_of(record.head), false, core::Milliseconds{0}}));
    }
    ++under_way_;
    auto receipt = std::make_shared<Receipt>(Receipt{std::move(record.head), std::move(record.body)});
    settler_.run(std::move(receipt), core::now() + store_patience, [this, attempt](const std::string& answer) {
        --under_way_;
        if (stopped_) return;
        handlers_.answer(attempt, answer);
        if (next_ && under_way_ == 0) {
            loop_.cancel(*next_);
            next_ = loop_.at(core::now(), [this] { poll(); });
        }
    });
}

}  // namespace atelier::executor
