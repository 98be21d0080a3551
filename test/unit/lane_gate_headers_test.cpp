// Lanes against played services that tell in each answer what is left of their limit and until when, under a virtual
// clock: no demand that is lower than the limit is ever held up, and one that is higher gets all of it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <vector>

#include "core/lane_gate.hpp"

namespace atelier::core {
namespace {

using std::chrono::seconds;

using Random = std::mt19937;

double between(Random& random, double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
}

Instant at_ms(double ms) {
    return Instant{} + std::chrono::microseconds{static_cast<std::int64_t>(ms * 1000)};
}

// The end of the window that is counted in, or the time to a full bucket.
enum class Reset { end_of_window, full_bucket };
enum class Rounding { none, up, down };

struct Service {
    Reset reset = Reset::end_of_window;
    Rounding rounding = Rounding::none;  // to whole seconds
    double limit = 60;
    double window = 60'000;  // ms, as all times here
    double latency = 200;
    double gap = 0;  // between jobs
    int jobs = 300;
    bool trusted = false;
    double restarts = 0;  // in such intervals; 0: none
};

struct Outcome {
    int refused = 0;
    int requests = 0;
    double longest_wait = 0;
    double last_end = 0;
};

class Simulation {
  public:
    Simulation(const Service& service, std::uint32_t seed)
        : service_(service), random_(seed), window_ends_(between(random_, 0, service.window)), tokens_(service.limit) {
        renew(0);
    }

    Outcome run() {
        double now = 0;
        while (done_ < service_.jobs) {
            while (made_ < service_.jobs && made_ * service_.gap <= now)
                waiting_.push(made_++ * service_.gap);
            for (; !events_.empty() && events_.top().at <= now; events_.pop())
                handle(events_.top());
            if (done_ == service_.jobs) break;
            if (service_.restarts > 0 && now >= life_ * service_.restarts) renew(now);
            begin(now);
            const double next = next_after(now);
            if (!std::isfinite(next)) {
                ADD_FAILURE() << "the lane stalled";
                break;
            }
            now = next;
        }
        return outcome_;
    }

  private:
    struct Event {
        double at;
        LaneGate::Round round;
        int life;
        double made;
        bool arrives;
        Pace pace;

        bool operator<(const Event& other) const { return at > other.at; }
    };

    void renew(double now) {
        const auto before = gate_ ? gate_->view(at_ms(now)) : GateView{};
        gate_ = std::make_unique<LaneGate>(LaneLimits{32, service_.trusted, {}}, at_ms(now), 0);
        gate_->recall(before.learned, at_ms(now));
        ++life_;
    }

    double next_after(double now) const {
        double next = events_.empty() ? HUGE_VAL : events_.top().at;
        if (made_ < service_.jobs) next = std::min(next, made_ * service_.gap);
        const auto opens = waiting_.empty() ? std::nullopt : gate_->opens_at(at_ms(now));
        if (opens) next = std::min(next, std::chrono::duration<double, std::milli>(*opens - Instant{}).count());
        return std::max(next, now + .001);
    }

    void begin(double now) {
        while (!waiting_.empty() && gate_->room(at_ms(now)) > 0) {
            const double made = waiting_.top();
            waiting_.pop();
            outcome_.longest_wait = std::max(outcome_.longest_wait, now - made);
            ++outcome_.requests;
            events_.push({now + between(random_, 1, std::min(40.0, service_.latency / 2)),
                          gate_->begun(at_ms(now)),
                          life_,
                          made,
                          true,
                          {}});
        }
    }

    void handle(Event event) {
        if (event.arrives) {
            event.pace = ask(event.at);
            event.arrives = false;
            event.at += service_.latency * between(random_, .5, 1.5);
            events_.push(event);
            return;
        }
        if (event.life == life_) gate_->ended(event.round, event.pace, at_ms(event.at));
        if (event.pace.kind == PaceKind::answered) {
            ++done_;
            outcome_.last_end = event.at;
        } else {
            ++outcome_.refused;
            waiting_.push(event.made);
        }
    }

    Pace ask(double now) {
        if (service_.reset == Reset::full_bucket) {
            tokens_ = std::min(service_.limit, tokens_ + (now - asked_) * service_.limit / service_.window);
        } else if (now >= window_ends_) {
            window_ends_ += std::ceil((now - window_ends_) / service_.window + 1e-9) * service_.window;
            tokens_ = service_.limit;
        }
        asked_ = now;
        Pace pace;
        if (tokens_ >= 1) {
            tokens_ -= 1;
        } else {
            pace.kind = PaceKind::rate_limited;
        }
        const bool bucket = service_.reset == Reset::full_bucket;
        const double reset =
            bucket ? (service_.limit - tokens_) * service_.window / service_.limit : window_ends_ - now;
        const double one = bucket ? (1 - tokens_) * service_.window / service_.limit : reset;
        if (pace.kind == PaceKind::rate_limited) pace.retry_after = rounded(one);
        pace.limits.push_back({Axis::requests, static_cast<std::uint64_t>(service_.limit),
                               static_cast<std::uint64_t>(tokens_), rounded(reset), std::nullopt});
        return pace;
    }

    Milliseconds rounded(double ms) const {
        const double unit = service_.rounding == Rounding::none ? 1 : 1000;
        const double units = service_.rounding == Rounding::down ? std::floor(ms / unit) : std::ceil(ms / unit);
        return Milliseconds{static_cast<std::int64_t>(units * unit)};
    }

    Service service_;
    Random random_;
    std::unique_ptr<LaneGate> gate_;
    int life_ = 0;
    double window_ends_;
    double tokens_;
    double asked_ = 0;
    std::priority_queue<Event> events_;
    std::priority_queue<double, std::vector<double>, std::greater<>> waiting_;
    int made_ = 0;
    int done_ = 0;
    Outcome outcome_;
};

Service service_of(std::uint32_t seed, Random& random) {
    Service service;
    service.reset = static_cast<Reset>(seed % 2);
    service.rounding = static_cast<Rounding>(seed / 2 % 3);
    service.trusted = seed / 6 % 2 == 1;
    service.latency = std::exp(between(random, std::log(20.0), std::log(5000.0)));
    return service;
}

// Four hours at half of the limit or far below, with a restart in each.
TEST(LaneGateHeaders, DemandBelowTheLimitIsNeverHeldUp) {
    for (std::uint32_t seed = 0; seed < 72; ++seed) {
        Random random(seed);
        Service service = service_of(seed, random);
        service.limit = std::vector{60.0, 500.0, 1000.0}[seed / 12 % 3];
        service.gap = service.window / service.limit * std::exp(between(random, std::log(2.0), std::log(40.0)));
        service.latency = std::min(service.latency, 2 * service.gap);
        service.restarts = 3'600'000;
        service.jobs = static_cast<int>(4 * 3'600'000 / service.gap);
        SCOPED_TRACE(testing::Message() << "seed " << seed << ", limit " << service.limit << ", one in " << service.gap
                                        << " ms, latency " << service.latency);
        const Outcome outcome = Simulation(service, seed).run();
        EXPECT_EQ(outcome.refused, 0);
        EXPECT_LE(outcome.longest_wait, 3'500) << "but for the careful growth of a new lane";
        EXPECT_LE(outcome.last_end, 4 * 3'600'000 + 10'000);
    }
}

double share_of(std::vector<double>& values, double share) {
    std::sort(values.begin(), values.end());
    return values.at(static_cast<std::size_t>(share * static_cast<double>(values.size() - 1)));
}

TEST(LaneGateHeaders, DemandAboveTheLimitGetsAllOfIt) {
    for (const bool trusted : {false, true}) {
        SCOPED_TRACE(trusted ? "trusted" : "unknown");
        std::vector<double> refused;
        std::vector<double> time;
        for (std::uint32_t seed = 0; seed < 600; ++seed) {
            Random random(seed);
            Service service = service_of(seed, random);
            service.trusted = trusted;
            const Outcome outcome = Simulation(service, seed).run();
            refused.push_back(static_cast<double>(outcome.refused) / outcome.requests);
            time.push_back(outcome.last_end / 300'000);
        }
        std::printf("%-8s refused %.2f%% %.2f%% %.2f%%  time %.3f %.3f %.3f\n", trusted ? "trusted" : "unknown",
                    100 * share_of(refused, .5), 100 * share_of(refused, .9), 100 * share_of(refused, 1),
                    share_of(time, .5), share_of(time, .9), share_of(time, 1));
        // One that is trusted begins with all at once, before anybody told of a limit.
        EXPECT_LE(share_of(refused, .5), trusted ? .05 : .02);
        EXPECT_LE(share_of(refused, .9), trusted ? .11 : .035);
        EXPECT_LE(share_of(time, .9), 1.1);
    }
}

}  // namespace
}  // namespace atelier::core
