// Placing as reinforcement learning sees it: rewards, observations and what an action means.
#include "sparseloom/place/learned/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/random_cost_table.h"

namespace sparseloom::place {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;

std::unique_ptr<Environment> environment_of(CostTable table, CostModel model, RewardWeights weights = {}) {
  const auto pairs = find_pairs(table);
  EXPECT_TRUE(pairs.ok()) << pairs.status().message();
  auto made = Environment::create(std::move(table), pairs->front(), model, std::move(weights));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(made).value();
}

// A group that two processors divide in any way, each as fast as the other.
OperatorGroup divisible(std::vector<Input> inputs) {
  OperatorGroup group;
  group.inputs = std::move(inputs);
  group.seconds = {{0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}};
  return group;
}

CostTable two_groups() {
  CostTable table;
  table.processors = {{"cpu", ProcessorKind::kCpu, 0}, {"gpu", ProcessorKind::kGpu, 1}};
  table.groups = {divisible({{.bytes = 1}}), divisible({{.from = GroupId(0)}})};
  table.groups[1].returned = true;
  return table;
}

TEST(Environment, TheRewardsOfAnEpisodeAreTheLatencyOfItsPlacement) {
  for (const CostModel model : kCostModels) {
    std::mt19937_64 random(1);
    for (int trial = 0; trial < 200; ++trial) {
      const CostTable table =
          testing::random_table({.groups = 1 + random() % 12, .processors = 2 + random() % 2}, random);
      const auto environment = environment_of(table, model);
      double sum = 0;
      while (!environment->done())
        sum += environment->step(environment->project(static_cast<double>(random() % 5) / 4));
      EXPECT_NEAR(sum, -latency_of(table, environment->placement(), model), 1e-9) << trial;
      EXPECT_DOUBLE_EQ(environment->latency(), latency_of(table, environment->placement(), model)) << trial;
    }
  }
}

TEST(Environment, WhatIsObservedIsBoundedAlsoWhereSharesCannotBeRun) {
  for (const CostModel model : kCostModels) {
    std::mt19937_64 random(2);
    for (int trial = 0; trial < 50; ++trial) {
      const auto environment =
          environment_of(testing::random_table({.groups = 8, .halves_alone = true}, random), model);
      while (!environment->done()) {
        EXPECT_THAT(environment->observe(), Each(AllOf(Ge(-6.F), Le(6.F))));
        environment->step(environment->project(0.5));
      }
    }
  }
}

TEST(Environment, EveryFeatureHasItsPlace) {
  const auto environment = environment_of(two_groups(), CostModel::kMakespan);
  EXPECT_EQ(environment->observe().back(), 1) << "the share of the groups that is left";
  environment->step(1);
  EXPECT_EQ(environment->observe().back(), 0.5F);
}

TEST(Environment, AnActionIsTheNearestDivisionThatCanBeRun) {
  CostTable table = two_groups();
  table.groups[0].seconds[1][3] = table.groups[0].seconds[0][3] = kCannot;  // neither a quarter nor three
  const auto environment = environment_of(table, CostModel::kAdditive);
  EXPECT_EQ(environment->project(0.0), 0);
  EXPECT_EQ(environment->project(0.2), 0);
  EXPECT_EQ(environment->project(0.25), 0) << "of two equally near the fewer";
  EXPECT_EQ(environment->project(0.3), 2);
  EXPECT_EQ(environment->project(0.7), 2);
  EXPECT_EQ(environment->project(0.8), 4);
}

TEST(Environment, AStepIsJudgedByWhatTheGroupTakesAtLeast) {
  const auto environment = environment_of(two_groups(), CostModel::kMakespan);
  EXPECT_DOUBLE_EQ(environment->least_seconds(), 2) << "in halves";
  EXPECT_DOUBLE_EQ(environment->unit(), 2);
}

TEST(Environment, SwitchingAndEnergyAreTakenOff) {
  RewardWeights weights{.switching = 10, .energy = 3, .joules = [](std::size_t group, const Share& share) {
                          return static_cast<double>(group + 1) * share[1];
                        }};
  const auto environment = environment_of(two_groups(), CostModel::kMakespan, weights);
  EXPECT_DOUBLE_EQ(environment->step(0), -4);                     // all on the CPU: 4 s, no joule
  EXPECT_DOUBLE_EQ(environment->step(1), -(3 + 10 + 3 * 2 * 1));  // three quarters there: 3 s, a switch, 2 J
  environment->reset();
  EXPECT_DOUBLE_EQ(environment->step(1), -(3 + 3 * 1 * 1));  // the first is no switch
  EXPECT_DOUBLE_EQ(environment->step(2), -(2 + 3 * 2 * 2));  // nor are other shares of the same two
}

TEST(Environment, BeginsAnewWhenItIsReset) {
  std::mt19937_64 random(3);
  for (const CostModel model : kCostModels) {
    const auto environment = environment_of(testing::random_table({.groups = 6}, random), model);
    const Observation first = environment->observe();
    double once = 0, again = 0;
    while (!environment->done()) once += environment->step(environment->project(1));
    environment->reset();
    EXPECT_EQ(environment->observe(), first);
    while (!environment->done()) again += environment->step(environment->project(1));
    EXPECT_EQ(once, again);
  }
}

TEST(Pairs, AreTheFastestCpuWithEveryAccelerator) {
  CostTable table = two_groups();
  const auto add = [&](ProcessorKind kind, double whole) {
    table.processors.push_back({.name = "more", .kind = kind});
    for (OperatorGroup& group : table.groups) group.seconds.push_back({0, whole / 4, whole / 2, whole * 0.75, whole});
  };
  add(ProcessorKind::kOther, 3);
  add(ProcessorKind::kCpu, 1);
  const auto pairs = find_pairs(table).value();
  ASSERT_EQ(pairs.size(), 2U);
  for (const ProcessorPair& pair : pairs) EXPECT_EQ(pair.cpu, 3U);
  EXPECT_EQ(pairs[0].other + pairs[1].other, 1U + 2U) << "the GPU, and the other one";
}

TEST(Pairs, AreOfTwoCpusWhereThereIsNothingElse) {
  CostTable table = two_groups();
  table.processors[1].kind = ProcessorKind::kCpu;
  const auto pairs = find_pairs(table).value();
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_EQ(pairs[0].cpu + pairs[0].other, 1U);
}

TEST(Pairs, AreRefusedWhereAProcessorIsMissing) {
  CostTable table = two_groups();
  table.processors[0].kind = ProcessorKind::kOther;
  EXPECT_EQ(find_pairs(table).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(find_pairs(table).status().message(), "this machine has no CPU");
  std::mt19937_64 random(4);
  EXPECT_EQ(find_pairs(testing::random_table({.processors = 1}, random)).status().message(),
            "this machine has no processor beside 'cpu0'");
}

TEST(Environment, AGroupThatThePairDoesNotRunIsNamed) {
  CostTable table = two_groups();
  table.groups[1].name = "softmax";
  table.groups[1].seconds = {{0, kCannot, kCannot, kCannot, kCannot}, {0, kCannot, kCannot, kCannot, kCannot}};
  const Status status = Environment::create(table, find_pairs(table)->front(), CostModel::kMakespan).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("'softmax': 'cpu' and 'gpu' together do not run it"));
}

}  // namespace
}  // namespace sparseloom::place
