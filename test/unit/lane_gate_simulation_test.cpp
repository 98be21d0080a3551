// Lanes against played providers under a virtual clock: what a gate learns must keep refusals rare and the time near
// the ideal, whatever kind of limiter the provider has and however much or little it says.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/lane_gate.hpp"
#include "played_provider.hpp"

namespace atelier::core {
namespace {

using std::chrono::seconds;

using played::between;
using played::Kind;
using played::kind_names;
using played::kinds;
using played::ms;
using played::Played;
using played::Random;
using played::Says;
using played::says_kinds;
using played::says_names;
using played::Script;
using played::Simulation;
using played::World;
using played::world_of;

// Of many lanes of one sort: shares of requests that were refused, and times as a multiple of the ideal one.
class Figures {
  public:
    void add(const Played& played, double ideal_seconds) {
        refused_.push_back(static_cast<double>(played.refused) / played.requests);
        time_.push_back(std::chrono::duration<double>(played.last_end - Instant{}).count() / ideal_seconds);
    }
    // p50, p90, p99 and worst of both.
    void say(const std::string& name) {
        std::sort(refused_.begin(), refused_.end());
        std::sort(time_.begin(), time_.end());
        std::printf("%-32s refused %4.2f%% %4.2f%% %4.2f%% %4.2f%%  time %5.3f %5.3f %5.3f %5.3f\n", name.c_str(),
                    100 * refused(.5), 100 * refused(.9), 100 * refused(.99), 100 * refused(1), time(.5), time(.9),
                    time(.99), time(1));
    }
    double refused(double share) const { return at(refused_, share); }
    double time(double share) const { return at(time_, share); }

  private:
    static double at(const std::vector<double>& sorted, double share) {
        return sorted.at(static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1)));
    }
    std::vector<double> refused_;
    std::vector<double> time_;
};

using Table = std::array<std::array<Figures, says_kinds>, kinds>;

struct Bounds {
    double refused;         // by half of the lanes
    double mostly_refused;  // by nine of ten
    double time;
    double mostly_time;
};

// A limiter that counts what it refuses misleads a gate: it is only not to come to a standstill there.
void expect(Table& table, const Bounds& bounds) {
    for (int kind = 0; kind < kinds; ++kind) {
        for (int says = 0; says < says_kinds; ++says) {
            const std::string name = std::string(kind_names[kind]) + ", " + says_names[says];
            SCOPED_TRACE(name);
            Figures& figures = table[kind][says];
            figures.say(name);
            const double slack = static_cast<Kind>(kind) == Kind::sliding_counting ? 1.5 : 1;
            EXPECT_LE(figures.refused(.5), bounds.refused * slack);
            EXPECT_LE(figures.refused(.9), bounds.mostly_refused * slack);
            EXPECT_LE(figures.time(.5), bounds.time * slack);
            EXPECT_LE(figures.time(.9), bounds.mostly_time * slack);
        }
    }
}

// Plays `seeds` lanes; `make` gives the script of a world and the time in seconds that is ideal for it.
template <class Make>
std::unique_ptr<Table> play(std::uint32_t seeds, Make make) {
    auto table = std::make_unique<Table>();
    for (std::uint32_t seed = 0; seed < seeds; ++seed) {
        Random random(seed);
        const World world = world_of(seed, random);
        const auto [script, ideal] = make(random);
        (*table)[static_cast<std::size_t>(world.kind)][static_cast<std::size_t>(world.says)].add(
            Simulation(world, script, seed).run(), ideal);
    }
    return table;
}

double in_seconds(Instant time) {
    return std::chrono::duration<double>(time - Instant{}).count();
}

// 60 requests a minute, nothing known of that, 300 jobs at once: five minutes are ideal, less where a service lets the
// first 60 in at once.
TEST(LaneGateSimulation, UnknownProvidersAreLearned) {
    auto table = play(10'000, [](Random&) { return std::pair{Script{}, 300.0}; });
    expect(*table, {.025, .036, 1.1, 1.2});
    for (const Kind kind : {Kind::fixed, Kind::sliding, Kind::bucket, Kind::gcra}) {
        for (const Says says : {Says::exactly, Says::in_seconds}) {
            const Figures& figures = (*table)[static_cast<std::size_t>(kind)][static_cast<std::size_t>(says)];
            EXPECT_LE(figures.refused(.9), .03);
            EXPECT_LE(figures.refused(1), .04);
            const bool coarse = kind == Kind::gcra && says == Says::in_seconds;
            EXPECT_LE(figures.time(.95), coarse ? 1.2 : 1.1);
        }
    }
}

TEST(LaneGateSimulation, BurstsAfterIdleTimesAreNoSurprise) {
    const auto table = play(1'500, [](Random& random) {
        Script script;
        script.arrivals = {{Instant{}, 100}};
        for (int burst = 0; burst < 4; ++burst)
            script.arrivals.push_back({script.arrivals.back().first + ms(between(random, 110'000, 600'000)), 100});
        return std::pair{script, in_seconds(script.arrivals.back().first) + 100};
    });
    expect(*table, {.03, .045, 1.05, 1.05});
}

TEST(LaneGateSimulation, RestartCostsLittle) {
    const auto table = play(1'500, [](Random& random) {
        Script script;
        script.restart_at = Instant{} + ms(between(random, 30'000, 240'000));
        return std::pair{script, 300.0};
    });
    expect(*table, {.03, .04, 1.1, 1.35});
}

TEST(LaneGateSimulation, LowerLimitIsFound) {
    const auto table = play(1'500, [](Random&) {
        Script script;
        script.arrivals = {{Instant{}, 600}};
        script.change = {Instant{} + seconds{150}, 30};
        return std::pair{script, 150 + 450 / .5};
    });
    expect(*table, {.025, .036, 1.15, 1.55});
}

TEST(LaneGateSimulation, HigherLimitIsFound) {
    const auto table = play(1'500, [](Random&) {
        Script script;
        script.arrivals = {{Instant{}, 600}};
        script.change = {Instant{} + seconds{150}, 120};
        return std::pair{script, 150 + 450 / 2.0};
    });
    expect(*table, {.02, .03, 1.6, 1.7});
}

TEST(LaneGateSimulation, OutageIsTriedSeldomAndLeftSlowly) {
    for (std::uint32_t seed = 0; seed < 300; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        World world;
        world.limit = 1'000'000;
        world.latency = std::exp(between(random, std::log(100.0), std::log(5000.0)));
        world.refusal_latency = between(random, 10, 200);
        Script script;
        const Instant from = Instant{} + ms(between(random, 1'000, 8'000));
        const Instant to = from + seconds{60};
        script.limits = {32, true, {}};
        script.outage = {from, to};
        script.arrivals = {{Instant{}, 5'000}};
        const Played played = Simulation(world, script, seed).run();
        EXPECT_LE(played.attempts_lost, 10);

        std::vector<Instant> tries;
        std::vector<Instant> after;
        for (const Instant at : played.arrivals) {
            // Until what began before has ended, others may begin.
            if (at > from + seconds{1} + ms(world.latency * 1.3) && at < to) tries.push_back(at);
            if (at >= to) after.push_back(at);
        }
        EXPECT_GE(tries.size(), 2U);
        EXPECT_LE(tries.size(), 4U);
        for (std::size_t i = 1; i < tries.size(); ++i)
            EXPECT_GE(tries[i] - tries[i - 1], seconds{5} * (1 << i));
        ASSERT_GE(after.size(), 64U);
        // One, two, three, .. at a time: in n round trips no more than grow with each success.
        const auto way = ms(world.latency * .7);
        for (std::size_t i = 1; i < 32; i = i * 2 + 1)
            EXPECT_GE(after[i] - after[0], way * static_cast<int>(std::bit_width(i))) << i;
    }
}

}  // namespace
}  // namespace atelier::core
