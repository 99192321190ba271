#include <gtest/gtest.h>

#include "small_world.h"
#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {
namespace {

using testing::add_task;
using testing::change_processor;
using testing::chosen;
using testing::placement;
using testing::set_ms;
using testing::World;
using testing::world_of;

Plan paper_with(std::string_view name, const World& world) {
  const auto plan = (*find_planner(name))->plan(world.problem());
  EXPECT_TRUE(plan.ok()) << plan.status().message();
  return *plan;
}

TEST(Paper, OneOrderForAllTasksWithTheLowestMeanLatency) {
  // `a` is faster forwards by 1 ms, `b` backwards by 2 ms.
  World world = world_of(2);
  for (const char* name : {"a", "b"}) add_task(world, name, 2, {{"dense", 2, 0.9}}, {0.8, from_ms(100)});
  set_ms(world, 0, 0, 0, 1, 3);
  set_ms(world, 1, 0, 0, 0, 4);
  const Plan plan = paper_with("paper", world);
  for (const TaskPlan& task : plan.tasks) EXPECT_EQ(task.placement, placement({1, 0}));
  EXPECT_DOUBLE_EQ(to_ms(plan.tasks[0].latency), 5);
  EXPECT_DOUBLE_EQ(to_ms(plan.tasks[1].latency), 4);
  EXPECT_DOUBLE_EQ(to_ms(plan.bottleneck), 5) << "cpu1 runs 3 + 2 ms a round";
  EXPECT_FALSE(plan.optimal);
}

TEST(Paper, TheMeanIsOverFeasibleStitchedVariantsOnly) {
  // Backwards `slow` would gain most, but it is never feasible.
  World world = world_of(2);
  add_task(world, "a", 2, {{"dense", 2, 0.9}, {"slow", 50, 0.95}}, {0.8, from_ms(5)});
  set_ms(world, 0, 1, 0, 1, 20);
  set_ms(world, 0, 0, 0, 1, 2.5);
  EXPECT_EQ(paper_with("paper", world).tasks[0].placement, placement({0, 1}));
}

TEST(Paper, PerTaskTheFastestFeasibleAndOfTiesTheMoreAccurate) {
  World world = world_of(1);
  add_task(world, "a", 1, {{"x", 3.00, 0.80}, {"y", 3.05, 0.85}, {"z", 3.10, 0.90}, {"w", 1, 0.5}}, {0.75, from_ms(9)});
  EXPECT_EQ(chosen(world, paper_with("paper", world), 0), "y");
}

TEST(Paper, StagesBeyondTheProcessorsStartAgain) {
  World world = world_of(2);
  add_task(world, "a", 3, {{"dense", 2, 0.9}}, {0.8, from_ms(100)});
  EXPECT_EQ(paper_with("paper", world).tasks[0].placement, placement({0, 1, 0}));
}

TEST(Paper, DegradesAsAllDo) {
  World world = world_of(1);
  add_task(world, "late", 1, {{"dense", 4, 0.9}, {"small", 2, 0.8}, {"tiny", 1, 0.6}}, {0.7, from_ms(1)});
  add_task(world, "poor", 1, {{"dense", 4, 0.9}, {"small", 2, 0.8}}, {0.95, from_ms(9)});
  const Plan plan = paper_with("paper", world);
  EXPECT_EQ(chosen(world, plan, 0), "small");
  EXPECT_FALSE(plan.tasks[0].meets_latency);
  EXPECT_EQ(chosen(world, plan, 1), "dense");
  EXPECT_FALSE(plan.tasks[1].meets_accuracy);
}

TEST(Shared, ServesWhatAvChoosesWholeOnAllCores) {
  World world = world_of(2);
  add_task(world, "a", 2, {{"dense", 4, 0.9}, {"small", 2, 0.8}}, {0.75, from_ms(9)});
  add_task(world, "b", 2, {{"dense", 4, 0.9}, {"small", 2, 0.8}}, {0.85, from_ms(9)});
  const Plan plan = paper_with("shared", world);
  const Plan av = paper_with("av-np", world);
  for (std::size_t t = 0; t < 2; ++t) {
    EXPECT_EQ(plan.tasks[t].sigma, av.tasks[t].sigma);
    EXPECT_TRUE(plan.tasks[t].shared);
  }
  EXPECT_DOUBLE_EQ(to_ms(plan.tasks[1].latency), 8) << "as on one of them alone";
  EXPECT_DOUBLE_EQ(to_ms(plan.bottleneck), (4 + 8) / 2.0) << "the work shared perfectly";
}

TEST(Shared, OnlyACpusProcessorsShare) {
  World world = world_of(2);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.device = "GPU"; });
  add_task(world, "a", 1, {{"dense", 4, 0.9}}, {0.75, from_ms(9)});
  set_ms(world, 0, 0, 0, 1, 1);
  EXPECT_DOUBLE_EQ(to_ms(paper_with("shared", world).bottleneck), 4);
  change_processor(world.soc, 0, [](soc::Processor& p) { p.device = "NPU"; });
  EXPECT_EQ((*find_planner("shared"))->plan(world.problem()).status().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace sparseloom::plan
