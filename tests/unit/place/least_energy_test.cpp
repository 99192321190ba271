// Placements of least energy under a bound on latency, against enumeration.
#include "sparseloom/place/least_energy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sparseloom/place/energy.h"
#include "tests/support/enumerate_placements.h"
#include "tests/support/random_cost_table.h"

namespace sparseloom::place {
namespace {

// The least energy of all placements made of the shares `among` that keep the bound.
double least_by_enumeration(const CostTable& table, CostModel model, const std::vector<Share>& among, double bound) {
  double least = kCannot;
  testing::each_placement(table.groups.size(), among, [&](const Placement& placement) {
    if (latency_of(table, placement, model) <= bound) least = std::min(least, *energy_of(table, placement, model));
  });
  return least;
}

std::vector<Share> halves_of(std::size_t processors) {
  std::vector<Share> halves;
  for (const Share& share : all_shares(processors))
    if (std::all_of(share.begin(), share.end(), [](std::uint8_t q) { return q % 2 == 0; })) halves.push_back(share);
  return halves;
}

// Bounds from what nothing keeps to what everything does.
double some_bound(const CostTable& table, CostModel model, std::mt19937_64& random) {
  const auto fastest = place_exactly(table, {.model = model});
  EXPECT_TRUE(fastest.ok());
  const std::array times{0.99, 1.0, 1.05, 1.3, 2.0, static_cast<double>(kCannot)};
  return fastest->latency * times[random() % times.size()];
}

void expect_as_enumerated(const testing::RandomTable& wanted, int trials, std::uint64_t seed) {
  for (const CostModel model : kCostModels) {
    std::mt19937_64 random(seed);
    for (int trial = 0; trial < trials; ++trial) {
      testing::RandomTable one = wanted;
      one.groups = 1 + random() % wanted.groups;
      const CostTable table = testing::random_table(one, random);
      ASSERT_TRUE(check(table).ok()) << check(table).message();
      const double bound = some_bound(table, model, random);
      const double least = least_by_enumeration(table, model, halves_of(wanted.processors), bound);
      const auto placed = place_for_energy(table, {.model = model}, bound);
      if (least == kCannot) {
        EXPECT_EQ(placed.status().code(), Code::kResourceExhausted);
        continue;
      }
      ASSERT_TRUE(placed.ok()) << name_of(model) << ", trial " << trial << ": " << placed.status().message();
      ASSERT_NEAR(placed->energy, least, 1e-9) << name_of(model) << ", trial " << trial;
      EXPECT_LE(placed->latency, bound * (1 + 1e-9));
      EXPECT_DOUBLE_EQ(placed->energy, *energy_of(table, placed->placement, model));
      EXPECT_TRUE(placed->optimal) << name_of(model) << ", trial " << trial;
    }
  }
}

TEST(LeastEnergy, EqualsEnumeration) {
  expect_as_enumerated({.groups = 6, .halves_alone = true, .energy = true}, 400, 21);
}

TEST(LeastEnergy, EqualsEnumerationOnThreeProcessors) {
  expect_as_enumerated({.groups = 4, .processors = 3, .halves_alone = true, .energy = true}, 60, 22);
}

TEST(LeastEnergy, BoundsHoldHoweverLittleWorkThereIs) {
  for (const CostModel model : kCostModels) {
    std::mt19937_64 random(23);
    for (int trial = 0; trial < 20; ++trial) {
      const CostTable table =
          testing::random_table({.groups = 7, .processors = 3, .halves_alone = true, .energy = true}, random);
      const double bound = some_bound(table, model, random) * 1.02;
      const auto least = place_for_energy(table, {.model = model}, bound);
      ASSERT_TRUE(least.ok() && least->optimal);
      for (const double work : {1.0, 1e3, 1e4, 1e5}) {
        const auto placed = place_for_energy(table, {.model = model, .work = work}, bound, {least->placement});
        ASSERT_TRUE(placed.ok());
        EXPECT_LE(placed->lower_bound, least->energy * (1 + 1e-9)) << name_of(model) << ", trial " << trial;
        const auto alone = place_for_energy(table, {.model = model, .work = work}, bound);
        const double lower_bound = alone.ok() ? alone->lower_bound : 0;
        EXPECT_LE(lower_bound, least->energy * (1 + 1e-9)) << name_of(model) << ", trial " << trial;
      }
    }
  }
}

// Two labels of one group that was divided in two ways become one: a reader that goes along with either copies nothing.
TEST(LeastEnergy, MergedLabelsBoundWhatIsAtHandInEither) {
  CostTable table;
  table.processors = {{"cpu", ProcessorKind::kCpu, 0}, {"gpu", ProcessorKind::kGpu, 1}};
  table.energy = EnergyCosts{.power = {{0, 1}, {0, 1}}, .joules_per_byte = 1};
  table.groups.resize(2);
  const double never = kCannot;
  table.groups[0].result_bytes = 40;
  table.groups[0].seconds = {{0, 1.5, 1, never, never}, {0, never, 1, 1.5, never}};  // halves, or 1/4 and 3/4
  table.groups[1].inputs = {{.from = GroupId(0)}};
  table.groups[1].along = table.groups[1].returned = true;
  table.groups[1].seconds = {{0, 1, never, never, never}, {0, never, never, 1, never}};  // 1/4 and 3/4
  ASSERT_TRUE(check(table).ok()) << check(table).message();
  for (const CostModel model : kCostModels) {
    const double least = place_for_energy(table, {.model = model}, kCannot)->energy;
    EXPECT_DOUBLE_EQ(least, 3 + 2);  // 1/4 and 3/4 all along
    for (double work = 1; work < 400; work += 3) {
      const auto placed = place_for_energy(table, {.model = model, .work = work}, kCannot);
      EXPECT_LE(placed.ok() ? placed->lower_bound : 0, least) << name_of(model) << ", work " << work;
    }
  }
}

// An idle processor costs as long as the others compute: the fast way is the frugal one, until the fast one draws more.
TEST(LeastEnergy, IsNotAlwaysTheLeastLatency) {
  std::mt19937_64 random(24);
  CostTable table = testing::random_table({.groups = 3}, random);
  table.handover = {};
  for (OperatorGroup& group : table.groups) {
    group.seconds = {{0, kCannot, kCannot, kCannot, 4}, {0, kCannot, kCannot, kCannot, 2}};
  }
  table.energy = EnergyCosts{.power = {{1, 2}, {1, 3}}, .joules_per_byte = 0};
  const PlacerOptions additive{.model = CostModel::kAdditive};
  EXPECT_EQ(place_for_energy(table, additive, kCannot)->placement, Placement(3, Share{0, 4}));
  table.energy->power[1].active = 20;
  EXPECT_EQ(place_for_energy(table, additive, kCannot)->placement, Placement(3, Share{4, 0}));
}

TEST(LeastEnergy, WantsToKnowWhatTheMachineDraws) {
  std::mt19937_64 random(25);
  const CostTable table = testing::random_table({.groups = 3}, random);
  EXPECT_EQ(place_for_energy(table, {}, kCannot).status().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace sparseloom::place
