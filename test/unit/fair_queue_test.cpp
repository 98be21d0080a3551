#include "postgres/fair_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <vector>

#include "postgres/sweep_round.hpp"

namespace atelier::postgres {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr core::Instant start{std::chrono::hours{1000}};
constexpr std::int32_t lane = 1;

Tenant tenant(std::uint32_t number) {
    Tenant bytes{};
    for (std::size_t i = 0; i < 4; ++i)
        bytes[15 - i] = static_cast<unsigned char>(number >> (8 * i));
    return bytes;
}

TenantLimit limit(std::uint32_t number, double weight, std::optional<std::int32_t> most = {}, bool paused = false) {
    return {tenant(number), weight, most, paused};
}

// The table that is claimed from: entries by flow. Plays lease(): takes what is planned, as far as it is there.
class Table {
  public:
    explicit Table(FairQueue& queue) : queue_(queue) {}

    void add(const Flow& flow, int count = 1, core::Instant now = start, bool announced = true) {
        const std::int64_t first = last_ + 1;
        for (int i = 0; i < count; ++i)
            entries_[flow].push_back(++last_);
        if (announced) queue_.lower({flow, first}, now);
    }

    // Claims in order of the plan. What is taken is not under way afterwards.
    std::vector<Entry> claim(std::int32_t capacity, const std::vector<FairQueue::Room>& rooms) {
        const FairQueue::Plan plan = queue_.plan(capacity, rooms);
        std::vector<Entry> taken;
        for (const FairQueue::Take& take : plan.takes) {
            std::deque<std::int64_t>& there = entries_[take.flow];
            std::int32_t left = take.count;
            for (auto at = std::upper_bound(there.begin(), there.end(), take.watermark); left > 0 && at != there.end();
                 --left) {
                taken.push_back({take.flow, *at});
                at = there.erase(at);
            }
        }
        queue_.apply(plan, taken);
        return taken;
    }

    // Plays sweep().
    std::vector<Entry> lowest(const std::optional<Flow>& after = {}, std::size_t most = 1000000) const {
        std::vector<Entry> found;
        for (auto at = after ? entries_.upper_bound(*after) : entries_.begin(); at != entries_.end(); ++at) {
            if (found.size() == most) break;
            if (!at->second.empty()) found.push_back({at->first, at->second.front()});
        }
        return found;
    }

  private:
    FairQueue& queue_;
    std::map<Flow, std::deque<std::int64_t>, SweepOrder> entries_;
    std::int64_t last_ = 0;
};

std::map<Tenant, int> by_tenant(const std::vector<Entry>& taken) {
    std::map<Tenant, int> counts;
    for (const Entry& entry : taken)
        ++counts[entry.flow.tenant];
    return counts;
}

TEST(FairQueue, TakesAFlowInOrderAndForgetsItWhenItIsEmpty) {
    FairQueue queue;
    Table table(queue);
    table.add({lane, 0, tenant(1)}, 5);
    EXPECT_EQ(table.claim(2, {{lane, 10}}).back().sequence, 2);
    EXPECT_EQ(table.claim(10, {{lane, 10}}).size(), 3U);
    EXPECT_EQ(queue.flows(), 0U);
    EXPECT_TRUE(queue.waiting_lanes().empty());
}

TEST(FairQueue, LooksAgainBelowItsWatermarkWhenANoteSaysSo) {
    FairQueue queue;
    Table table(queue);
    table.add({lane, 0, tenant(1)}, 3);
    table.claim(2, {{lane, 10}});
    queue.lower({{lane, 0, tenant(1)}, 1}, start);
    const FairQueue::Plan plan = queue.plan(5, {{lane, 10}});
    ASSERT_EQ(plan.takes.size(), 1U);
    EXPECT_EQ(plan.takes[0].watermark, 0);
    queue.undo(plan);
}

TEST(FairQueue, LanesTakeTurnsWhenThereIsLittleRoom) {
    FairQueue queue;
    Table table(queue);
    for (const std::int32_t each : {1, 2, 3})
        table.add({each, 0, tenant(1)}, 100);
    std::map<std::int32_t, int> counts;
    for (int i = 0; i < 30; ++i)
        for (const Entry& entry : table.claim(2, {{1, 100}, {2, 100}, {3, 100}}))
            ++counts[entry.flow.lane];
    EXPECT_EQ(counts, (std::map<std::int32_t, int>{{1, 20}, {2, 20}, {3, 20}}));
}

TEST(FairQueue, ALaneTakesNoMoreThanItsRoom) {
    FairQueue queue;
    Table table(queue);
    table.add({1, 0, tenant(1)}, 100);
    table.add({2, 0, tenant(1)}, 100);
    std::map<std::int32_t, int> counts;
    for (const Entry& entry : table.claim(50, {{1, 7}, {2, 0}}))
        ++counts[entry.flow.lane];
    EXPECT_EQ(counts, (std::map<std::int32_t, int>{{1, 7}}));
}

TEST(FairQueue, SharesALaneByWeight) {
    FairQueue queue;
    queue.set_tenants({limit(2, 3)});
    Table table(queue);
    table.add({lane, 0, tenant(1)}, 10000);
    table.add({lane, 0, tenant(2)}, 10000);
    std::map<Tenant, int> counts;
    for (int i = 0; i < 1000; ++i)
        for (const auto& [who, taken] : by_tenant(table.claim(7, {{lane, 1 + i % 5}})))
            counts[who] += taken;
    EXPECT_NEAR(3.0 * counts[tenant(1)], counts[tenant(2)], 4);
}

// One that has a single job at a time is no backlog, but when its share is used up it waits all the same, also when a
// sweep has meanwhile seen that it has nothing.
TEST(FairQueue, WhoComesBackAtOnceGetsNoMoreThanItsShare) {
    for (const bool swept : {false, true}) {
        FairQueue queue;
        queue.set_tenants({limit(2, 3)});
        Table table(queue);
        Notes late;
        late.clear();
        table.add({lane, 0, tenant(2)}, 10000);
        table.add({lane, 0, tenant(1)});
        std::map<Tenant, int> counts;
        for (int i = 0; i < 400; ++i) {
            for (const auto& [who, taken] : by_tenant(table.claim(1, {{lane, 1}}))) {
                counts[who] += taken;
                if (swept) queue.apply_sweep({{}, {}, table.lowest()}, late, start);
                if (who == tenant(1)) table.add({lane, 0, tenant(1)});
            }
        }
        EXPECT_NEAR(3.0 * counts[tenant(1)], counts[tenant(2)], 8);
    }
}

TEST(FairQueue, ANewcomerWaitsForNobodysBacklog) {
    FairQueue queue;
    Table table(queue);
    table.add({lane, 0, tenant(1)}, 100000);
    table.claim(1000, {{lane, 1000}});
    table.add({lane, 0, tenant(2)});
    EXPECT_EQ(by_tenant(table.claim(2, {{lane, 2}}))[tenant(2)], 1);
}

// Who was away does not catch up for the time in which it had nothing to do.
TEST(FairQueue, NobodySavesUpATurn) {
    FairQueue queue;
    Table table(queue);
    table.add({lane, 0, tenant(1)}, 1000);
    table.add({lane, 0, tenant(2)}, 1);
    table.claim(500, {{lane, 500}});
    table.add({lane, 0, tenant(2)}, 1000);
    const auto counts = by_tenant(table.claim(100, {{lane, 100}}));
    EXPECT_NEAR(counts.at(tenant(2)), 50, 1);
}

TEST(FairQueue, AnUndonePlanLeavesEverythingAsItWas) {
    FairQueue queue;
    queue.set_tenants({limit(1, 1, 5)});
    Table table(queue);
    table.add({lane, 0, tenant(1)}, 1000);
    table.add({lane, 0, tenant(2)}, 1000);
    for (int i = 0; i < 50; ++i)
        queue.undo(queue.plan(100, {{lane, 100}}));
    table.add({lane, 0, tenant(3)}, 1000);
    const auto counts = by_tenant(table.claim(12, {{lane, 12}}));
    EXPECT_EQ(counts, (std::map<Tenant, int>{{tenant(1), 4}, {tenant(2), 4}, {tenant(3), 4}}));
}

TEST(FairQueue, PrioritiesOrderTheWorkOfATenant) {
    FairQueue queue;
    Table table(queue);
    table.add({lane, 5, tenant(1)}, 10);
    table.add({lane, -3, tenant(1)}, 10);
    table.add({lane, 0, tenant(1)}, 10);
    std::vector<std::int16_t> order;
    for (int i = 0; i < 40; ++i)
        for (const Entry& entry : table.claim(1, {{lane, 1}}))
            order.push_back(entry.flow.priority);
    EXPECT_EQ(order.size(), 30U);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(FairQueue, UrgentWorkOfOneTenantTakesNothingFromAnother) {
    FairQueue queue;
    Table table(queue);
    table.add({lane, -30000, tenant(1)}, 1000);
    table.add({lane, 0, tenant(2)}, 1000);
    EXPECT_EQ(by_tenant(table.claim(100, {{lane, 100}}))[tenant(2)], 50);
}

TEST(FairQueue, WaitingMakesUpForAPriority) {
    FairQueue queue;
    queue.set_aging(minutes{1});
    Table table(queue);
    core::Instant now = start;
    table.add({lane, 3, tenant(1)}, 1, now);
    // Normal work that never ends.
    int minute = 0;
    for (; minute < 10; ++minute, now += minutes{1}) {
        table.add({lane, 0, tenant(1)}, 60, now);
        const auto taken = table.claim(60, {{lane, 60}});
        if (std::any_of(taken.begin(), taken.end(), [](const Entry& e) { return e.flow.priority == 3; })) break;
    }
    EXPECT_EQ(minute, 4);
}

TEST(FairQueue, WithoutAgingAPriorityIsNeverOutwaited) {
    FairQueue queue;
    Table table(queue);
    core::Instant now = start;
    table.add({lane, 1, tenant(1)}, 1, now);
    for (int i = 0; i < 100; ++i, now += minutes{10}) {
        table.add({lane, 0, tenant(1)}, 10, now);
        for (const Entry& entry : table.claim(9, {{lane, 9}}))
            ASSERT_EQ(entry.flow.priority, 0);
    }
}

TEST(FairQueue, AChangeOfAgingOrdersWhatWaits) {
    FairQueue queue;
    Table table(queue);
    table.add({lane, 1, tenant(1)}, 1, start);
    table.add({lane, 0, tenant(1)}, 10, start + minutes{5});
    queue.set_aging(minutes{1});
    EXPECT_EQ(table.claim(1, {{lane, 1}}).at(0).flow.priority, 1);
}

TEST(FairQueue, ATenantNeverHasMoreThanItsMaximum) {
    FairQueue queue;
    queue.set_tenants({limit(1, 1, 3)});
    Table table(queue);
    for (const std::int32_t each : {1, 2, 3})
        table.add({each, 0, tenant(1)}, 1000);
    int under_way = 0;
    for (int i = 0; i < 200; ++i) {
        for (const Entry& entry : table.claim(100, {{1, 10}, {2, 10}, {3, 10}})) {
            ++under_way;
            queue.occupy(entry.flow.tenant);
        }
        ASSERT_EQ(under_way, 3);
        EXPECT_TRUE(queue.waiting_lanes().empty()) << "it is set aside, not looked at in vain";
        for (int ended = 0; ended <= i % 3; ++ended, --under_way)
            queue.vacate(tenant(1));
    }
}

TEST(FairQueue, ALowerMaximumCountsWhatIsUnderWay) {
    FairQueue queue;
    Table table(queue);
    table.add({lane, 0, tenant(1)}, 100);
    for (const Entry& entry : table.claim(10, {{lane, 10}}))
        queue.occupy(entry.flow.tenant);
    queue.set_tenants({limit(1, 1, 4)});
    for (int ended = 0; ended < 6; ++ended, queue.vacate(tenant(1)))
        EXPECT_TRUE(table.claim(10, {{lane, 10}}).empty());
    EXPECT_TRUE(table.claim(10, {{lane, 10}}).empty());
    queue.vacate(tenant(1));
    EXPECT_EQ(table.claim(10, {{lane, 10}}).size(), 1U);
    queue.set_tenants({});
    EXPECT_EQ(table.claim(10, {{lane, 10}}).size(), 10U);
}

TEST(FairQueue, APausedTenantWaitsAndIsNoBacklog) {
    FairQueue queue;
    Table table(queue);
    table.add({lane, 0, tenant(1)}, 10);
    table.add({lane, 0, tenant(2)}, 10);
    queue.set_tenants({limit(1, 2, {}, true)});
    EXPECT_EQ(queue.backlog(lane).tenants, 1);
    EXPECT_EQ(queue.backlog(lane).weights, 1);
    EXPECT_EQ(by_tenant(table.claim(20, {{lane, 20}})), (std::map<Tenant, int>{{tenant(2), 10}}));
    EXPECT_TRUE(queue.waiting_lanes().empty());
    queue.set_tenants({limit(1, 2)});
    EXPECT_EQ(queue.backlog(lane).weights, 2);
    EXPECT_EQ(table.claim(20, {{lane, 20}}).size(), 10U);
    EXPECT_EQ(queue.backlog(lane).tenants, 0);
}

TEST(FairQueue, ASweepFindsWhatNoNoteToldAndForgetsWhatIsGone) {
    FairQueue queue;
    Table table(queue);
    table.add({lane, 0, tenant(1)}, 2);
    table.add({lane, 0, tenant(2)}, 2, start, false);
    table.add({2, 7, tenant(2)}, 1, start, false);
    queue.lower({{3, 0, tenant(9)}, 1}, start);
    Notes late;
    late.clear();
    EXPECT_EQ(queue.apply_sweep({{}, {}, table.lowest()}, late, start), 2);
    EXPECT_EQ(queue.waiting_lanes(), (std::vector<std::int32_t>{1, 2}));
    EXPECT_EQ(table.claim(10, {{1, 10}, {2, 10}}).size(), 5U);
}

TEST(FairQueue, WhatIsNotedMeanwhileIsNoNews) {
    FairQueue queue;
    Table table(queue);
    table.add({lane, 0, tenant(2)}, 2, start, false);
    Notes late;
    late.clear();
    late.add_entry({{lane, 0, tenant(2)}, 1});
    EXPECT_EQ(queue.apply_sweep({{}, {}, table.lowest()}, late, start), 0);
}

TEST(FairQueue, APageOfASweepSaysNothingOfOtherFlows) {
    FairQueue queue;
    Table table(queue);
    for (std::uint32_t i = 1; i <= 5; ++i)
        table.add({lane, 0, tenant(i)});
    Notes late;
    late.clear();
    queue.apply_sweep({Flow{lane, 0, tenant(1)}, Flow{lane, 0, tenant(4)}, {{{lane, 0, tenant(3)}, 3}}}, late, start);
    std::vector<Tenant> left;
    for (const auto& [who, count] : by_tenant(table.claim(10, {{lane, 10}})))
        left.push_back(who);
    EXPECT_EQ(left, (std::vector<Tenant>{tenant(1), tenant(3), tenant(5)}));
}

// More flows wait than fit: all of them are served, by and by.
TEST(FairQueue, WhatDoesNotFitComesInTurn) {
    constexpr std::uint32_t tenants = 1000;
    FairQueue queue(100);
    SweepRound round(64);
    Table table(queue);
    for (std::uint32_t i = 1; i <= tenants; ++i)
        table.add({lane, 0, tenant(i)}, 1000);
    Notes late;
    late.clear();
    std::map<Tenant, int> counts;
    for (int i = 0; i < 40; ++i) {
        for (const auto& [who, taken] : by_tenant(table.claim(100, {{lane, 100}})))
            counts[who] += taken;
        for (round.begin(queue.sweep_begins()); round.under_way();) {
            queue.apply_sweep(round.take(table.lowest(round.after(), round.flows_a_page())), late, start);
            ASSERT_LE(queue.flows(), 100U);
        }
    }
    EXPECT_EQ(counts.size(), tenants);
    for (const auto& [who, taken] : counts)
        EXPECT_LE(taken, 8);
}

TEST(FairQueue, AFullLaneLeavesRoomForOthers) {
    FairQueue queue(100);
    Table table(queue);
    for (std::uint32_t i = 1; i <= 1000; ++i)
        table.add({1, 0, tenant(i)});
    table.add({2, 0, tenant(1)});
    EXPECT_EQ(queue.waiting_lanes(), (std::vector<std::int32_t>{1, 2}));
    EXPECT_FALSE(queue.wants_sweep());
    for (int i = 0; i < 3; ++i)
        table.claim(60, {{1, 60}});
    EXPECT_TRUE(queue.wants_sweep()) << "there is room again for what was left out";
}

TEST(FairQueue, PausedTenantsMakeRoomFirst) {
    FairQueue queue(10);
    Table table(queue);
    std::vector<TenantLimit> paused;
    for (std::uint32_t i = 1; i <= 10; ++i)
        paused.push_back(limit(i, 1, {}, true));
    queue.set_tenants(paused);
    for (std::uint32_t i = 1; i <= 20; ++i)
        table.add({lane, 0, tenant(i)});
    EXPECT_EQ(table.claim(100, {{lane, 100}}).size(), 10U);
}

double seconds_for(std::uint32_t tenants, int jobs) {
    FairQueue queue(200000);
    Table table(queue);
    for (std::uint32_t i = 1; i <= tenants; ++i)
        table.add({lane, 0, tenant(i)}, 1 + jobs / static_cast<int>(tenants));
    const auto begin = std::chrono::steady_clock::now();
    int planned = 0;
    while (planned < jobs) {
        const FairQueue::Plan plan = queue.plan(100, {{lane, 100}});
        std::vector<Entry> taken;
        for (const FairQueue::Take& take : plan.takes) {
            for (int i = 0; i < take.count; ++i)
                taken.push_back({take.flow, take.watermark + 1 + i});
            planned += take.count;
        }
        queue.apply(plan, taken);
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The cost of a decision is the logarithm of the number of tenants, and what the memory of so many costs. A scan of
// 100,000 tenants for each of these jobs would take minutes.
TEST(FairQueue, ADecisionAmongManyTenantsIsCheap) {
    seconds_for(10, 1000);
    const double few = seconds_for(10, 100000);
    const double many = seconds_for(100000, 100000);
    RecordProperty("microseconds_few", std::to_string(few * 10));
    RecordProperty("microseconds_many", std::to_string(many * 10));
    EXPECT_LT(many, 100 * few + 1);
}

TEST(FairQueue, ManyTenantsAllComeOnceBeforeAnybodyComesTwice) {
    constexpr std::uint32_t tenants = 100000;
    FairQueue queue(200000);
    Table table(queue);
    for (std::uint32_t i = 1; i <= tenants; ++i)
        table.add({lane, 0, tenant(i)}, 2);
    std::map<Tenant, int> counts;
    for (std::uint32_t i = 0; i < tenants; i += 1000)
        for (const auto& [who, taken] : by_tenant(table.claim(1000, {{lane, 1000}})))
            counts[who] += taken;
    EXPECT_EQ(counts.size(), tenants);
}

// A round sees every flow once, whatever the pages; a lane with very many lets the others go first.
TEST(SweepRound, SeesEveryFlow) {
    FairQueue queue;
    Table table(queue);
    for (std::uint32_t i = 1; i <= 100; ++i)
        table.add({5, static_cast<std::int16_t>(i % 7), tenant(i)}, 1, start, false);
    for (const std::int32_t each : {1, 2, 6, 9})
        for (std::uint32_t i = 1; i <= 3; ++i)
            table.add({each, 0, tenant(i)}, 1, start, false);
    for (const std::size_t page_size : {1, 2, 3, 7, 50, 112, 113, 1000}) {
        for (const std::optional<Flow>& from : {std::optional<Flow>{}, std::optional<Flow>{{5, 0, tenant(50)}}}) {
            std::multiset<Flow> seen;
            std::vector<std::int32_t> lanes;
            SweepRound round(page_size);
            for (round.begin(from); round.under_way();) {
                const SweepPage page = round.take(table.lowest(round.after(), page_size));
                for (const Entry& entry : page.found) {
                    seen.insert(entry.flow);
                    EXPECT_TRUE(!page.after || SweepOrder()(*page.after, entry.flow));
                    EXPECT_TRUE(!page.last || !SweepOrder()(*page.last, entry.flow));
                    if (lanes.empty() || lanes.back() != entry.flow.lane) lanes.push_back(entry.flow.lane);
                }
            }
            EXPECT_EQ(seen.size(), 112U) << page_size;
            EXPECT_EQ(std::set<Flow>(seen.begin(), seen.end()).size(), 112U);
            if (page_size == 7 && !from) {
                EXPECT_EQ(lanes, (std::vector<std::int32_t>{1, 2, 5, 6, 9, 5}));
            }
        }
    }
}

TEST(SequenceTimes, KnowsWhenASequenceCame) {
    SequenceTimes times;
    for (int i = 0; i <= 20000; ++i)
        times.observe(10 * i + 5, start + seconds{2 * i});
    EXPECT_EQ(times.time_of(1), start);
    for (const int i : {100, 5000, 19999}) {
        const auto off = times.time_of(10 * i + 5) - (start + seconds{2 * i});
        EXPECT_LE(std::chrono::abs(off), seconds{40}) << i;
    }
    EXPECT_LE(start + seconds{40000} - times.time_of(1000000), seconds{40});
}

TEST(SequenceTimes, APauseIsNotPutOnWhatCameBeforeIt) {
    SequenceTimes times;
    times.observe(1, start);
    times.observe(9, start + std::chrono::milliseconds{900});
    times.observe(10, start + minutes{10});
    EXPECT_EQ(times.time_of(9), start);
    EXPECT_EQ(times.time_of(10), start + minutes{10});
}

}  // namespace
}  // namespace atelier::postgres
