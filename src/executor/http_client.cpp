#include "executor/http_client.hpp"

#include <deque>
#include <map>
#include <utility>

#include "executor/curl_reactor.hpp"
#include "executor/http_transfer.hpp"
#include "executor/reply_budget.hpp"

namespace atelier::executor {

class HttpClient::Impl {
  public:
    Impl(EventLoop& loop, std::size_t max_buffered_bytes, std::string ca_file)
        : loop_(loop),
          ca_file_(std::move(ca_file)),
          budget_(max_buffered_bytes),
          reactor_(loop, [this](void* easy, int curl_code) { on_ended(easy, curl_code); }) {}
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    CallId start(provider::HttpRequest request, const HttpLimits& limits, Done done);
    void stop(CallId id, TransferStop reason);
    bool body_left(CallId id) const;
    std::size_t under_way() const noexcept { return calls_.size(); }

  private:
    struct Call {
        HttpTransfer transfer;
        Done done;
        EventLoop::TimerId clock_timer{};
        bool ended = false;

        Call(CallId id, provider::HttpRequest request, const HttpLimits& limits, ReplyBudget& budget, Done when_done)
            : transfer(id, std::move(request), limits, budget), done(std::move(when_done)) {}
    };

    void on_ended(void* easy, int curl_code);
    void end(Call& call);
    void schedule_delivery();
    void deliver_next();
    void resume_held_back();
    void watch_clock(Call& call);
    void look_at_clock(Call& call);

    EventLoop& loop_;
    std::string ca_file_;
    ReplyBudget budget_;
    CurlReactor reactor_;
    std::map<CallId, std::unique_ptr<Call>> calls_;  // the oldest first
    std::deque<CallId> ended_;                       // whose `done` was not called yet
    EventLoop::TimerId delivery_{};
    CallId last_id_ = 0;
};

HttpClient::Impl::~Impl() {
    loop_.cancel(delivery_);
    for (const auto& [id, call] : calls_) {
        loop_.cancel(call->clock_timer);
        if (!call->ended) reactor_.remove(call->transfer.easy());
    }
}

HttpClient::CallId HttpClient::Impl::start(provider::HttpRequest request, const HttpLimits& limits, Done done) {
    const CallId id = ++last_id_;
    auto made = std::make_unique<Call>(id, std::move(request), limits, budget_, std::move(done));
    Call& call = *calls_.emplace(id, std::move(made)).first->second;
    if (!call.transfer.prepare(ca_file_)) {
        end(call);
        return id;
    }
    reactor_.add(call.transfer.easy());
    watch_clock(call);
    return id;
}

void HttpClient::Impl::stop(CallId id, TransferStop reason) {
    const auto found = calls_.find(id);
    if (found == calls_.end() || found->second->ended) return;
    Call& call = *found->second;
    call.transfer.stop(reason);
    reactor_.remove(call.transfer.easy());
    end(call);
}

bool HttpClient::Impl::body_left(CallId id) const {
    const auto found = calls_.find(id);
    return found != calls_.end() && found->second->transfer.body_left();
}

void HttpClient::Impl::on_ended(void* easy, int curl_code) {
    HttpTransfer& transfer = HttpTransfer::of(easy);
    if (transfer.has_looked(curl_code)) return reactor_.add(easy);
    transfer.ended(curl_code);
    end(*calls_.at(transfer.id()));
}

// `done` is called from a timer that is due at once: within no call of ours, and before any descriptor is served.
void HttpClient::Impl::end(Call& call) {
    call.ended = true;
    loop_.cancel(call.clock_timer);
    ended_.push_back(call.transfer.id());
    if (ended_.size() == 1) schedule_delivery();
}

void HttpClient::Impl::schedule_delivery() {
    constexpr core::Instant at_once{};
    delivery_ = loop_.at(at_once, [this] { deliver_next(); });
}

void HttpClient::Impl::deliver_next() {
    auto call = std::move(calls_.extract(ended_.front()).mapped());
    HttpEnd result = call->transfer.end();
    const Done done = std::move(call->done);
    call.reset();
    resume_held_back();
    ended_.pop_front();
    if (!ended_.empty()) schedule_delivery();
    // Last: it may destroy the client.
    done(std::move(result));
}

void HttpClient::Impl::resume_held_back() {
    for (const auto& [id, call] : calls_) {
        if (call->ended || !call->transfer.held_back()) continue;
        if (!call->transfer.resume(core::now())) {
            reactor_.remove(call->transfer.easy());
            end(*call);
        } else if (!call->transfer.held_back()) {
            watch_clock(*call);
        }
    }
}

void HttpClient::Impl::watch_clock(Call& call) {
    loop_.cancel(call.clock_timer);
    const core::Instant when = call.transfer.clock().next_look(core::now());
    call.clock_timer = loop_.at(when, [this, &call] { look_at_clock(call); });
}

void HttpClient::Impl::look_at_clock(Call& call) {
    const PayloadClock& clock = call.transfer.clock();
    if (core::now() < clock.deadline()) return watch_clock(call);
    switch (clock.next()) {
        case ClockKind::connect:
            return stop(call.transfer.id(), TransferStop::connect_clock);
        case ClockKind::progress:
            return stop(call.transfer.id(), TransferStop::progress_clock);
        case ClockKind::total:
            return stop(call.transfer.id(), TransferStop::total_clock);
    }
}

HttpClient::HttpClient(EventLoop& loop, std::size_t max_buffered_bytes, std::string ca_file)
    : impl_(std::make_unique<Impl>(loop, max_buffered_bytes, std::move(ca_file))) {}

HttpClient::~HttpClient() = default;

HttpClient::CallId HttpClient::start(provider::HttpRequest request, const HttpLimits& limits, Done done) {
    return impl_->start(std::move(request), limits, std::move(done));
}

void HttpClient::cancel(CallId id) {
    impl_->stop(id, TransferStop::cancelled);
}

bool HttpClient::body_left(CallId id) const {
    return impl_->body_left(id);
}

std::size_t HttpClient::under_way() const noexcept {
    return impl_->under_way();
}

}  // namespace atelier::executor
