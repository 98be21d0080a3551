#pragma once
// The calls that cost money, from the order to the settled receipt:
//
//   queued -> preparing -> calling -> keeping -> settling -> (answered, until the worker has settled it)
//
// What a provider answered is in the spool before anything else is done with it. Whatever happens to this process or to
// its worker, the spool tells of each call whether it was answered, or never left; of what it does not tell, the
// outcome is unknown. An answer whose store takes no objects waits on disk, for ever: it is not bought again.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/clock.hpp"
#include "executor/adoption.hpp"
#include "executor/answer.hpp"
#include "executor/event_loop.hpp"
#include "executor/fetch_all.hpp"
#include "executor/http_client.hpp"
#include "executor/notice.hpp"
#include "executor/order.hpp"
#include "executor/order_book.hpp"
#include "executor/provider_book.hpp"
#include "executor/settler.hpp"
#include "executor/spool_gate.hpp"
#include "executor/stores.hpp"
#include "executor/task_pool.hpp"

namespace atelier::executor {

struct PaidSettings {
    std::string spool_directory;
    std::uint64_t spool_limit = 0;        // bytes
    core::Milliseconds drain_timeout{0};  // for calls under way, once nothing new is taken
    // Of requests that are sent and of answers until they are settled; beyond it no further call begins.
    std::size_t max_held_bytes = std::size_t{512} * 1024 * 1024;
};

class PaidCalls {
  public:
    struct Handlers {
        std::function<void(Attempt attempt, const Answer& answer)> answer;
        std::function<void(Attempt attempt)> kept;  // its answer is on disk and comes when its store takes the picture
        std::function<void()> adopted;              // everything that other executors left was answered for, or is kept
        std::function<void()> idle;                 // the last call ended
        TellNotice tell;
    };

    // The pool ends before this does.
    PaidCalls(EventLoop& loop, TaskPool& pool, Stores& stores, PaidSettings settings, Handlers handlers);
    PaidCalls(const PaidCalls&) = delete;
    PaidCalls& operator=(const PaidCalls&) = delete;

    core::Result<void> set_providers(std::string_view payload) { return providers_.replace(payload); }

    // Of an attempt that is not answered yet.
    bool knows(Attempt attempt) const { return calls_.contains(attempt); }
    // `order` holds an AiRequest, of an attempt that is not known. It is answered through the handler, at once or
    // later.
    void admit(Attempt attempt, Order order);
    // False when the attempt is not known here; a receipt of it that was adopted is cancelled all the same. One whose
    // answer has arrived already is not cancelled any more, but when that has to wait for its store.
    bool cancel(Attempt attempt);
    // The worker has committed what became of the attempt.
    void settled(Attempt attempt);

    // Takes nothing new, gives back what has not begun, lets the rest end within drain_timeout.
    void drain();
    // The same without a worker to answer to: only the spool is left to tell what became of the calls.
    void go_on_alone();

    bool idle() const noexcept { return calls_.empty() && spool_work_ == 0; }

  private:
    enum class Place { queued, preparing, calling, keeping, settling };
    struct Call {
        Order order;
        core::Instant intake;
        Place place = Place::queued;
        std::string key{};
        provider::Kind kind = provider::Kind::gemini;
        HttpLimits limits{};
        HttpClient::CallId http = 0;
        std::size_t held_bytes = 0;
        std::weak_ptr<StoreWork> fetching{};  // while it is prepared
        std::shared_ptr<Receipt> receipt{};   // from keeping on, until the settler alone has it
        std::optional<SpoolPlace> kept{};     // where the receipt is on disk
        std::optional<Settler::TaskId> settling{};
        bool slow = false;       // the store is, or has refused it
        bool waits = false;      // for its store
        bool told_kept = false;  // the worker knows that it may wait
        bool writing = false;    // the receipt, to the spool
        EventLoop::TimerId start_by_timer{};
        EventLoop::TimerId patience{};  // with the store
        bool cancelled = false;         // while it was prepared, or its answer was being kept
    };

    void begin_adoption();
    std::optional<std::string> obstacle(const AiRequest& request);
    void start_waiting();
    void prepare(Attempt attempt);
    void on_inputs(Attempt attempt, const ProviderConfig& config, StoreEnd<FetchedObjects> inputs);
    void send(Attempt attempt, core::Result<provider::HttpRequest> request);
    void on_end(Attempt attempt, HttpEnd end);
    void keep(Attempt attempt, HttpReply reply);
    void write_receipt(Attempt attempt);
    void on_kept(Attempt attempt, core::Result<SpoolPlace> kept);
    void settle(Attempt attempt);
    void on_slow(Attempt attempt);
    void on_wait(Attempt attempt);
    void tell_kept(Attempt attempt);
    void unload(Attempt attempt);
    void leave_to_the_next();

    void hold(Call& call, std::size_t bytes);
    core::Instant deadline(const Call& call) const { return call.intake + call.order.timeout; }
    // A call that begins later would be paid for, and may end before its answer.
    core::Instant start_by(const Call& call) const { return call.intake + call.order.timeout / 2; }
    AnswerHead head_of(const Call& call, bool sent) const;
    void give_back(Attempt attempt);
    void give_back(Attempt attempt, const std::string& reason);
    void fail(Attempt attempt, bool sent, const core::Error& error, const core::Pace& pace = core::unheard());
    void finish(Attempt attempt, const Answer& answer);
    void mark_not_sent(Attempt attempt, const core::Json& lease);
    void forget(Attempt attempt);
    void run_on_spool(std::function<void(Spool& spool)> work, std::function<void()> done);
    void end_of_patience();

    EventLoop& loop_;
    TaskPool& pool_;
    Stores& stores_;
    const PaidSettings settings_;
    Handlers handlers_;
    ProviderBook providers_;
    SpoolGate gate_;
    HttpClient http_;
    Settler settler_;
    std::unordered_map<Attempt, Call> calls_;
    std::deque<Attempt> waiting_;
    bool starting_ = false;
    std::size_t preparing_ = 0;
    std::size_t held_bytes_ = 0;
    std::size_t spool_work_ = 0;  // marks, and what is settled
    bool draining_ = false;
    bool alone_ = false;
    bool patience_over_ = false;
    std::optional<Adoption> adoption_;
};

}  // namespace atelier::executor
