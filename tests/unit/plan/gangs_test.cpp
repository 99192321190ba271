// Gangs, processors that run one subgraph together, as planners see them (docs/planning.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "small_world.h"
#include "sparseloom/plan/costs.h"
#include "sparseloom/plan/explain.h"
#include "sparseloom/plan/predict.h"

namespace sparseloom::plan {
namespace {

using testing::add_gang;
using testing::add_task;
using ::testing::HasSubstr;
using testing::set_ms;
using testing::World;
using testing::world_of;

constexpr std::size_t kGang = 2;

/// Two processors alike, their gang, and a task of one stage that takes 10 ms on either and `together` on both.
World pair_and_gang(double together, double bound) {
  World world = world_of(2);
  add_gang(world, {0, 1});
  add_task(world, "large", 1, {{"dense", 10, 0.9}}, {0.9, from_ms(bound)});
  set_ms(world, 0, 0, 0, kGang, together);
  return world;
}

/// Two such tasks.
World two_tasks(double together, double bound) {
  World world = pair_and_gang(together, bound);
  add_task(world, "as large", 1, {{"dense", 10, 0.9}}, {0.9, from_ms(bound)});
  set_ms(world, 1, 0, 0, kGang, together);
  return world;
}

Plan plan_by(const char* planner, const World& world) {
  auto plan = (*find_planner(planner))->plan(world.problem());
  EXPECT_TRUE(plan.ok()) << plan.status().message();
  return *std::move(plan);
}

std::size_t place(const Plan& plan, std::size_t task) { return plan.tasks[task].placement.front().index(); }

TEST(Gangs, AreTakenWhereABoundAsksForIt) {
  for (const char* planner : {"exact", "sparseloom"}) {
    EXPECT_EQ(place(plan_by(planner, two_tasks(6, 7)), 0), kGang) << planner;
    EXPECT_NE(place(plan_by(planner, two_tasks(6, 40)), 0), kGang) << planner << ": 12 ms of both in place of 10";
  }
}

// A single task gets all that makes it faster: the other processor has nothing to do.
TEST(Gangs, AreTakenWhereProcessorsWouldIdle) {
  EXPECT_EQ(place(plan_by("exact", pair_and_gang(6, 40)), 0), kGang);
  EXPECT_NE(place(plan_by("exact", pair_and_gang(11, 40)), 0), kGang);
}

TEST(Gangs, KeepEveryMemberBusy) {
  World world = pair_and_gang(6, 7);
  add_task(world, "small", 1, {{"dense", 1, 0.9}}, {0.9, from_ms(20)});
  const Plan plan = plan_by("exact", world);
  const auto busy = busy_times(world.problem(), plan.tasks);
  ASSERT_EQ(busy.size(), 2U) << "of processors, not of places";
  EXPECT_EQ(std::max(busy[0], busy[1]), from_ms(7));
  EXPECT_EQ(std::min(busy[0], busy[1]), from_ms(6));
  EXPECT_EQ(plan.bottleneck, from_ms(7));
  EXPECT_TRUE(plan.optimal);
}

// What the papers define counts processors.
TEST(Gangs, AreNothingToTheBaselines) {
  const World world = pair_and_gang(6, 7);
  for (const char* planner : {"paper", "sv-ao-np", "sv-ao-p", "sv-lo-np", "sv-lo-p", "av-np", "av-p"}) {
    EXPECT_LT(place(plan_by(planner, world), 0), kGang) << planner;
  }
}

TEST(Gangs, DoNotMakeTheGridStricter) {
  World world = pair_and_gang(6, 7);
  const auto ranges = grid_ranges(world.zoo, world.soc, world.profile);
  world.soc = soc::without_gangs(world.soc);
  const auto without = grid_ranges(world.zoo, world.soc, world.profile);
  EXPECT_EQ((*ranges)[0].latency_min, (*without)[0].latency_min);
  EXPECT_EQ((*ranges)[0].latency_max, (*without)[0].latency_max);
}

TEST(Gangs, ThatNoProviderRunsASubgraphOnAreOfNoUse) {
  World world = pair_and_gang(6, 7);
  profile::Latency left_out;
  left_out.left_out = profile::LeftOut::kSlower;
  world.profile.tasks[0].set_latency(zoo::VariantId(0), zoo::StageId(0), soc::ProcessorId(kGang),
                                     backend::Provider::kOpenVino, left_out);
  for (const char* planner : {"exact", "sparseloom"}) {
    const Plan plan = plan_by(planner, world);
    EXPECT_LT(place(plan, 0), kGang) << planner;
    EXPECT_FALSE(plan.tasks[0].meets_latency);
  }
}

TEST(Gangs, ThatWereNotMeasuredAreNamed) {
  World world = pair_and_gang(6, 7);
  world.profile.tasks[0].set_latency(zoo::VariantId(0), zoo::StageId(0), soc::ProcessorId(kGang),
                                     backend::Provider::kOpenVino, {});
  const auto plan = (*find_planner("exact"))->plan(world.problem());
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("'cpu0-1'"));
}

// The gang's request comes second and is the more urgent: it waits for both. The third, which came when one of them was
// free, must not make it wait longer.
TEST(Gangs, HaveTheirTimeReservedInPredictionsToo) {
  World world = pair_and_gang(6, 20);
  add_task(world, "small", 1, {{"dense", 10, 0.9}}, {0.9, from_ms(40)});
  Plan plan = plan_by("exact", world);
  plan.tasks[0].placement = testing::placement({kGang});
  plan.tasks[1].placement = testing::placement({0});
  plan.tasks[0].pooled = plan.tasks[1].pooled = true;
  const Load load{{{{from_ms(0), zoo::TaskId(1)}, {from_ms(1), zoo::TaskId(0)}, {from_ms(2), zoo::TaskId(1)}}}};
  Problem problem = world.problem();
  problem.load = &load;
  // 0..10 small, 10..16 large (asked at 1), 16..26 small (asked at 2).
  const Prediction predicted = predict_responses(problem, plan, {.variability = 0.001});
  EXPECT_NEAR(predicted.mean_ratio, (10.0 / 40 + 15.0 / 20 + 24.0 / 40) / 3, 1e-9);
}

TEST(Gangs, AreExplained) {
  const auto text = [](const World& world) {
    const auto explained = explain(world.problem(), plan_by("exact", world));
    EXPECT_TRUE(explained.ok());
    return explained->front().text;
  };
  EXPECT_THAT(text(pair_and_gang(6, 7)), HasSubstr("Gangs: stage 0 on cpu0-1; alone 6.00 ms, 10.00 ms without them, "
                                                   "for 20 % more processor time."));
  EXPECT_THAT(text(two_tasks(6, 40)), HasSubstr("Gangs: none is worth it; alone 6.00 ms instead of 10.00 ms, for "
                                                "20 % more processor time."));
  EXPECT_THAT(text(pair_and_gang(11, 40)), HasSubstr("Gangs: none would make it faster."));
}

}  // namespace
}  // namespace sparseloom::plan
