// The batch and placement of the largest throughput, and of the least energy, against all batches × all placements.
#include "sparseloom/place/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "sparseloom/place/energy.h"
#include "tests/support/enumerate_placements.h"
#include "tests/support/random_cost_table.h"

namespace sparseloom::place {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Tables of a model whose groups take a part of their time whatever the batch is.
class Batches {
 public:
  explicit Batches(std::mt19937_64& random)
      : one_(testing::random_table({.groups = 1 + random() % 5, .halves_alone = true, .energy = true}, random)) {
    for (std::size_t g = 0; g < one_.groups.size(); ++g) fixed_.push_back(static_cast<double>(random() % 8) / 8);
  }

  CostTable of(std::size_t batch) const {
    CostTable table = one_;
    const auto times = static_cast<double>(batch);
    for (std::size_t g = 0; g < table.groups.size(); ++g) {
      OperatorGroup& group = table.groups[g];
      group.result_bytes *= times;
      for (Input& input : group.inputs) input.bytes *= times;
      for (auto& by_quarters : group.seconds) {
        for (double& seconds : by_quarters)
          if (seconds != kCannot) seconds *= fixed_[g] + (1 - fixed_[g]) * times;
      }
      for (auto& by_quarters : group.traffic) {
        for (double& bytes : by_quarters) bytes *= times;
      }
    }
    return table;
  }

 private:
  CostTable one_;
  std::vector<double> fixed_;
};

const std::vector<Share> kHalvesOfTwo{{4, 0}, {0, 4}, {2, 2}};

// The best value of all that keep the bound, more is better; nothing if none does.
std::optional<double> best_by_enumeration(const Batches& tables, const BatchOptions& options) {
  std::optional<double> best;
  for (const std::size_t batch : options.batches) {
    const CostTable table = tables.of(batch);
    testing::each_placement(table.groups.size(), kHalvesOfTwo, [&](const Placement& placement) {
      const double latency = latency_of(table, placement, options.placer.model);
      if (latency == kCannot || latency > options.latency_bound) return;
      const auto times = static_cast<double>(batch);
      const double value = options.objective == Objective::kThroughput
                               ? times / latency
                               : -*energy_of(table, placement, options.placer.model) / times;
      best = std::max(best.value_or(-kCannot), value);
    });
  }
  return best;
}

TEST(Batch, EqualsEnumerationOfBatchesAndPlacements) {
  std::mt19937_64 random(31);
  std::map<std::size_t, int> chosen;
  int refused = 0;
  for (int trial = 0; trial < 400; ++trial) {
    const Batches tables(random);
    BatchOptions options;
    options.objective = kObjectives[random() % 2];
    options.placer.model = kCostModels[random() % 2];
    options.batches = {1, 2, 4, 8};
    const double one = place_exactly(tables.of(1), options.placer)->latency;
    options.latency_bound = one * std::array{0.9, 1.0, 1.5, 3.0, 5.0, static_cast<double>(kCannot)}[random() % 6];
    const auto best = best_by_enumeration(tables, options);
    const auto choice = choose_batch([&](std::size_t batch) -> Result<CostTable> { return tables.of(batch); }, options);
    if (!best) {
      ++refused;
      EXPECT_EQ(choice.status().code(), Code::kFailedPrecondition) << trial;
      continue;
    }
    ASSERT_TRUE(choice.ok()) << trial << ": " << choice.status().message();
    EXPECT_NEAR(choice->value, std::abs(*best), 1e-9 * std::abs(*best)) << trial;
    EXPECT_TRUE(choice->proven) << trial;
    EXPECT_EQ(choice->bound, choice->value);
    const BatchPlaced& placed = choice->chosen();
    ++chosen[placed.batch];
    EXPECT_LE(placed.latency(), options.latency_bound * (1 + 1e-9));
    const CostTable table = tables.of(placed.batch);
    EXPECT_DOUBLE_EQ(latency_of(table, placed.placement(), options.placer.model), placed.latency());
  }
  EXPECT_GT(refused, 20);
  for (const std::size_t batch : {1U, 2U, 4U, 8U}) EXPECT_GT(chosen[batch], 5) << "a batch of " << batch;
}

// A group of 2 s + 1 s per request on the only processor.
Result<CostTable> one_group(std::size_t batch) {
  CostTable table;
  table.processors = {{"cpu", ProcessorKind::kCpu, 0}};
  OperatorGroup& group = table.groups.emplace_back();
  group.returned = true;
  group.seconds = {{0, kCannot, kCannot, kCannot, 2 + static_cast<double>(batch)}};
  return table;
}

TEST(Batch, IsAsLargeAsTheLatencyBoundAllows) {
  BatchOptions options{.batches = {8, 1, 4, 2, 4}, .latency_bound = 6.5};
  const auto choice = choose_batch(one_group, options);
  ASSERT_TRUE(choice.ok()) << choice.status().message();
  EXPECT_EQ(choice->chosen().batch, 4U);
  EXPECT_DOUBLE_EQ(choice->value, 4 / 6.0);
  std::vector<std::size_t> tried;
  std::vector<bool> kept;
  for (const BatchPlaced& placed : choice->batches) {
    tried.push_back(placed.batch);
    kept.push_back(placed.keeps);
  }
  EXPECT_THAT(tried, ElementsAre(1, 2, 4, 8));
  EXPECT_THAT(kept, ElementsAre(true, true, true, false));
}

TEST(Batch, OfEqualsTheSmallest) {
  const auto constant_rate = [](std::size_t batch) {
    auto table = one_group(1);
    table->groups[0].seconds[0][4] = static_cast<double>(batch);
    return table;
  };
  EXPECT_EQ(choose_batch(constant_rate, {})->chosen().batch, 1U);
}

TEST(Batch, WhereNoneKeepsTheBoundWhatTheFastestTakes) {
  const auto refused = choose_batch(one_group, {.latency_bound = 2.5});
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(refused.status().message(),
            "no batch was found that takes at most 2500 ms: one of 1 takes 3000 ms, and at least 3000 ms wherever its "
            "operators run");
}

TEST(Batch, WhatIsNoBatchOrBoundIsRefused) {
  EXPECT_THAT(choose_batch(one_group, {.batches = {}}).status().message(), HasSubstr("no batch"));
  EXPECT_THAT(choose_batch(one_group, {.batches = {2, 0}}).status().message(), HasSubstr("a batch of 0"));
  for (const double bound : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_EQ(choose_batch(one_group, {.latency_bound = bound}).status().code(), Code::kInvalidArgument);
  EXPECT_THAT(find_objective("fame").status().message(), HasSubstr("'fame': not known; allowed: throughput, energy"));
}

TEST(Batch, EnergyWantsToKnowWhatTheMachineDraws) {
  const auto refused = choose_batch(one_group, {.objective = Objective::kEnergy});
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.status().message(), HasSubstr("draws is not known"));
}

}  // namespace
}  // namespace sparseloom::place
