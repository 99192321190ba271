// Training a policy: that it finds what is obviously best, that a seed decides everything, that it ends when told to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sparseloom/place/learned/environment.h"
#include "sparseloom/place/learned/policy_file.h"
#include "sparseloom/place/learned/training.h"
#include "tests/support/small_policy.h"

namespace sparseloom::place {
namespace {

using testing::chain;
using testing::small_training;

Training must_train(const CostTable& table, const TrainingOptions& options) {
  auto training = train_sac(table, options);
  EXPECT_TRUE(training.ok()) << training.status().message();
  return std::move(training).value();
}

// The latency by the policy's own actions, no other roll-out beside it.
double latency_by(const SacPolicy& policy, const CostTable& table) {
  const auto decision = decide(table, policy, {.sampled = 0, .single = false});
  EXPECT_TRUE(decision.ok()) << decision.status().message();
  return decision->policy_latency;
}

TEST(TrainSac, LeavesAllToTheFarFasterProcessor) {
  for (const CostModel model : kCostModels) {
    const CostTable table = chain({.groups = 4, .cpu = 8, .gpu = 1, .handover = 4});
    const Training training = must_train(table, small_training(model));
    EXPECT_EQ(decide(table, training.policy, {.sampled = 0, .single = false})->placed.placement,
              Placement(4, Share{0, 4}))
        << name_of(model);
  }
}

TEST(TrainSac, DividesAChainBetweenEqualsThatHandNothingOver) {
  const CostTable table = chain({.groups = 4, .cpu = 4, .gpu = 4, .handover = 1, .along = true});
  TrainingOptions options = small_training(CostModel::kMakespan);
  const Training training = must_train(table, options);
  EXPECT_EQ(decide(table, training.policy, {.sampled = 0, .single = false})->placed.placement,
            Placement(4, Share{2, 2}));
}

// Of a processor that has become slow the policy keeps away, without having been trained anew.
TEST(TrainSac, FollowsTheStateOfTheMachine) {
  const CostTable table = chain({.groups = 4, .cpu = 3, .gpu = 2, .handover = 2});
  TrainingOptions options = small_training(CostModel::kAdditive);
  options.steps = 4000;
  options.states = {usual_state(table), {.slow_down = {1, 4}}};
  const Training training = must_train(table, options);
  EXPECT_EQ(latency_by(training.policy, table), latency_of(table, Placement(4, Share{0, 4}), CostModel::kAdditive));
  const auto slow = decide(table, MachineState{.slow_down = {1, 4}}, training.policy, {.sampled = 0, .single = false});
  EXPECT_EQ(slow->placed.placement, Placement(4, Share{4, 0}));
}

TEST(TrainSac, TheSameSeedGivesTheSamePolicyByteForByte) {
  const CostTable table = chain({.groups = 3, .cpu = 2, .gpu = 1, .handover = 1});
  TrainingOptions options = small_training(CostModel::kMakespan);
  options.steps = 200;
  const std::string first = format_policy(must_train(table, options).policy);
  EXPECT_EQ(first, format_policy(must_train(table, options).policy));
  options.seed += 1;
  EXPECT_NE(first, format_policy(must_train(table, options).policy));
}

TEST(TrainSac, KeepsTheBestPolicyOfItsCurve) {
  const CostTable table = chain({.groups = 4, .cpu = 3, .gpu = 2, .handover = 2});
  TrainingOptions options = small_training(CostModel::kMakespan);
  options.steps = 400;
  const Training training = must_train(table, options);
  ASSERT_EQ(training.states.size(), 9U);
  ASSERT_EQ(training.single.size(), 9U);
  for (const CurvePoint& point : training.curve) EXPECT_GE(point.relative, training.curve[training.best].relative);
  for (std::size_t s = 0; s < 9; ++s) {
    EXPECT_EQ(training.curve[training.best].latencies[s],
              latency_by(training.policy, in_state(table, training.states[s])));
  }
}

TEST(TrainSac, EndsWhenItIsTold) {
  const CostTable table = chain({.groups = 3, .cpu = 2, .gpu = 1, .handover = 1});
  std::size_t seen = 0;
  const auto training =
      train_sac(table, small_training(CostModel::kMakespan), [&](const CurvePoint&) { return ++seen < 3; });
  ASSERT_TRUE(training.ok());
  EXPECT_EQ(training->curve.size(), 3U);
}

TEST(TrainSac, StatesAreSlowDownsOfThePairTheUsualOneFirst) {
  const CostTable table = chain({.groups = 1, .cpu = 1, .gpu = 1, .handover = 1});
  const auto states = training_states(table).value();
  ASSERT_EQ(states.size(), 9U);
  EXPECT_EQ(states[0].slow_down, (std::vector<double>{1, 1}));
  EXPECT_EQ(states[5].slow_down, (std::vector<double>{1.5, 2.5}));
}

TEST(TrainSac, RefusesWhatMakesNoSense) {
  CostTable table = chain({.groups = 2, .cpu = 1, .gpu = 1, .handover = 1});
  TrainingOptions options = small_training(CostModel::kMakespan);
  options.batch = 0;
  EXPECT_EQ(train_sac(table, options).status().code(), Code::kInvalidArgument);
  options = small_training(CostModel::kMakespan);
  options.states = {{.slow_down = {1}}};
  EXPECT_EQ(train_sac(table, options).status().code(), Code::kInvalidArgument);
  table.processors.pop_back();
  for (OperatorGroup& group : table.groups) group.seconds.pop_back();
  EXPECT_EQ(train_sac(table, small_training(CostModel::kMakespan)).status().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace sparseloom::place
