// The modelled energy of placements, by hand.
#include "sparseloom/place/energy.h"

#include <gtest/gtest.h>

#include "tests/support/two_processor_table.h"

namespace sparseloom::place {
namespace {

using testing::from;
using testing::group;
using testing::kCpu;
using testing::kGpu;
using testing::kHalves;
using testing::kModelInput;

// The CPU draws 1 W idle and 5 W active, the GPU 2 W and 20 W, the memory 0.5 J per byte.
CostTable with_power(std::vector<OperatorGroup> groups) {
  CostTable table = testing::two_processor_table(std::move(groups));
  table.energy = EnergyCosts{.power = {{1, 5}, {2, 20}}, .joules_per_byte = 0.5};
  return table;
}

constexpr double kIdle = 1 + 2, kCpuMore = 5 - 1, kGpuMore = 20 - 2, kPerByte = 0.5;

double must_model(const CostTable& table, const Placement& placement, CostModel model) {
  const auto joules = energy_of(table, placement, model);
  EXPECT_TRUE(joules.has_value());
  return joules.value_or(-1);
}

TEST(Energy, IsNotKnownWithoutPower) {
  CostTable table = with_power({group({kModelInput}, 3, 1)});
  table.energy.reset();
  EXPECT_FALSE(energy_of(table, {kCpu}, CostModel::kMakespan).has_value());
}

TEST(Energy, OnTheCpuTheGpuIdlesAndNothingIsCopied) {
  const CostTable table = with_power({group({kModelInput}, 3, 1), group({from(0)}, 4, 1)});
  for (const CostModel model : kCostModels)
    EXPECT_DOUBLE_EQ(must_model(table, {kCpu, kCpu}, model), 7 * kIdle + 7 * kCpuMore + 2 * 8 * kPerByte);
}

TEST(Energy, OnTheGpuInputsAndOutputsAreCopied) {
  const CostTable table = with_power({group({kModelInput}, 3, 1), group({from(0)}, 4, 1)});
  const double latency = (2 + 0.5) + 2 + (1 + 2 + 1), copied = 5 + 10;
  for (const CostModel model : kCostModels) {
    EXPECT_DOUBLE_EQ(must_model(table, {kGpu, kGpu}, model),
                     latency * kIdle + 2 * kGpuMore + (2 * 8 + 2 * copied) * kPerByte);
  }
}

TEST(Energy, ADividedGroupIsReadAndReturnedInParts) {
  const CostTable table = with_power({group({kModelInput}, 4, 2)});
  const double latency = 2.5 + 1 + (1 + 2 + 0.5), copied = 5 + 5;  // the input, and the GPU's half of the result
  EXPECT_DOUBLE_EQ(must_model(table, {kHalves}, CostModel::kMakespan),
                   latency * kIdle + 2 * kCpuMore + 1 * kGpuMore + (8 + 2 * copied) * kPerByte);
}

TEST(Energy, ATensorIsCopiedOnceHoweverManyReadIt) {
  CostTable table = with_power({group({kModelInput}, 1, 9), group({from(0)}, 9, 1), group({from(0), from(1)}, 9, 1)});
  const Placement placement{kCpu, kGpu, kGpu};
  const double computing = 1 * kCpuMore + 2 * kGpuMore, copied = 10 + 10;
  for (const CostModel model : kCostModels) {
    EXPECT_DOUBLE_EQ(must_model(table, placement, model),
                     latency_of(table, placement, model) * kIdle + computing + (3 * 8 + 2 * copied) * kPerByte);
  }
  table.processors[1].memory_domain = 0;
  EXPECT_DOUBLE_EQ(must_model(table, placement, CostModel::kAdditive),
                   latency_of(table, placement, CostModel::kAdditive) * kIdle + computing + 3 * 8 * kPerByte);
}

TEST(Energy, GroupsThatGoAlongAreNotCopied) {
  CostTable table = with_power({group({kModelInput}, 4, 2), group({from(0)}, 4, 2)});
  const Placement placement{kHalves, kHalves};
  const double apart = must_model(table, placement, CostModel::kMakespan);
  const double apart_latency = latency_of(table, placement, CostModel::kMakespan);
  table.groups[1].along = true;
  const double along = must_model(table, placement, CostModel::kMakespan);
  const double along_latency = latency_of(table, placement, CostModel::kMakespan);
  EXPECT_DOUBLE_EQ(apart - along, (apart_latency - along_latency) * kIdle + 2 * (5 + 5) * kPerByte);
}

TEST(Energy, TrafficIsThatOfTheSharesWhereItIsKnown) {
  CostTable table = with_power({group({kModelInput}, 4, 2)});
  const double in_proportion = must_model(table, {kHalves}, CostModel::kMakespan);
  table.groups[0].traffic = {{0, 3, 5, 7, 8}, {0, 2, 4, 5, 6}};
  EXPECT_DOUBLE_EQ(must_model(table, {kHalves}, CostModel::kMakespan), in_proportion + (5 + 4 - 8) * kPerByte);
}

TEST(Energy, IsNeverWhereAShareCannotBeRun) {
  CostTable table = with_power({group({kModelInput}, 1, 1)});
  table.groups[0].seconds[1][4] = kCannot;
  EXPECT_EQ(must_model(table, {kGpu}, CostModel::kMakespan), kCannot);
}

}  // namespace
}  // namespace sparseloom::place
