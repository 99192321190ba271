// What a plan tells a scheduler of each stage.
#include "sparseloom/plan/costs.h"

#include <gtest/gtest.h>

#include "small_world.h"

namespace sparseloom::plan {
namespace {

using testing::change_processor;
using testing::World;

TaskPlan plan_of(const World& world, const zoo::Sigma& sigma) {
  const TaskCosts costs = TaskCosts::read(world.zoo, world.soc, world.profile, zoo::TaskId(0)).value();
  return make_task_plan(world.problem(), costs, zoo::TaskId(0), sigma, testing::placement({0, 0, 0})).value();
}

World three_stages() {
  World world = testing::world_of(1);
  testing::add_task(world, "image", 3, {{"dense", 2, 0.9}, {"pruned", 1, 0.85}}, {0.8, from_ms(10)});
  return world;
}

TEST(StageEstimate, TimesAreOfTheVariantAndOfTheMeanOverVariants) {
  const TaskPlan plan = plan_of(three_stages(), testing::sigma({1, 0, 1}));
  EXPECT_DOUBLE_EQ(to_ms(plan.estimates[0].latency), 1);
  EXPECT_DOUBLE_EQ(to_ms(plan.estimates[1].latency), 2);
  for (const StageEstimate& estimate : plan.estimates) EXPECT_DOUBLE_EQ(to_ms(estimate.model_latency), 1.5);
}

TEST(StageEstimate, SparsityIsOfTheVariantAtThatStage) {
  World world = three_stages();
  profile::TaskProfile& measured = world.profile.tasks[0];
  measured.set_sparsity(zoo::VariantId(0), zoo::StageId(1), {.mean = 0.25, .samples = 32});
  measured.set_sparsity(zoo::VariantId(1), zoo::StageId(0), {.mean = 0.5, .samples = 32});
  measured.set_sparsity(zoo::VariantId(1), zoo::StageId(1), {.mean = 0.75, .samples = 32});
  const TaskPlan plan = plan_of(world, testing::sigma({1, 0, 1}));
  EXPECT_EQ(plan.estimates[0].sparsity, 0.5);
  EXPECT_EQ(plan.estimates[1].sparsity, 0.25);
  EXPECT_EQ(plan.estimates[2].sparsity, 0) << "the last stage output goes to nobody";
}

TEST(StageEstimate, SparsityStaysBelowOne) {
  World world = three_stages();
  world.profile.tasks[0].set_sparsity(zoo::VariantId(0), zoo::StageId(0), {.mean = 1, .samples = 32});
  EXPECT_LT(plan_of(world, testing::sigma({0, 0, 0})).estimates[0].sparsity, 1);
}

TEST(StageEstimate, SparsityIsNoneWhereTheProfileSaysNothing) {
  for (const StageEstimate& estimate : plan_of(three_stages(), testing::sigma({0, 1, 0})).estimates) {
    EXPECT_EQ(estimate.sparsity, 0);
  }
}

TEST(ReadAccuracy, WhatIsMeasuredCountsBeforeWhatIsEstimated) {
  World world = three_stages();
  const zoo::Sigma sigma = testing::sigma({1, 0, 1});
  profile::TaskProfile& task = world.profile.tasks[0];
  task.set_accuracy_estimate(sigma, {.value = 0.5, .lower = 0.4});
  EXPECT_EQ(read_accuracy(world.zoo, world.profile, zoo::TaskId(0), sigma).value(), task.accuracy(sigma).fraction());
}

TEST(ReadAccuracy, OfAnEstimateIsItsValueOrItsLowerBound) {
  World world = three_stages();
  const zoo::Sigma sigma = testing::sigma({1, 0, 1});
  world.profile.tasks[0].set_accuracy(sigma, {});
  EXPECT_EQ(read_accuracy(world.zoo, world.profile, zoo::TaskId(0), sigma).status().code(), Code::kFailedPrecondition);
  world.profile.tasks[0].set_accuracy_estimate(sigma, {.value = 0.5, .lower = 0.4});
  EXPECT_EQ(read_accuracy(world.zoo, world.profile, zoo::TaskId(0), sigma).value(), 0.5);
  world.profile.use_estimates = profile::EstimateUse::kLower;
  EXPECT_EQ(read_accuracy(world.zoo, world.profile, zoo::TaskId(0), sigma).value(), 0.4);
}

TEST(TaskCosts, TransfersOfUnknownSizeAreRefusedWithoutAdviceThatDoesNotHelp) {
  World world = testing::world_of(2);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.memory_domain = "npu"; });
  testing::add_task(world, "image", 2, {{"dense", 2, 0.9}}, {0.8, from_ms(10)});
  world.profile.transfer_seconds_per_byte = 1e-9;
  const Status status = TaskCosts::read(world.zoo, world.soc, world.profile, zoo::TaskId(0)).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_NE(status.message().find("task 'image', stage 1: size of its inputs unknown"), std::string::npos);
  EXPECT_EQ(status.message().find("sparseloom profile"), std::string::npos) << "it measures no transfers";
}

}  // namespace
}  // namespace sparseloom::plan
