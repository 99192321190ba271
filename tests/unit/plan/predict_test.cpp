#include "sparseloom/plan/predict.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "small_world.h"
#include "sparseloom/plan/episodes.h"
#include "sparseloom/plan/search/bottleneck.h"

namespace sparseloom::plan {
namespace {

using Stages = ResponseModel::Stages;

Slo bound_ms(double ms) { return {0.0, from_ms(ms)}; }
Stages whole(double ms, std::size_t processor) { return {{ms / 1e3}, testing::placement({processor}), false, true}; }
Stages open(double ms, std::size_t processor) { return {{ms / 1e3}, testing::placement({processor}), true, true}; }
soc::Pools unlike(std::size_t processors) { return testing::random_world(1, 0, 1, 1, processors).soc.pools(); }
soc::Pools alike(std::size_t processors) { return testing::world_of(processors).soc.pools(); }

ResponseModel on_episodes(const std::vector<Slo>& slos, const soc::Pools& pools, const PredictOptions& options = {}) {
  return {slos, pools, {.together = episodes(slos, pools.of.size())}, options};
}

TEST(Predict, ARequestAloneTakesItsLatency) {
  const Stages task{{0.001, 0.002}, testing::placement({0, 1}), false, true};
  const Prediction p = on_episodes({bound_ms(4)}, unlike(2)).predict({&task});
  EXPECT_DOUBLE_EQ(p.worst_ratio, 0.75);
  EXPECT_EQ(p.violation_rate, 0);
}

TEST(Predict, OnOneProcessorTheSecondRequestArrivesAfterTheFirstsBound) {
  // P = 1: the second arrives B = 4 ms after the first, which is done after 3.
  const Stages a = whole(3, 0);
  const Stages b = whole(3, 0);
  EXPECT_DOUBLE_EQ(on_episodes({bound_ms(4), bound_ms(4)}, unlike(1)).predict({&a, &b}).worst_ratio, 0.75);
}

TEST(Predict, OnASharedProcessorTheSecondRequestWaits) {
  // P = 2: the second arrives at 2 ms, waits until 3, ends at 6: 4 ms, its bound; and 0.1 ms more is late.
  const Stages a = whole(3, 0);
  const Stages b = whole(3, 0);
  EXPECT_DOUBLE_EQ(on_episodes({bound_ms(4), bound_ms(4)}, unlike(2)).predict({&a, &b}).worst_ratio, 1.0);
  EXPECT_EQ(on_episodes({bound_ms(4), bound_ms(4)}, unlike(2)).predict({&a, &b}).violation_rate, 0);
  PredictOptions slower;
  slower.slowdown = 1.05;
  EXPECT_EQ(on_episodes({bound_ms(4), bound_ms(4)}, unlike(2), slower).predict({&a, &b}).violation_rate, 0.5);
}

TEST(Predict, OnProcessorsOfTheirOwnNobodyWaits) {
  const Stages a = whole(3, 0);
  const Stages b = whole(3, 1);
  EXPECT_DOUBLE_EQ(on_episodes({bound_ms(4), bound_ms(4)}, unlike(2)).predict({&a, &b}).worst_ratio, 0.75);
}

TEST(Predict, BoundLateWhoeverIsFreeTakesTheNext) {
  const Stages a = whole(3, 0);
  const Stages b = open(3, 0);
  const auto worst_ratio = [&](const soc::Pools& pools) {
    return on_episodes({bound_ms(4), bound_ms(4)}, pools).predict({&a, &b}).worst_ratio;
  };
  EXPECT_DOUBLE_EQ(worst_ratio(unlike(2)), 1.0);  // in one of the two orders
  EXPECT_DOUBLE_EQ(worst_ratio(alike(2)), 1.0);   // b prefers the free processor 0, where a then has to wait
  const Stages elsewhere = open(3, 1);
  EXPECT_DOUBLE_EQ(on_episodes({bound_ms(4), bound_ms(4)}, alike(2)).predict({&a, &elsewhere}).worst_ratio, 0.75);
  EXPECT_DOUBLE_EQ(on_episodes({bound_ms(4), bound_ms(4)}, alike(2)).predict({&b, &b}).worst_ratio, 0.75);
}

TEST(Predict, BoundLateAStageTakesWhatItTakesWhereItRuns) {
  // Both prefer processor 0; the one that finds it busy runs on processor 1, which is three times as slow.
  Stages task = open(2, 0);
  task.on_processor = {{0.002, 0.006}};
  const Prediction p = on_episodes({bound_ms(3), bound_ms(3)}, alike(2)).predict({&task, &task});
  EXPECT_DOUBLE_EQ(p.worst_ratio, 2);
  EXPECT_EQ(p.violation_rate, 0.5);
}

TEST(Predict, OfThoseThatWaitTheEarlierDeadlineGoesFirst) {
  // On processor 0: a runs 0..10. b and c arrive meanwhile.
  // Orders that begin with a: b and c both wait at 10; c's bound is tight, so c overtakes b.
  const Stages a = whole(10, 0);
  const Stages b = whole(4, 0);
  const Stages c = whole(2, 0);
  const ResponseModel model = on_episodes({bound_ms(10), bound_ms(20), bound_ms(5)}, unlike(10));
  const Prediction p = model.predict({&a, &b, &c});
  // By hand, over the 6 orders (arrival gaps: a 1, b 2, c 0.5), finishing times minus arrivals:
  // abc: a 10, c 12-3=9, b 16-1=15; acb: a 10, c 12-1=11, b 16-1.5=14.5; bac: b 4, a 14-2=12, c 16-3=13 -> c (deadline
  // 8) before a (deadline 12) at 4: c ready at 3, so c 4..6 = 3, a 6..16 = 14; bca: b 4, c 6-2=4, a 16-2.5=13.5; cab: c
  // 2, at 2 both a (deadline 10.5) and b (1.5+20) wait: a 12-0.5=11.5, b 16-1.5=14.5; cba: c 2, at 2 b (deadline 20.5),
  // a (2.5) not there yet: b 6-0.5=5.5, a 16-2.5=13.5.
  const double late_a = 4;  // bac, bca, cab, cba
  const double late_c = 2;  // abc, acb
  EXPECT_NEAR(p.violation_rate, (late_a + late_c) / 18, 1e-12);
  EXPECT_NEAR(p.worst_ratio, 11.0 / 5, 1e-12);
}

TEST(Predict, AnInaccurateTaskAlwaysViolates) {
  Stages a = whole(1, 0);
  a.accurate = false;
  const Stages b = whole(1, 1);
  const Prediction p = on_episodes({bound_ms(4), bound_ms(4)}, unlike(2)).predict({&a, &b});
  EXPECT_DOUBLE_EQ(p.violation_rate, 0.5);
  EXPECT_GE(p.expected_violation_rate, 0.5);
}

TEST(Predict, ScatterTurnsSlackIntoAChance) {
  const Stages exact = whole(4, 0);
  const Stages slack = whole(3, 0);
  EXPECT_NEAR(on_episodes({bound_ms(4)}, unlike(1)).predict({&exact}).expected_violation_rate, 0.5, 1e-9);
  EXPECT_LT(on_episodes({bound_ms(4)}, unlike(1)).predict({&slack}).expected_violation_rate, 0.01);
}

TEST(Predict, ALoadIsPlayedAsItComesTaskByTask) {
  // One processor. a at 0 runs 0..3, a at 1 waits and ends at 6: 5 ms for a bound of 4. b comes when all is idle again.
  const Stages a = whole(3, 0);
  const Stages b = whole(1, 0);
  const ArrivalSequence arrivals{
      {from_ms(0), zoo::TaskId(0)}, {from_ms(1), zoo::TaskId(0)}, {from_ms(9), zoo::TaskId(1)}};
  const Prediction p = ResponseModel({bound_ms(4), bound_ms(4)}, unlike(1), {.together = {arrivals}}).predict({&a, &b});
  EXPECT_NEAR(p.violation_rate, 1.0 / 3, 1e-12);
  EXPECT_NEAR(p.worst_ratio, 1.25, 1e-12);
  EXPECT_NEAR(p.expected_by_task[0], 0.5, 0.01);
  EXPECT_LT(p.expected_by_task[1], 0.001);
}

// Bounds of 4 ms: requests more than 16 ms apart do not meet.
TEST(Predict, RequestsThatMeetNoOtherArePlayedOnce) {
  testing::World world = testing::world_of(1);
  for (const char* name : {"a", "b"}) testing::add_task(world, name, 1, {{"dense", 3, 0.9}}, {0.9, from_ms(4)});
  const zoo::TaskId a(0), b(1);
  const Load load{{{{from_ms(0), a}, {from_ms(100), a}, {from_ms(101), b}, {from_ms(200), b}, {from_ms(217), b}}}};
  Problem problem = world.problem();
  problem.load = &load;

  const ExpectedArrivals expected = arrivals_of(problem);
  ASSERT_EQ(expected.together.size(), 1U);
  EXPECT_EQ(expected.together[0].size(), 2U);
  EXPECT_EQ(expected.together[0][1].at, from_ms(101));
  EXPECT_EQ(expected.alone, (std::vector<double>{1, 2}));

  const Stages whole_task = whole(3, 0);
  const Prediction p = ResponseModel(world.slo.slos, unlike(1), expected).predict({&whole_task, &whole_task});
  EXPECT_DOUBLE_EQ(p.violation_rate, 1.0 / 5) << "b at 101 ms has to wait until 103";
  EXPECT_NEAR(p.expected_by_task[1], 1.0 / 3, 0.02);
}

TEST(Predict, OfADenseLoadASampleIsPlayed) {
  testing::World world = testing::world_of(1);
  testing::add_task(world, "a", 1, {{"dense", 3, 0.9}}, {0.9, from_ms(4)});
  Load load{{{}}};
  for (int k = 0; k < 1000; ++k) load.samples[0].push_back({from_ms(k), zoo::TaskId(0)});
  Problem problem = world.problem();
  problem.load = &load;
  std::size_t played = 0;
  for (const ArrivalSequence& sequence : arrivals_of(problem).together) played += sequence.size();
  EXPECT_EQ(played, 300U);
}

TEST(Predict, AModelledMachineDoesWhatItsModelSays) {
  testing::World world = testing::world_of(1);
  EXPECT_EQ(margins_of(world.problem()).slowdown, 1.05);
  world.soc.modelled = true;
  EXPECT_EQ(margins_of(world.problem()).slowdown, 1);
  EXPECT_LT(margins_of(world.problem()).variability, PredictOptions().variability);
}

TEST(Predict, WithoutRequestsNothingIsLate) {
  const Stages task = whole(1, 0);
  EXPECT_EQ(ResponseModel({bound_ms(4)}, unlike(1), {}).predict({&task}).expected_violation_rate, 0);
}

TEST(Predict, ManyTasksArePlayedInASampleOfOrders) {
  const Stages task = whole(1, 0);
  const std::vector<Slo> slos(9, bound_ms(20));
  const std::vector<const Stages*> tasks(9, &task);
  const Prediction p = on_episodes(slos, unlike(1)).predict(tasks);
  EXPECT_NEAR(p.worst_ratio, 0.05, 1e-9);
}

/// The least bottleneck over every choice of one option per task, of the tasks from `first` on.
double least_of_all(const std::vector<std::vector<BusyOption>>& tasks, std::vector<double> busy = {0, 0, 0},
                    std::size_t first = 0) {
  if (first == tasks.size()) return *std::max_element(busy.begin(), busy.end());
  double least = std::numeric_limits<double>::infinity();
  for (const BusyOption& option : tasks[first]) {
    std::vector<double> with = busy;
    for (std::size_t p = 0; p < with.size(); ++p) with[p] += option.busy[p];
    least = std::min(least, least_of_all(tasks, std::move(with), first + 1));
  }
  return least;
}

TEST(MinBottleneck, SaysWhatIsLeftToProveWhenItMayNotKeepEverything) {
  std::vector<std::vector<BusyOption>> tasks;
  for (std::size_t t = 0; t < 4; ++t) {
    tasks.emplace_back();
    for (std::size_t o = 0; o < 12; ++o) {
      const double a = 1 + static_cast<double>((7 * o + 3 * t) % 12) / 10;
      tasks.back().push_back({{a, 3.3 - a + 0.05 * static_cast<double>(t), 0.5 + 0.1 * static_cast<double>(o % 5)}, 0});
    }
  }
  const double least = least_of_all(tasks);
  const BottleneckResult exact = min_bottleneck(tasks);
  EXPECT_NEAR(exact.bottleneck, least, 1e-12);
  EXPECT_EQ(exact.lower_bound, exact.bottleneck);
  const BottleneckResult limited = min_bottleneck(tasks, {.max_partial = 2});
  EXPECT_GE(limited.bottleneck, least);
  EXPECT_LE(limited.lower_bound, least);
  EXPECT_LT(limited.lower_bound, limited.bottleneck) << "claims a proof";
  EXPECT_GT(limited.lower_bound, 0.7 * least) << "says next to nothing";
}

}  // namespace
}  // namespace sparseloom::plan
