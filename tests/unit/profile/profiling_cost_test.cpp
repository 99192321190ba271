// What profiling a task takes, exhaustively and with an estimator, before anything is run.
#include "sparseloom/profile/estimate/profiling_cost.h"

#include <gmock/gmock.h>

#include "sparseloom/profile/estimate/estimate_task.h"
#include "sparseloom/profile/estimate/first_variants.h"
#include "sparseloom/profile/estimate/output_distances.h"

namespace sparseloom::profile {
namespace {

using ::testing::DoubleEq;

// Stage s of variant v takes v + 1 milliseconds in stage 0, ten times as long in stage 1, a hundred times in stage 2.
StageTimes times_of(std::size_t variants) {
  StageTimes times;
  for (std::size_t v = 0; v < variants; ++v) {
    const double ms = static_cast<double>(v + 1);
    times.push_back({from_ms(ms), from_ms(10 * ms), from_ms(100 * ms)});
  }
  return times;
}

TEST(ExhaustiveCost, IsEveryPrefixOnce) {
  const ProfilingCost cost = exhaustive_cost(times_of(2), 1000);
  EXPECT_EQ(cost.stitched, 8U);
  EXPECT_EQ(cost.stage_passes, 2 + 4 + 8);
  EXPECT_THAT(cost.projected.count(), DoubleEq(3 + 2 * 30 + 4 * 300));  // milliseconds x 1,000 samples
  EXPECT_EQ(exhaustive_cost(times_of(10), 1000).stage_passes, 1110);
}

TEST(WalkCost, OfAllStitchedVariantsIsTheExhaustiveOne) {
  const ProfilingCost all = walk_cost(times_of(3), all_sigmas(3, 3), 50), known = exhaustive_cost(times_of(3), 50);
  EXPECT_EQ(all.stitched, known.stitched);
  EXPECT_EQ(all.stage_passes, known.stage_passes);
  EXPECT_THAT(all.projected.count(), DoubleEq(known.projected.count()));
}

TEST(WalkCost, CountsWhatTwoStitchedVariantsShareOnce) {
  const zoo::VariantId a(0), b(1);
  const ProfilingCost cost = walk_cost(times_of(2), {{a, a, a}, {a, a, b}, {b, a, a}}, 1);
  EXPECT_EQ(cost.stage_passes, 2 + 2 + 3);
  EXPECT_THAT(to_ms(cost.projected), DoubleEq((1 + 2) + (10 + 10) + (100 + 200 + 100)));
}

TEST(DistanceCost, IsWhatMeasuringThemRuns) {
  // OutputDistances: each stage behind dense ones, and pairs of the first two (output_distances_test.cpp).
  const ProfilingCost cost = distance_cost(times_of(2), 4, 8);
  EXPECT_EQ(cost.stitched, 0U);
  EXPECT_EQ(cost.stage_passes, 4.0 / 8 * (2 + (1 + 2) + (2 + 4) + (2 + 2)));
  EXPECT_THAT(to_ms(cost.projected), DoubleEq(4 * ((3) + (1 + 30) + (3 + 2 * 30) + (1 + 10 + 300))));
}

TEST(MostEstimationCost, HoldsHoweverTheStitchedVariantsAreChosen) {
  constexpr std::size_t kSamples = 100;
  const StageTimes times = times_of(10);
  const ProfilingCost most = most_estimation_cost(times, 50, 0.9, kSamples).value();
  EXPECT_EQ(most.stitched, 50U);
  EXPECT_LT(most.stage_passes, exhaustive_cost(times, kSamples).stage_passes / 5);
  // Originals, design and active samples, and calibration in walks of three, none sharing a prefix but by necessity.
  const SampleSizes sizes = divide_budget(50, 10, 3, 0.9).value();
  const auto first = static_cast<double>(10 + sizes.design), active = static_cast<double>(sizes.active);
  EXPECT_THAT(most.stage_passes, DoubleEq(distance_cost(times, kProbeSamples, kSamples).stage_passes +
                                          (10 + 2 * first) + 3 * active + 3 * 9));
}

TEST(MostEstimationCost, RefusesABudgetThatCannotBe) {
  EXPECT_EQ(most_estimation_cost(times_of(2), 8, 0.9, 100).status().code(), Code::kInvalidArgument);
}

TEST(LatencyMeasurements, AreOfEverySubgraphByEveryProviderOfEveryProcessor) {
  soc::Soc soc;
  soc.processors = {{.providers = {backend::Provider::kOpenVino, backend::Provider::kSparse}},
                    {.providers = {backend::Provider::kOpenVino}}};
  EXPECT_EQ(latency_measurements(soc, 10, 3), 10U * 3 * 3);
}

Latency latency_of(double ms) {
  Latency latency;
  latency.median = from_ms(ms);
  latency.count = 9;
  return latency;
}

TEST(FastestStageTimes, AreTheLeastMedians) {
  soc::Soc soc;
  for (int p = 0; p < 2; ++p) soc.processors.push_back({.providers = {backend::Provider::kOpenVino}});
  TaskProfile profile(1, 1, 2);
  const auto set = [&](std::size_t p, double ms) {
    profile.set_latency(zoo::VariantId(0), zoo::StageId(0), soc::ProcessorId(p), backend::Provider::kOpenVino,
                        latency_of(ms));
  };
  set(0, 3);
  set(1, 2);
  EXPECT_EQ(fastest_stage_times(profile, soc), StageTimes{{from_ms(2)}});
}

TEST(FirstVariants, KeepWhatIsKnownOfThem) {
  TaskProfile whole(3, 2, 1);
  const zoo::Sigma kept{zoo::VariantId(1), zoo::VariantId(0)}, left{zoo::VariantId(2), zoo::VariantId(0)};
  whole.set_accuracy(kept, {7, 10});
  whole.set_accuracy(left, {9, 10});
  whole.set_latency(zoo::VariantId(1), zoo::StageId(1), soc::ProcessorId(0), backend::Provider::kSparse, latency_of(4));
  const TaskProfile first = first_variants(whole, 2);
  EXPECT_EQ(first.stitched(), 4U);
  EXPECT_EQ(first.accuracy(kept).correct, 7);
  EXPECT_EQ(first.latency(zoo::VariantId(1), zoo::StageId(1), soc::ProcessorId(0), backend::Provider::kSparse).median,
            from_ms(4));
}

}  // namespace
}  // namespace sparseloom::profile
