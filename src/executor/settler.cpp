#include "executor/settler.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "executor/foreign_spool.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;

constexpr core::Milliseconds first_wait{250};
constexpr core::Milliseconds longest_wait{10'000};
// A receipt may be as long as a body may be.
constexpr std::size_t most_loaded = 8;

}  // namespace

struct Settler::Task {
    TaskId id;
    std::shared_ptr<const Receipt> receipt;  // null: to be read from its place
    std::optional<SpoolPlace> place;
    Handlers handlers;
    bool patient;                    // until it has had its turn
    std::optional<Judged> judged{};  // the picture goes with the receipt, the rest stays
    core::Milliseconds pause = first_wait;
    core::Instant first_tried{};
    std::function<void()> leave{};  // ends the waiting; empty: it does not wait
    bool counted = false;           // in loaded_
    bool may_be_left = false;
    bool is_own = false;  // the trouble
    bool has_waited = false;
    bool cancelled = false;
    bool dropped = false;
};

Settler::TaskId Settler::run(std::shared_ptr<const Receipt> receipt, std::optional<SpoolPlace> place, Handlers handlers,
                             bool patient) {
    const TaskId id = ++last_id_;
    const auto task =
        std::make_shared<Task>(Task{id, std::move(receipt), std::move(place), std::move(handlers), patient});
    tasks_.emplace(id, task);
    judge(task);
    return id;
}

void Settler::kept(TaskId id, SpoolPlace place) {
    const auto found = tasks_.find(id);
    if (found == tasks_.end()) return;
    found->second->place = std::move(place);
    if (found->second->leave) unload(*found->second);
}

void Settler::cancel(TaskId id) {
    const auto found = tasks_.find(id);
    if (found == tasks_.end()) return;
    const Shared task = found->second;
    task->cancelled = true;
    if (!task->leave) return;
    std::exchange(task->leave, nullptr)();
    loop_.at(core::now(), [this, task] { end_cancelled(task); });
}

void Settler::drop(TaskId id) {
    const auto found = tasks_.find(id);
    if (found == tasks_.end()) return;
    const Shared task = found->second;
    task->dropped = true;
    task->handlers = {};
    if (!task->leave) return;
    std::exchange(task->leave, nullptr)();
    unload(*task);
    tasks_.erase(id);
}

// In its turn, as memory allows.
void Settler::load(const Shared& task) {
    task->leave = nullptr;
    task->patient = false;
    if (task->dropped || task->cancelled) return end_cancelled(task);
    if (task->receipt) return judge(task);
    if (loaded_ >= most_loaded) return ready_.push_back(task);
    ++loaded_;
    task->counted = true;
    const auto record = std::make_shared<Result<ForeignRecord>>(Error{ErrorClass::storage_failed, "memory ran out"});
    pool_.run(
        [record, place = *task->place] {
            try {
                *record = read_record(place);
            } catch (const std::bad_alloc&) {
                // It says so already.
            }
        },
        [this, task, record] {
            if (!*record) return wait(task);
            task->receipt =
                std::make_shared<const Receipt>(Receipt{std::move((*record)->head), std::move((*record)->body)});
            judge(task);
        });
}

void Settler::judge(const Shared& task) {
    const auto judged = std::make_shared<std::optional<Judged>>();
    pool_.run(
        [receipt = task->receipt, judged, judge = judge_] {
            try {
                *judged = judge(*receipt);
            } catch (const std::bad_alloc&) {
                // Without memory for it the receipt does better later, as without a store.
            } catch (const std::exception& exception) {
                *judged = unjudged(*receipt, std::string("the answer cannot be read: ") + exception.what());
            }
        },
        [this, task, judged] {
            if (!*judged) return wait(task);
            task->judged = std::move(**judged);
            if (!task->judged->picture) return end(task, answer_of(*task->judged));
            put(task);
        });
}

void Settler::put(const Shared& task) {
    Judged::Picture& picture = *task->judged->picture;
    if (task->patient && stores_.takes_nothing(picture.store, picture.bucket)) {
        picture.object.bytes.reset();
        return wait(task);
    }
    if (task->first_tried == core::Instant{}) task->first_tried = core::now();
    stores_.put(picture.store, picture.bucket, picture.object, task->first_tried,
                [this, task](const StoreEnd<Stored>& end) { on_put(task, end); });
}

void Settler::on_put(const Shared& task, const StoreEnd<Stored>& end) {
    if (end.result) return this->end(task, answer_of(*task->judged));
    task->may_be_left |= end.may_be_left;
    task->is_own = end.is_own;
    task->judged->picture->object.bytes.reset();
    if (end.is_own) task->pause = longest_wait;
    task->pause = std::max(task->pause, end.retry_after.value_or(task->pause));
    wait(task);
}

void Settler::wait(const Shared& task) {
    if (task->dropped || task->cancelled) return end_cancelled(task);
    task->has_waited = true;
    const core::Milliseconds pause = task->pause;
    task->pause = std::min(2 * task->pause, longest_wait);
    const auto go = [this, task] { load(task); };
    if (task->judged && !task->is_own) {
        const Judged::Picture& picture = *task->judged->picture;
        task->leave = stores_.wait(picture.store, picture.bucket, pause, go);
    } else {
        task->leave = [this, id = loop_.at(core::now() + pause, go)] { loop_.cancel(id); };
    }
    if (task->place) unload(*task);
    // Last: the task may end here.
    if (const auto waits = task->handlers.waits) waits();
}

void Settler::unload(Task& task) {
    if (task.place) task.receipt.reset();
    if (!std::exchange(task.counted, false)) return;
    --loaded_;
    // One that ended meanwhile takes no room.
    while (!ready_.empty() && loaded_ < most_loaded) {
        const Shared next = std::move(ready_.front());
        ready_.pop_front();
        load(next);
    }
}

void Settler::end(const Shared& task, Answer answer) {
    tasks_.erase(task->id);
    unload(*task);
    if (task->has_waited) answer.pace = core::unheard();
    if (const auto done = std::exchange(task->handlers, {}).done) done(std::move(answer));
}

void Settler::end_cancelled(const Shared& task) {
    const Error error{ErrorClass::cancelled, "cancelled while the answer waited for its store; the call is billed"};
    if (!task->judged) return end(task, failed_answer({lease_of({}), true, core::Milliseconds{0}}, error));
    const core::Json left = task->may_be_left ? task->judged->result->at("object") : core::Json();
    end(task, failure_of(*task->judged, error, left));
}

}  // namespace atelier::executor
