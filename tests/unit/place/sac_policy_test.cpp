// What a policy decides, and its file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sparseloom/base/json.h"
#include "sparseloom/place/learned/policy_file.h"
#include "tests/support/random_cost_table.h"
#include "tests/support/small_policy.h"

namespace sparseloom::place {
namespace {

using ::testing::HasSubstr;

CostTable random_pair(std::uint64_t seed, std::size_t processors = 2) {
  std::mt19937_64 random(seed);
  return testing::random_table({.groups = 10, .processors = processors}, random);
}

TEST(Decide, TakesTheBestOfItsRollOuts) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const CostTable table = random_pair(seed);
    const SacPolicy policy = testing::made_up_policy(table, seed);
    const auto decision = decide(table, policy, {.sampled = 5});
    ASSERT_TRUE(decision.ok());
    EXPECT_EQ(decision->roll_outs, 1U + 5 + 2);
    EXPECT_LE(decision->placed.latency, decision->policy_latency);
    EXPECT_EQ(decision->placed.latency, latency_of(table, decision->placed.placement, policy.model));
    EXPECT_LE(decision->placed.latency, place_on_cpu(table, {.model = policy.model})->latency);
    EXPECT_EQ(decision->placed.placement, decide(table, policy, {.sampled = 5})->placed.placement);
  }
}

TEST(Decide, ForAnotherStateIsAsForItsTable) {
  const CostTable table = random_pair(2);
  const SacPolicy policy = testing::made_up_policy(table, 3);
  const MachineState state{.slow_down = {1.5, 3}, .memory_slow_down = 2};
  const auto decision = decide(table, state, policy);
  EXPECT_EQ(decision->placed.placement, decide(in_state(table, state), policy)->placed.placement);
  EXPECT_EQ(decide(table, {.slow_down = {1}}, policy).status().code(), Code::kInvalidArgument);
}

TEST(Decide, RefusesAnotherMachine) {
  const SacPolicy policy = testing::made_up_policy(random_pair(4), 4);
  const Status status = decide(random_pair(4, 3), policy).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.message(), "the policy is for a machine of 'cpu:0 gpu:1'; this one is of 'cpu:0 gpu:1 cpu:0'");
}

TEST(Decide, RefusesWeightsThatDoNotFit) {
  const CostTable table = random_pair(5);
  SacPolicy policy = testing::made_up_policy(table, 5);
  policy.weights.pop_back();
  EXPECT_EQ(decide(table, policy).status().code(), Code::kInvalidArgument);
}

TEST(SparoaSac, NeedsAPolicyForTheCostModel) {
  const CostTable table = random_pair(6);
  EXPECT_EQ(place_by_sac(table, {}).status().message(), "needs a trained policy; none was given");
  const auto policy = std::make_shared<const SacPolicy>(testing::made_up_policy(table, 6));
  EXPECT_TRUE(place_by_sac(table, {.sac_policy = policy}).ok());
  const Status status = place_by_sac(table, {.model = CostModel::kAdditive, .sac_policy = policy}).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.message(), "the policy is for the cost model 'makespan', not for 'additive'");
}

TEST(Actions, MeanQuartersOfWhichEachIsAsWide) {
  for (std::uint8_t quarters = 0; quarters <= kQuarters; ++quarters)
    EXPECT_DOUBLE_EQ(share_of_action(action_of_quarters(quarters)), quarters / 4.0);
  EXPECT_EQ(share_of_action(-1), 0);
  EXPECT_EQ(share_of_action(1), 1);
}

TEST(Digest, DiffersIfATimeDoes) {
  CostTable table = random_pair(7);
  const std::string before = digest_of(table);
  EXPECT_EQ(before, digest_of(random_pair(7)));
  table.groups[3].seconds[1][2] *= 1.001;
  EXPECT_NE(before, digest_of(table));
}

class PolicyFile : public ::testing::Test {
 protected:
  // The policy's file after a change is refused, and the message has these words.
  void expect_refused(const std::function<void(Json&)>& change, Code code, const std::string& words) {
    Json json = Json::parse(text_);
    change(json);
    expect_refused(json.dump(), code, words);
  }
  static void expect_refused(const std::string& text, Code code, const std::string& words) {
    const Status status = parse_policy(text, "p.json").status();
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_THAT(status.message(), HasSubstr(words));
    EXPECT_THAT(status.message(), HasSubstr("p.json"));
  }

  SacPolicy policy_ = testing::made_up_policy(random_pair(8), 8);
  std::string text_ = format_policy(policy_);
};

TEST_F(PolicyFile, KeepsEverything) {
  policy_.model = CostModel::kAdditive;
  const auto read = parse_policy(format_policy(policy_), "p.json");
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->weights, policy_.weights);
  EXPECT_EQ(read->hidden, policy_.hidden);
  EXPECT_EQ(read->machine, policy_.machine);
  EXPECT_EQ(read->model, policy_.model);
  EXPECT_EQ(read->trained_on, policy_.trained_on);
  EXPECT_EQ(read->seed, policy_.seed);
  EXPECT_EQ(read->steps, policy_.steps);
  EXPECT_EQ(format_policy(*read), format_policy(policy_));
}

TEST_F(PolicyFile, CutShort) {
  for (const std::size_t length : {std::size_t{0}, text_.size() / 3, text_.size() - 3})
    expect_refused(text_.substr(0, length), Code::kMalformed, "p.json");
}

TEST_F(PolicyFile, OfAnotherVersion) {
  expect_refused([](Json& json) { json["format_version"] = 2; }, Code::kFailedPrecondition,
                 "format_version: 2; this release reads 1");
}

TEST_F(PolicyFile, OfOtherFeatures) {
  expect_refused([](Json& json) { json["feature_set"] = "sparoa-sac-0"; }, Code::kFailedPrecondition,
                 "feature_set: 'sparoa-sac-0'; this release has 'sparoa-sac-1'");
}

TEST_F(PolicyFile, NoPolicyAtAll) {
  expect_refused("{\"format\": \"something\"}", Code::kMalformed, "format: 'something'");
  expect_refused("[]", Code::kMalformed, "p.json");
}

TEST_F(PolicyFile, AWeightThatIsNoNumber) {
  expect_refused([](Json& json) { json["weights"][3] = nullptr; }, Code::kMalformed, "weights[3]");
  expect_refused([](Json& json) { json["weights"][4] = "1"; }, Code::kMalformed, "weights[4]");
  expect_refused([](Json& json) { json["weights"][5] = 1e300; }, Code::kMalformed, "weights[5]: no finite");
}

TEST_F(PolicyFile, WeightsThatDoNotFitTheLayers) {
  expect_refused([](Json& json) { json["weights"].push_back(1); }, Code::kMalformed, "such layers have");
  expect_refused([](Json& json) { json["hidden"] = {4, 2}; }, Code::kMalformed, "such layers have");
}

TEST_F(PolicyFile, LayersThatAreNotAllowed) {
  for (const Json& hidden :
       {Json::array(), Json{0}, Json{513}, Json{-1}, Json{1, 1, 1, 1, 1}, Json{std::int64_t{1} << 40}})
    expect_refused([&](Json& json) { json["hidden"] = hidden; }, Code::kMalformed, "1 to 4 of 1 to 512 neurons");
}

TEST_F(PolicyFile, AKeyTooManyOrTooFew) {
  expect_refused([](Json& json) { json["more"] = 1; }, Code::kMalformed, "more");
  expect_refused([](Json& json) { json.erase("seed"); }, Code::kMalformed, "seed");
  expect_refused([](Json& json) { json["seed"] = -1; }, Code::kMalformed, "seed: -1");
  expect_refused([](Json& json) { json["cost_model"] = "guess"; }, Code::kMalformed, "cost model 'guess'");
}

}  // namespace
}  // namespace sparseloom::place
