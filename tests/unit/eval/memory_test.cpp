#include "sparseloom/eval/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/plan/small_world.h"

namespace sparseloom::eval {
namespace {

using ::testing::HasSubstr;

/// Two tasks of two stages on two processors, under the SLOs that the world has.
Result<std::vector<MemoryPoint>> curve_with(const std::string& policy, const std::atomic<bool>* stop = nullptr) {
  const plan::testing::World world = plan::testing::random_world(1, 2, 3, 2, 2);
  const std::vector<plan::SloConfig> configurations{world.slo};
  return memory_curve({.zoo = world.zoo,
                       .soc = world.soc,
                       .profile = world.profile,
                       .configurations = configurations,
                       .planner = *plan::find_planner("sparseloom").value(),
                       .shares = {0.5, 1},
                       .policy = policy,
                       .stop = stop});
}

TEST(MemoryCurve, HasFullPreloadingAndTwoPreloadersPerBudget) {
  const auto points = curve_with("fcfs");
  ASSERT_TRUE(points.ok()) << points.status().message();
  EXPECT_EQ(points->size(), 5U);
}

TEST(MemoryCurve, IsPlayedUnderThePolicyAskedFor) {
  const auto points = curve_with("astrology");
  EXPECT_EQ(points.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(points.status().message(), HasSubstr("'astrology'"));
}

TEST(MemoryCurve, EndsWhenItIsStopped) {
  const std::atomic<bool> stop{true};
  EXPECT_EQ(curve_with("edf", &stop).status().code(), Code::kCancelled);
}

}  // namespace
}  // namespace sparseloom::eval
