// Placing by two thresholds, and what their predictor sees.
#include "sparseloom/place/thresholds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "sparseloom/place/placers.h"
#include "sparseloom/place/threshold_features.h"
#include "tests/support/random_cost_table.h"

namespace sparseloom::place {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A group of this intensity and these zeros, after the group before it.
OperatorGroup chained(std::size_t g, double intensity, double zeros) {
  OperatorGroup group;
  group.operations = 100 * intensity;
  group.bytes = 100;
  group.activation_sparsity = zeros;
  group.result_bytes = 10;
  group.inputs = {g == 0 ? Input{.bytes = 20} : Input{.from = GroupId(g - 1)}};
  group.seconds = {{0, 1, 2, 3, 4}, {0, 1, 1, 1, 1}};
  return group;
}

// A CPU, and a GPU with memory of its own.
CostTable chain_of(const std::vector<std::pair<double, double>>& intensities_and_zeros) {
  CostTable table;
  table.processors = {{"cpu", ProcessorKind::kCpu, 0}, {"gpu", ProcessorKind::kGpu, 1, 0.5}};
  table.handover = {.synchronisation = 1, .latency = 2, .seconds_per_byte = 0.1};
  for (const auto& [intensity, zeros] : intensities_and_zeros)
    table.groups.push_back(chained(table.groups.size(), intensity, zeros));
  table.groups.back().returned = true;
  return table;
}

const Share kOnCpu{4, 0}, kOnGpu{0, 4};

double feature(const ThresholdFeatures& features, std::size_t row, std::string_view name) {
  const auto at = std::find(kGroupFeatures.begin(), kGroupFeatures.end(), name);
  EXPECT_NE(at, kGroupFeatures.end()) << name;
  return static_cast<double>(features.groups.at(row)[static_cast<std::size_t>(at - kGroupFeatures.begin())]);
}

TEST(Thresholds, TakeWhatIsSparseOrOfLittleIntensityToTheCpu) {
  const CostTable table = chain_of({{1, 0}, {5, 0.5}, {9, 0}});
  EXPECT_THAT(placed_by_thresholds(table, {0, 1}, {.sparsity = 0.5, .intensity = 1}),
              ElementsAre(kOnCpu, kOnCpu, kOnGpu));
  EXPECT_THAT(placed_by_thresholds(table, {0, 1}, {}), ElementsAre(kOnGpu, kOnGpu, kOnGpu));
  EXPECT_THAT(placed_by_thresholds(table, {0, 1}, {.sparsity = 0}), ElementsAre(kOnCpu, kOnCpu, kOnCpu));
}

TEST(Thresholds, WhatOneCannotRunIsOnTheOther) {
  CostTable table = chain_of({{1, 0}, {5, 0}});
  table.groups[0].seconds[0][kQuarters] = kCannot;
  EXPECT_THAT(placed_by_thresholds(table, {0, 1}, {.sparsity = 0}), ElementsAre(kOnGpu, kOnCpu));
}

TEST(Thresholds, ValuesTakeMoreAndMoreGroupsToTheCpu) {
  const ThresholdValues values = threshold_values(chain_of({{5, 0.5}, {1, 0}, {5, 0.25}}));
  EXPECT_THAT(values.sparsities, ElementsAre(kCannot, 0.5, 0.25, 0));
  EXPECT_THAT(values.intensities, ElementsAre(-1, 1, 5));
  EXPECT_EQ(threshold_at(values.intensities, 0), -1);
  EXPECT_EQ(threshold_at(values.intensities, kThresholdSteps - 1), 5);
}

TEST(SparoaThreshold, PlacesByTheThresholdsGiven) {
  const CostTable table = chain_of({{1, 0}, {5, 0}});
  const auto placed = place_by_sparoa_threshold(table, {.thresholds = Thresholds{.intensity = 1}});
  ASSERT_TRUE(placed.ok()) << placed.status().message();
  EXPECT_THAT(placed->placement, ElementsAre(kOnCpu, kOnGpu));
  EXPECT_DOUBLE_EQ(placed->latency, latency_of(table, placed->placement, CostModel::kMakespan));
}

TEST(SparoaThreshold, WithoutThresholdsOrGpuIsRefused) {
  CostTable table = chain_of({{1, 0}});
  EXPECT_EQ(place_by_sparoa_threshold(table, {}).status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(place_by_sparoa_threshold(table, {}).status().message(), HasSubstr("needs predicted thresholds"));
  table.processors.pop_back();
  EXPECT_THAT(place_by_sparoa_threshold(table, {}).status().message(), HasSubstr("this machine has no GPU"));
}

TEST(SparoaThreshold, IsNoBetterThanTheBestOfTheGrid) {
  std::mt19937_64 random(12);
  for (int trial = 0; trial < 20; ++trial) {
    const CostTable table = testing::random_table({.groups = 12}, random);
    const double best = place_by_threshold(table, {})->latency;
    const ThresholdValues values = threshold_values(table);
    for (const std::size_t step : {0U, 7U, 15U, 23U}) {
      const Thresholds thresholds{.sparsity = threshold_at(values.sparsities, step),
                                  .intensity = threshold_at(values.intensities, step)};
      EXPECT_GE(place_by_sparoa_threshold(table, {.thresholds = thresholds})->latency, best);
    }
  }
}

TEST(ThresholdFeatures, OfAChainByHand) {
  const CostTable table = chain_of({{5, 0.5}, {1, 0}});
  const auto features = threshold_features(table, CostModel::kAdditive);
  ASSERT_TRUE(features.ok()) << features.status().message();
  ASSERT_EQ(features->groups.size(), 2U);
  EXPECT_DOUBLE_EQ(feature(*features, 0, "intensity rank"), 1);
  EXPECT_DOUBLE_EQ(feature(*features, 1, "intensity rank"), 0.5);
  EXPECT_DOUBLE_EQ(feature(*features, 0, "greatest intensity rank read"), 0);  // the host's memory
  EXPECT_DOUBLE_EQ(feature(*features, 1, "least intensity rank read"), 1);
  EXPECT_DOUBLE_EQ(feature(*features, 0, "zeros rank"), 0.5);
  EXPECT_DOUBLE_EQ(feature(*features, 1, "zeros rank"), 1);
  EXPECT_DOUBLE_EQ(feature(*features, 1, "cpu time"), 2);  // 4 s of the 2 s that the GPU takes for all
  EXPECT_DOUBLE_EQ(feature(*features, 1, "gpu time"), 0.5);
  EXPECT_DOUBLE_EQ(feature(*features, 1, "hand-over to cpu"), 2);     // 1 + 2 + 10 · 0.1 s
  EXPECT_DOUBLE_EQ(feature(*features, 0, "hand-over to gpu"), 2.25);  // 0.5 + 2 + 20 · 0.1 s
  EXPECT_DOUBLE_EQ(feature(*features, 1, "return from gpu"), 2);
  EXPECT_NEAR(feature(*features, 0, "log10 intensity"), std::log10(6), 1e-6);
}

// Steps of thresholds and ranks of groups say the same.
TEST(ThresholdFeatures, AStepTakesToTheCpuWhatRanksNoHigher) {
  std::mt19937_64 random(13);
  for (int trial = 0; trial < 50; ++trial) {
    const CostTable table = testing::random_table({.groups = 1 + random() % 60}, random);
    const auto features = threshold_features(table, CostModel::kMakespan);
    ASSERT_TRUE(features.ok()) << features.status().message();
    const ThresholdValues values = threshold_values(table);
    for (std::size_t step = 0; step < kThresholdSteps; ++step) {
      const double place = static_cast<double>(step) / static_cast<double>(kThresholdSteps - 1) + 3e-5;
      for (std::size_t g = 0; g < table.groups.size(); ++g) {
        EXPECT_EQ(feature(*features, g, "intensity rank") <= place,
                  table.groups[g].intensity() <= threshold_at(values.intensities, step));
        EXPECT_EQ(feature(*features, g, "zeros rank") <= place,
                  table.groups[g].activation_sparsity >= threshold_at(values.sparsities, step));
      }
    }
  }
}

TEST(ThresholdFeatures, NeighboursOfALongModelAreMerged) {
  const CostTable table = chain_of(std::vector<std::pair<double, double>>(2 * kMostFeatureRows + 1, {3, 0.5}));
  const auto features = threshold_features(table, CostModel::kMakespan);
  ASSERT_TRUE(features.ok());
  EXPECT_EQ(features->groups.size(), kMostFeatureRows);
  double gpu = 0;
  for (std::size_t row = 0; row < kMostFeatureRows; ++row) {
    gpu += feature(*features, row, "gpu time");
    EXPECT_FLOAT_EQ(static_cast<float>(feature(*features, row, "activation zeros")), 0.5F);
  }
  EXPECT_NEAR(gpu, 1, 1e-4);  // nothing is lost
}

TEST(ThresholdFeatures, AreFiniteWhateverTheTable) {
  CostTable table = chain_of({{0, 0}, {1e30, 1}});
  table.handover = {};
  table.groups[0].bytes = 0;
  table.groups[0].seconds = {{0, 0, 0, 0, kCannot}, {0, 0, 0, 0, 0}};
  table.groups[1].seconds = {{0, 0, 0, 0, 0}, {0, 0, 0, 0, kCannot}};
  const auto features = threshold_features(table, CostModel::kMakespan);
  ASSERT_TRUE(features.ok()) << features.status().message();
  for (const auto& row : features->groups)
    for (const float number : row) EXPECT_TRUE(std::isfinite(number));
  for (const float number : features->machine) EXPECT_TRUE(std::isfinite(number));
  EXPECT_DOUBLE_EQ(feature(*features, 0, "cannot on cpu"), 1);
}

TEST(ThresholdFeatures, OfAModelThatNeitherRunsAreRefused) {
  CostTable table = chain_of({{1, 0}});
  table.groups[0].seconds = {{0, kCannot, kCannot, kCannot, kCannot}, {0, kCannot, kCannot, kCannot, kCannot}};
  EXPECT_THAT(threshold_features(table, CostModel::kMakespan).status().message(),
              HasSubstr("'cpu' and 'gpu' together do not run the whole model"));
}

}  // namespace
}  // namespace sparseloom::place
