#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "small_world.h"
#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {
namespace {

using testing::add_task;
using testing::change_processor;
using testing::chosen;
using ::testing::HasSubstr;
using testing::placement;
using testing::World;
using testing::world_of;

Plan plan_with(std::string_view name, const World& world) {
  const auto planner = find_planner(name);
  EXPECT_TRUE(planner.ok());
  const auto plan = (*planner)->plan(world.problem());
  EXPECT_TRUE(plan.ok()) << plan.status().message();
  return *plan;
}

// One task, one stage, one processor: only the choice of the variant counts.
std::string choice(std::string_view planner, const std::vector<testing::VariantSpec>& variants, Slo slo) {
  World world = world_of(1);
  add_task(world, "image", 1, variants, slo);
  return chosen(world, plan_with(planner, world), 0);
}

constexpr Slo kAnySlo{0.0, Seconds(1)};

TEST(SvAo, TakesTheMostAccurate) { EXPECT_EQ(choice("sv-ao-np", {{"a", 3, 0.8}, {"b", 4, 0.9}}, kAnySlo), "b"); }

TEST(SvAo, OfEquallyAccurateTakesTheFaster) {
  EXPECT_EQ(choice("sv-ao-np", {{"a", 4, 0.9}, {"b", 3, 0.9}, {"c", 1, 0.8}}, kAnySlo), "b");
}

TEST(SvLo, TakesTheFastest) { EXPECT_EQ(choice("sv-lo-np", {{"a", 4, 0.9}, {"b", 3, 0.7}}, kAnySlo), "b"); }

TEST(SvLo, WithinTwoPercentTakesTheMoreAccurate) {
  EXPECT_EQ(choice("sv-lo-np", {{"a", 3.00, 0.7}, {"b", 3.05, 0.8}, {"c", 3.10, 0.9}}, kAnySlo), "b");
}

TEST(SvLo, DoesNotLookAtTheSlo) {
  EXPECT_EQ(choice("sv-lo-np", {{"a", 4, 0.9}, {"b", 3, 0.7}}, {0.85, from_ms(5)}), "b");
}

const std::vector<testing::VariantSpec> kLadder{{"slow", 4, 0.9}, {"mid", 3, 0.8}, {"fast", 2, 0.7}};

TEST(Av, TakesTheFastestThatMeetsBothBounds) { EXPECT_EQ(choice("av-np", kLadder, {0.75, from_ms(5)}), "mid"); }

TEST(Av, WithinTwoPercentTakesTheMoreAccurate) {
  EXPECT_EQ(choice("av-np", {{"a", 3.0, 0.80}, {"b", 3.05, 0.85}}, {0.75, from_ms(5)}), "b");
  EXPECT_EQ(choice("av-np", {{"a", 3.0, 0.80}, {"b", 3.05, 0.85}}, {0.75, from_ms(3.02)}), "a") << "b is too slow";
}

TEST(Av, WithoutAFeasibleOneKeepsTheAccuracyWithLeastLatency) {
  EXPECT_EQ(choice("av-np", kLadder, {0.75, from_ms(1)}), "mid");
}

TEST(Av, WithoutAnAccurateOneTakesTheMostAccurate) { EXPECT_EQ(choice("av-np", kLadder, {0.95, from_ms(1)}), "slow"); }

TEST(Av, SaysWhichBoundIsMissed) {
  World world = world_of(1);
  add_task(world, "image", 1, kLadder, {0.75, from_ms(1)});
  add_task(world, "speech", 1, kLadder, {0.95, from_ms(5)});
  add_task(world, "activity", 1, kLadder, {0.75, from_ms(3)});
  const Plan plan = plan_with("av-np", world);
  EXPECT_FALSE(plan.tasks[0].meets_latency);
  EXPECT_TRUE(plan.tasks[0].meets_accuracy);
  EXPECT_TRUE(plan.tasks[1].meets_latency);
  EXPECT_FALSE(plan.tasks[1].meets_accuracy);
  EXPECT_TRUE(plan.tasks[2].meets_slo()) << "a bound kept exactly is kept";
}

TEST(Whole, BalancesTheProcessors) {
  World world = world_of(2);
  for (const double ms : {5.0, 4.0, 3.0, 3.0, 3.0}) {
    add_task(world, fmt::format("t{}", ms), 1, {{"dense", ms, 0.9}}, kAnySlo);
  }
  const Plan plan = plan_with("sv-ao-np", world);
  EXPECT_DOUBLE_EQ(to_ms(plan.bottleneck), 9.0) << "5+4 beside 3+3+3";
  EXPECT_EQ(plan.tasks[0].placement, plan.tasks[1].placement);
}

TEST(Whole, PutsATaskWhereItRunsBest) {
  World world = world_of(2);
  add_task(world, "a", 2, {{"dense", 5, 0.9}}, kAnySlo);
  add_task(world, "b", 2, {{"dense", 5, 0.9}}, kAnySlo);
  for (const std::size_t i : {0u, 1u}) testing::set_ms(world, 0, 0, i, 1, 1.0);
  const Plan plan = plan_with("sv-ao-np", world);
  EXPECT_EQ(plan.tasks[0].placement, placement({1, 1}));
  EXPECT_EQ(plan.tasks[1].placement, placement({0, 0}));
}

TEST(Pipelined, PutsStageIOnProcessorIModP) {
  for (const std::size_t processors : {1u, 2u, 3u}) {
    World world = world_of(processors);
    add_task(world, "a", 4, {{"dense", 1, 0.9}}, kAnySlo);
    const Plan plan = plan_with("sv-ao-p", world);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(plan.tasks[0].placement[i].index(), i % processors);
    EXPECT_DOUBLE_EQ(to_ms(plan.tasks[0].latency), 4.0);
  }
}

TEST(Transfer, CostsBetweenMemoryDomainsAndTheReceiverPays) {
  World world = world_of(2);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.memory_domain = "npu"; });
  add_task(world, "a", 2, {{"dense", 2, 0.9}}, kAnySlo);
  world.profile.transfer_latency = from_ms(0.25);
  world.profile.transfer_seconds_per_byte = 1e-6;
  world.profile.boundary = {{Bytes{500}}};
  const Plan plan = plan_with("sv-ao-p", world);
  EXPECT_DOUBLE_EQ(to_ms(plan.tasks[0].latency), 2 + 2 + 0.25 + 0.5);
  const auto busy = busy_times(world.problem(), plan.tasks);
  EXPECT_DOUBLE_EQ(to_ms(busy[0]), 2.0);
  EXPECT_DOUBLE_EQ(to_ms(busy[1]), 2.75);
}

// Every planner names the measurement it misses.
class MissingMeasurement : public ::testing::TestWithParam<const Planner*> {};

TEST_P(MissingMeasurement, OfALatencyIsNamed) {
  World world = world_of(2);
  add_task(world, "image", 2, {{"dense", 2, 0.9}, {"int8", 1, 0.8}}, kAnySlo);
  world.profile.tasks[0].set_latency(zoo::VariantId(1), zoo::StageId(0), soc::ProcessorId(1),
                                     backend::Provider::kOpenVino, {});
  const auto plan = GetParam()->plan(world.problem());
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(plan.status().message(), HasSubstr("task 'image', variant 'int8', stage 0, processor 'cpu1'"));
}

TEST_P(MissingMeasurement, OfAnAccuracyIsNamed) {
  World world = world_of(2);
  add_task(world, "image", 2, {{"dense", 2, 0.9}, {"int8", 1, 0.8}}, kAnySlo);
  world.profile.tasks[0].set_accuracy(testing::sigma({1, 1}), {});
  const auto plan = GetParam()->plan(world.problem());
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(plan.status().message(), HasSubstr("task 'image'"));
  EXPECT_THAT(plan.status().message(), HasSubstr("int8"));
}

TEST_P(MissingMeasurement, OfATransferSizeIsNamed) {
  World world = world_of(2);
  change_processor(world.soc, 1, [](soc::Processor& p) { p.memory_domain = "npu"; });
  add_task(world, "image", 2, {{"dense", 2, 0.9}}, kAnySlo);
  world.profile.transfer_seconds_per_byte = 1e-6;
  const auto plan = GetParam()->plan(world.problem());
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(plan.status().message(), HasSubstr("task 'image', stage 1"));
}

TEST_P(MissingMeasurement, WrongNumberOfSlosIsRefused) {
  World world = world_of(1);
  add_task(world, "image", 1, {{"dense", 2, 0.9}}, kAnySlo);
  world.slo.slos.clear();
  EXPECT_EQ(GetParam()->plan(world.problem()).status().code(), Code::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(AllPlanners, MissingMeasurement, ::testing::ValuesIn(planners()), [](const auto& test) {
  std::string name(test.param->name());
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(FindPlanner, ListsTheKnownOnes) {
  const auto found = find_planner("fastest");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(found.status().message(), HasSubstr("'fastest'"));
  EXPECT_THAT(found.status().message(),
              HasSubstr("sparseloom, paper, exact, sv-ao-np, sv-ao-p, sv-lo-np, sv-lo-p, av-np, av-p, "
                        "shared"));
}

}  // namespace
}  // namespace sparseloom::plan
