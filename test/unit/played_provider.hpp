#pragma once
// Providers with limits of several kinds, and a lane of jobs before them, under a virtual clock.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include "core/lane_gate.hpp"

namespace atelier::core::played {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::seconds;

using Random = std::mt19937;

inline double between(Random& random, double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
}

inline Milliseconds ms(double count) {
    return Milliseconds{static_cast<std::int64_t>(count)};
}

// Lets `limit` requests through in `window`; nullopt: this one, otherwise how long until the next may come.
class Limiter {
  public:
    Limiter(int limit, Milliseconds window) : limit_(limit), window_(window) {}
    virtual ~Limiter() = default;
    Limiter(const Limiter&) = delete;
    Limiter& operator=(const Limiter&) = delete;
    virtual std::optional<Milliseconds> ask(Instant now) = 0;
    virtual void change(int limit) { limit_ = limit; }

  protected:
    int limit_;
    Milliseconds window_;
};

class FixedWindow : public Limiter {
  public:
    FixedWindow(int limit, Milliseconds window, Instant first) : Limiter(limit, window), begun_(first) {}
    std::optional<Milliseconds> ask(Instant now) override {
        while (now >= begun_ + window_) {
            begun_ += window_;
            count_ = 0;
        }
        if (count_ >= limit_) return elapsed(now, begun_ + window_) + Milliseconds{1};
        ++count_;
        return std::nullopt;
    }

  private:
    Instant begun_;
    int count_ = 0;
};

class SlidingLog : public Limiter {
  public:
    SlidingLog(int limit, Milliseconds window, bool counts_refused)
        : Limiter(limit, window), counts_refused_(counts_refused) {}
    std::optional<Milliseconds> ask(Instant now) override {
        while (!log_.empty() && log_.front() + window_ <= now)
            log_.pop_front();
        const bool refused = static_cast<int>(log_.size()) >= limit_;
        if (!refused || counts_refused_) log_.push_back(now);
        if (!refused) return std::nullopt;
        return elapsed(now, log_[log_.size() - static_cast<std::size_t>(limit_)] + window_) + Milliseconds{1};
    }

  private:
    bool counts_refused_;
    std::deque<Instant> log_;
};

// GCRA with a burst of one is a bucket of one token.
class TokenBucket : public Limiter {
  public:
    TokenBucket(int limit, Milliseconds window, int size) : Limiter(limit, window), size_(size), tokens_(size) {}
    std::optional<Milliseconds> ask(Instant now) override {
        const double token_ms = static_cast<double>(window_.count()) / limit_;
        const double passed = static_cast<double>(duration_cast<microseconds>(now - filled_).count()) / 1000;
        tokens_ = std::min<double>(size_, tokens_ + passed / token_ms);
        filled_ = now;
        if (tokens_ < 1) return ms(std::ceil((1 - tokens_) * token_ms));
        tokens_ -= 1;
        return std::nullopt;
    }

  private:
    int size_;
    double tokens_;
    Instant filled_{};
};

enum class Kind { fixed, sliding, sliding_counting, bucket, small_bucket, gcra };
inline constexpr int kinds = 6;
inline const char* const kind_names[] = {"fixed",  "sliding",      "sliding, counts refused",
                                         "bucket", "small bucket", "gcra"};
enum class Says { exactly, in_seconds, nothing };
inline constexpr int says_kinds = 3;
inline const char* const says_names[] = {"exact", "seconds", "nothing"};

struct World {
    Kind kind = Kind::fixed;
    Says says = Says::exactly;
    int limit = 60;
    Milliseconds window{60'000};
    double latency = 200;          // ms
    double refusal_latency = 100;  // ms
};

struct Played {
    int refused = 0;
    int requests = 0;
    Instant last_end{};
    int attempts_lost = 0;
    std::vector<Instant> arrivals;
};

struct Script {
    std::vector<std::pair<Instant, int>> arrivals{{Instant{}, 300}};
    std::optional<Instant> restart_at;
    std::optional<std::pair<Instant, int>> change;  // of the limit
    std::optional<std::pair<Instant, Instant>> outage;
    LaneLimits limits{32, false, {}};
};

class Simulation {
  public:
    Simulation(const World& world, const Script& script, std::uint32_t seed)
        : world_(world), script_(script), seed_(seed), random_(seed), limiter_(make()) {
        renew(nullptr);
    }

    Played run() {
        for (const auto& [at, count] : script_.arrivals)
            push(at, Event::jobs, count);
        if (script_.restart_at) push(*script_.restart_at, Event::restart, 0);
        if (script_.change) push(script_.change->first, Event::change, script_.change->second);
        while (!events_.empty()) {
            const Event event = events_.top();
            events_.pop();
            now_ = event.at;
            handle(event);
            begin();
        }
        EXPECT_EQ(waiting_, 0) << "the lane stalled";
        return played_;
    }

  private:
    struct Event {
        enum Type { jobs, arrives, ends, wakes, restart, change };
        Instant at;
        std::uint64_t number;
        Type type;
        int value = 0;
        LaneGate::Round round = 0;
        std::optional<Milliseconds> retry_after;
        bool refused = false;
        bool failed = false;
        int life = 0;

        bool operator<(const Event& other) const { return at != other.at ? at > other.at : number > other.number; }
    };

    std::unique_ptr<Limiter> make() {
        const auto first = Instant{} - ms(between(random_, 0, static_cast<double>(world_.window.count())));
        switch (world_.kind) {
            case Kind::fixed:
                return std::make_unique<FixedWindow>(world_.limit, world_.window, first);
            case Kind::sliding:
            case Kind::sliding_counting:
                return std::make_unique<SlidingLog>(world_.limit, world_.window, world_.kind == Kind::sliding_counting);
            case Kind::bucket:
                return std::make_unique<TokenBucket>(world_.limit, world_.window, world_.limit);
            case Kind::small_bucket:
                return std::make_unique<TokenBucket>(world_.limit, world_.window, 2 + static_cast<int>(random_() % 18));
            case Kind::gcra:
                return std::make_unique<TokenBucket>(world_.limit, world_.window, 1);
        }
        return nullptr;
    }

    void renew(const LaneGate* predecessor) {
        auto gate = std::make_unique<LaneGate>(script_.limits, now_, seed_);
        if (predecessor) {
            const GateView view = predecessor->view(now_);
            gate->recall(view.learned, now_);
            if (view.state == GateState::resting) gate->rest_until(*view.until, now_);
        }
        gate_ = std::move(gate);
        ++life_;
    }

    Event& push(Instant at, Event::Type type, int value) {
        pending_ = Event{at, number_++, type, value, 0, std::nullopt, false, false, life_};
        events_.push(pending_);
        return pending_;
    }

    void handle(const Event& event) {
        switch (event.type) {
            case Event::jobs:
                waiting_ += event.value;
                break;
            case Event::arrives:
                arrive(event);
                break;
            case Event::ends:
                end(event);
                break;
            case Event::restart:
                renew(gate_.get());
                break;
            case Event::change:
                limiter_->change(event.value);
                break;
            case Event::wakes:
                break;
        }
    }

    void arrive(const Event& event) {
        Event end = event;
        played_.arrivals.push_back(now_);
        end.failed = script_.outage && now_ >= script_.outage->first && now_ < script_.outage->second;
        if (!end.failed) end.retry_after = limiter_->ask(now_);
        end.refused = end.retry_after.has_value();
        const double usual = end.refused ? world_.refusal_latency : world_.latency;
        end.at = now_ + ms(1 + usual * between(random_, 0.7, 1.3));
        end.type = Event::ends;
        end.number = number_++;
        if (world_.says == Says::nothing) end.retry_after.reset();
        if (world_.says == Says::in_seconds && end.retry_after) {
            end.retry_after = Milliseconds{(end.retry_after->count() + 999) / 1000 * 1000};
        }
        events_.push(end);
    }

    void end(const Event& event) {
        Pace pace;
        if (event.refused) {
            pace.kind = PaceKind::rate_limited;
            pace.retry_after = event.retry_after;
            ++waiting_;
            ++played_.refused;
        } else if (event.failed) {
            pace.kind = PaceKind::failed;
            ++waiting_;
        } else {
            played_.last_end = now_;
        }
        const bool excused = event.life == life_ && gate_->ended(event.round, pace, now_);
        if (event.failed && !excused) ++played_.attempts_lost;
    }

    void begin() {
        while (waiting_ > 0 && gate_->room(now_) > 0) {
            --waiting_;
            ++played_.requests;
            const double way = between(random_, 2, std::min(40.0, world_.latency / 2));
            Event event{now_ + ms(way), number_++, Event::arrives, 0,    gate_->begun(now_),
                        std::nullopt,   false,     false,          life_};
            events_.push(event);
        }
        if (waiting_ == 0) return;
        const auto at = gate_->opens_at(now_);
        if (at && (!wake_at_ || *wake_at_ <= now_ || *at < *wake_at_)) {
            wake_at_ = at;
            push(*at, Event::wakes, 0);
        }
    }

    World world_;
    Script script_;
    std::uint32_t seed_;
    Random random_;
    std::unique_ptr<Limiter> limiter_;
    std::unique_ptr<LaneGate> gate_;
    std::priority_queue<Event> events_;
    Event pending_{};
    Instant now_{};
    std::uint64_t number_ = 0;
    int waiting_ = 0;
    int life_ = 0;
    std::optional<Instant> wake_at_;
    Played played_;
};

inline World world_of(std::uint32_t seed, Random& random) {
    World world;
    world.kind = static_cast<Kind>(seed % kinds);
    world.says = static_cast<Says>(seed / kinds % says_kinds);
    world.latency = std::exp(between(random, std::log(20.0), std::log(5000.0)));
    world.refusal_latency = std::min(world.latency, between(random, 10, 200));
    return world;
}

}  // namespace atelier::core::played
