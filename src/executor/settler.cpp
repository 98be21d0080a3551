#include "executor/settler.hpp"

#include <algorithm>
#include <new>

#include "executor/answer.hpp"

namespace atelier::executor {
namespace {

constexpr core::Milliseconds first_wait{250};
constexpr core::Milliseconds longest_wait{10'000};

// Without memory for it the receipt does better later, as without a store.
Settled settle_within_memory(const std::string& store_directory, const Receipt& receipt) {
    try {
        return settle_receipt(store_directory, receipt);
    } catch (const std::bad_alloc&) {
        return {failed_answer({lease_of(receipt.head), true, core::Milliseconds{0}},
                              {core::ErrorClass::storage_failed, "memory ran out while the answer was settled"}),
                true};
    }
}

}  // namespace

struct Settler::Task {
    std::shared_ptr<const Receipt> receipt;
    core::Instant give_up;
    Done done;
    core::Milliseconds wait = first_wait;
    Settled settled;
};

void Settler::run(std::shared_ptr<const Receipt> receipt, core::Instant give_up, Done done) {
    attempt(std::make_shared<Task>(Task{std::move(receipt), give_up, std::move(done), first_wait, {}}));
}

void Settler::attempt(std::shared_ptr<Task> task) {
    pool_.run([this, task] { task->settled = settle_within_memory(store_directory_, *task->receipt); },
              [this, task] {
                  const core::Instant next = core::now() + task->wait;
                  if (!task->settled.storage_failed || next > task->give_up) return task->done(task->settled.answer);
                  task->wait = std::min(2 * task->wait, longest_wait);
                  loop_.at(next, [this, task] { attempt(task); });
              });
}

}  // namespace atelier::executor
