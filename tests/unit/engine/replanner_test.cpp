#include "sparseloom/engine/replanner.h"

#include <gtest/gtest.h>

#include "fake_world.h"
#include "tests/unit/plan/small_world.h"

namespace sparseloom::engine {
namespace {

using plan::testing::add_task;
using plan::testing::change_processor;
using plan::testing::World;
using plan::testing::world_of;

constexpr soc::ProcessorId kFirst(0), kSecond(1);

/// Two unlike processors, the second a little slower, and one task that is served on either.
World two_processors() {
  World world = world_of(2);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.kind = "gpu"; });
  add_task(world, "t", 1, {{"dense", 4, 0.9}, {"pruned", 2, 0.7}}, {0.8, from_ms(5)});
  plan::testing::set_ms(world, 0, 0, 0, 1, 4.4);
  return world;
}

class ReplannerTest : public ::testing::Test {
 protected:
  ReplannerTest() : world_(two_processors()) {
    active_ = std::make_shared<const plan::Plan>(planner().plan(world_.problem()).value());
  }
  const plan::Planner& planner() const { return *plan::find_planner("sparseloom").value(); }
  Replanner replanner(ReplannerOptions options = {}, const plan::Load* load = nullptr) {
    return Replanner({world_.zoo, world_.soc, world_.profile, world_.slo, planner(), load}, active_, options);
  }
  World world_;
  std::shared_ptr<const plan::Plan> active_;
};

TEST_F(ReplannerTest, LeavesASmallDriftAlone) {
  Replanner replanner = this->replanner();
  EXPECT_EQ(replanner.consider({1.1, 0.9}).value(), nullptr);
  EXPECT_EQ(replanner.active(), active_);
}

TEST_F(ReplannerTest, MovesATaskAwayFromAProcessorThatHasBecomeTooSlow) {
  ASSERT_EQ(active_->tasks[0].placement[0], kFirst);
  Replanner replanner = this->replanner();
  const auto plan = replanner.consider({3, 1}).value();
  ASSERT_NE(plan, nullptr);
  EXPECT_EQ(plan->tasks[0].placement[0], kSecond);
  EXPECT_EQ(replanner.active(), plan);
  EXPECT_EQ(replanner.consider({3, 1}).value(), nullptr);  // nothing new
}

TEST_F(ReplannerTest, EstimatesStayThoseOfTheQuietMachine) {
  Replanner replanner = this->replanner();
  const auto plan = replanner.consider({3, 1.1}).value();
  ASSERT_NE(plan, nullptr);
  EXPECT_NEAR(to_ms(plan->tasks[0].estimates[0].latency), 4.4, 1e-9);
}

TEST_F(ReplannerTest, StaysWhenAllAreEquallySlowAndNothingIsBetter) {
  Replanner replanner = this->replanner();
  EXPECT_EQ(replanner.consider({3, 3}).value(), nullptr);
}

// On the first processor 4 ms have become 5.2, on the second 4.4 would be 5.05; the bound is 5.
TEST_F(ReplannerTest, StaysWhereFewOfTheLateRequestsWouldBeSpared) {
  const std::vector<double> slowdowns{1.3, 5.05 / 4.4};
  Replanner any_gain = replanner({.worth_of_late = 0});
  EXPECT_NE(any_gain.consider(slowdowns).value(), nullptr);
  Replanner a_quarter = replanner();
  EXPECT_EQ(a_quarter.consider(slowdowns).value(), nullptr);
}

// The second processor would take 4.4 ms, and 3 more if what idling costs were not in the slow-downs already.
TEST_F(ReplannerTest, CountsColdCachesOnce) {
  world_.profile.contention = profile::Contention(world_.zoo, world_.soc);
  world_.profile.contention.set_cold_penalties({zoo::TaskId(0), zoo::StageId(0), kSecond}, {{from_ms(5), from_ms(3)}});
  const plan::Load seldom{{{{from_ms(0), zoo::TaskId(0)}, {from_ms(30), zoo::TaskId(0)}}}};
  Replanner replanner = this->replanner({}, &seldom);
  EXPECT_NE(replanner.consider({3, 1}).value(), nullptr);
}

TEST(EngineDrift, EveryStageIsComparedWithItsEstimate) {
  testing::FakeWorld world(1, 1, 2);
  std::atomic<Seconds> now{Seconds(0)};
  world.on_run = [&](const SubgraphKey&, std::span<const float>, std::span<float>) {
    now = now.load() + from_ms(2);  // plans of the fake world estimate one
    return Status();
  };
  Drift drift(world.soc.pools());
  const testing::Inputs inputs(1);
  const auto engine = world.start(world.plan_of(0), nullptr, {.clock = [&] { return now.load(); }, .drift = &drift});
  for (std::size_t r = 0; r < Drift::kMemory; ++r) ASSERT_TRUE(engine->submit(testing::request(r), inputs[0]).ok());
  engine->drain();
  EXPECT_DOUBLE_EQ(drift.slowdown(kFirst), 2);
}

}  // namespace
}  // namespace sparseloom::engine
