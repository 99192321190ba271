// What a placement takes under either cost model, by hand and by a simulation of its own.
#include "sparseloom/place/evaluate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/random_cost_table.h"
#include "tests/support/two_processor_table.h"

namespace sparseloom::place {
namespace {

using testing::from;
using testing::group;
using testing::kCpu;
using testing::kGpu;
using testing::kHalves;
using testing::kModelInput;
using testing::two_processor_table;

TEST(Latency, OnTheCpuIsTheSumOfItsGroups) {
  const CostTable table = two_processor_table({group({kModelInput}, 3, 1), group({from(0)}, 4, 1)});
  for (const CostModel model : kCostModels) EXPECT_DOUBLE_EQ(latency_of(table, {kCpu, kCpu}, model), 7);
}

TEST(Latency, OnTheGpuInputsGoThereAndOutputsComeBack) {
  const CostTable table = two_processor_table({group({kModelInput}, 3, 1), group({from(0)}, 4, 1)});
  const double there = 2 + 0.5, back = 1 + 2 + 1;
  for (const CostModel model : kCostModels) EXPECT_DOUBLE_EQ(latency_of(table, {kGpu, kGpu}, model), there + 2 + back);
}

TEST(Latency, ADividedGroupWaitsForBothHalves) {
  const CostTable table = two_processor_table({group({kModelInput}, 4, 2), group({from(0)}, 6, 1)});
  // The GPU's half begins when the input is there, takes 1, and is sent to the CPU, half of the bytes.
  EXPECT_DOUBLE_EQ(latency_of(table, {kHalves, kCpu}, CostModel::kMakespan), 2.5 + 1 + (1 + 2 + 0.5) + 6);
  // One after the other: the input, the slower half, the hand-over, the second group.
  EXPECT_DOUBLE_EQ(latency_of(table, {kHalves, kCpu}, CostModel::kAdditive), 2.5 + 2 + 3.5 + 6);
}

TEST(Latency, GroupsThatGoAlongHandNothingOver) {
  CostTable table = two_processor_table({group({kModelInput}, 4, 2), group({from(0)}, 4, 2)});
  const double apart = latency_of(table, {kHalves, kHalves}, CostModel::kAdditive);
  table.groups[1].along = true;
  const double along = latency_of(table, {kHalves, kHalves}, CostModel::kAdditive);
  EXPECT_DOUBLE_EQ(along, 2.5 + 2 + 2 + (1 + 2 + 0.5));
  EXPECT_DOUBLE_EQ(apart, along + 3.5);
  EXPECT_DOUBLE_EQ(latency_of(table, {kHalves, kHalves}, CostModel::kMakespan), 2.5 + 1 + 1 + 3.5);
}

TEST(Latency, ATensorIsHandedOverOnceHoweverManyReadIt) {
  const CostTable table =
      two_processor_table({group({kModelInput}, 1, 9), group({from(0)}, 9, 1), group({from(0), from(1)}, 9, 1)});
  const double move = 1 + 2 + 1;
  EXPECT_DOUBLE_EQ(latency_of(table, {kCpu, kGpu, kGpu}, CostModel::kAdditive), 1 + move + 1 + 1 + move);
}

TEST(Latency, BranchesOverlap) {
  const CostTable table = two_processor_table(
      {group({kModelInput}, 1, 9), group({from(0)}, 8, 9), group({from(0)}, 9, 2), group({from(1), from(2)}, 1, 9)});
  const Placement placement{kCpu, kCpu, kGpu, kCpu};
  EXPECT_DOUBLE_EQ(latency_of(table, placement, CostModel::kMakespan), std::max(1.0 + 8, 1 + 4 + 2 + 4.0) + 1);
}

TEST(Latency, IsNeverWhereAShareCannotBeRun) {
  CostTable table = two_processor_table({group({kModelInput}, 1, 1)});
  table.groups[0].seconds[1][4] = kCannot;
  EXPECT_EQ(latency_of(table, {kGpu}, CostModel::kMakespan), kCannot);
}

// The makespan again, as a simulation: at every step the share starts that can start first.
double simulated(const CostTable& table, const Placement& placement) {
  const std::size_t processors = table.processors.size(), groups = table.groups.size();
  std::vector<std::size_t> next(processors);
  std::vector<double> free(processors), done(groups * processors, -1);
  const auto skip = [&](std::size_t p) {
    while (next[p] < groups && placement[next[p]][p] == 0) ++next[p];
    return next[p] < groups;
  };
  const auto ready = [&](std::size_t g, std::size_t p) -> double {
    double at = 0;
    for (const Input& input : table.groups[g].inputs) {
      if (!input.from) {
        if (table.processors[p].memory_domain != 0)
          at = std::max(at, table.handover.latency + table.handover.seconds_per_byte * input.bytes);
        continue;
      }
      const std::size_t f = input.from->index();
      for (std::size_t q = 0; q < processors; ++q) {
        if (placement[f][q] == 0) continue;
        if (table.groups[g].along && placement[f] == placement[g] && q != p) continue;
        if (done[f * processors + q] < 0) return -1;  // not written yet
        double arrived = done[f * processors + q];
        if (q != p) arrived += table.handover.synchronisation;
        if (table.processors[p].memory_domain != table.processors[q].memory_domain) {
          arrived += table.handover.latency +
                     table.handover.seconds_per_byte * table.groups[f].result_bytes * placement[f][q] / 4;
        }
        at = std::max(at, arrived);
      }
    }
    return at;
  };
  double end = 0;
  for (bool any = true; any;) {
    any = false;
    for (std::size_t p = 0; p < processors; ++p) {
      if (!skip(p)) continue;
      const std::size_t g = next[p];
      const double at = ready(g, p);
      if (at < 0) continue;
      any = true;
      free[p] = std::max(free[p], at) + table.groups[g].seconds[p][placement[g][p]];
      done[g * processors + p] = free[p];
      if (table.groups[g].returned) {
        const bool away = table.processors[p].memory_domain != 0;
        const double back = table.handover.synchronisation + table.handover.latency +
                            table.handover.seconds_per_byte * table.groups[g].result_bytes * placement[g][p] / 4;
        end = std::max(end, free[p] + (away ? back : 0));
      }
      ++next[p];
    }
  }
  return end;
}

TEST(Latency, IsWhatASimulationSays) {
  std::mt19937_64 random(2);
  for (int trial = 0; trial < 500; ++trial) {
    const CostTable table =
        testing::random_table({.groups = 1 + random() % 20, .processors = 1 + random() % 4}, random);
    const auto shares = all_shares(table.processors.size());
    Placement placement;
    for (const OperatorGroup& g : table.groups) {
      do {
        placement.push_back(shares[random() % shares.size()]);
        if (can_run(g, placement.back())) break;
        placement.pop_back();
      } while (true);
    }
    EXPECT_NEAR(latency_of(table, placement, CostModel::kMakespan), simulated(table, placement), 1e-9);
  }
}

}  // namespace
}  // namespace sparseloom::place
