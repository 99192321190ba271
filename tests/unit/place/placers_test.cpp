// The methods: exact ones against enumeration, the others against what they promise.
#include "sparseloom/place/placers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/support/random_cost_table.h"

namespace sparseloom::place {
namespace {

using ::testing::HasSubstr;

// The least latency of all placements made of the shares `among`.
double by_enumeration(const CostTable& table, CostModel model, const std::vector<Share>& among) {
  std::vector<std::size_t> digits(table.groups.size());
  double least = kCannot;
  for (;;) {
    Placement placement;
    for (const std::size_t d : digits) placement.push_back(among[d]);
    least = std::min(least, latency_of(table, placement, model));
    std::size_t at = 0;
    while (at < digits.size() && ++digits[at] == among.size()) digits[at++] = 0;
    if (at == digits.size()) return least;
  }
}

Placed must_place(std::string_view name, const CostTable& table, const PlacerOptions& options = {}) {
  const auto placer = find_placer(name);
  EXPECT_TRUE(placer.ok());
  auto placed = (*placer)->place(table, options);
  EXPECT_TRUE(placed.ok()) << name << ": " << placed.status().message();
  return placed.ok() ? std::move(placed).value() : Placed{};
}

TEST(Exact, EqualsEnumeration) {
  for (const CostModel model : kCostModels) {
    std::mt19937_64 random(3);
    for (int trial = 0; trial < 500; ++trial) {
      const std::size_t groups = 1 + random() % (trial < 480 ? 6 : 9);
      const CostTable table = testing::random_table({.groups = groups, .halves_alone = true}, random);
      ASSERT_TRUE(check(table).ok()) << check(table).message();
      const Placed placed = must_place("exact", table, {.model = model});
      const std::vector<Share> halves{{4, 0}, {0, 4}, {2, 2}};
      ASSERT_NEAR(placed.latency, by_enumeration(table, model, halves), 1e-9) << name_of(model) << ", trial " << trial;
      EXPECT_TRUE(placed.optimal) << name_of(model) << ", trial " << trial;
    }
  }
}

TEST(Exact, EqualsEnumerationOnThreeProcessorsInQuarters) {
  for (const CostModel model : kCostModels) {
    std::mt19937_64 random(4);
    for (int trial = 0; trial < 20; ++trial) {
      const CostTable table = testing::random_table({.groups = 1 + random() % 4, .processors = 3}, random);
      const Placed placed = must_place("exact", table, {.model = model});
      ASSERT_NEAR(placed.latency, by_enumeration(table, model, all_shares(3)), 1e-9);
      EXPECT_TRUE(placed.optimal);
    }
  }
}

TEST(Exact, NoMethodIsBetterAndItsBoundIsBelow) {
  std::mt19937_64 random(5);
  for (int trial = 0; trial < 3; ++trial) {
    const CostTable table = testing::random_table({.groups = 40, .processors = 2}, random);
    for (const CostModel model : kCostModels) {
      const Placed exact = must_place("exact", table, {.model = model, .work = 3e6});
      EXPECT_LE(exact.lower_bound, exact.latency);
      EXPECT_DOUBLE_EQ(exact.latency, latency_of(table, exact.placement, model));
      for (const Placer& placer : placers()) {
        const auto other = placer.place(table, {.model = model, .work = 3e6});
        if (!other.ok()) continue;
        EXPECT_LE(exact.latency, other->latency) << placer.name;
        EXPECT_LE(exact.lower_bound, other->latency) << placer.name;
      }
    }
  }
}

// A group that can be run by some shares alone.
OperatorGroup only(std::vector<Input> inputs, std::size_t processors, bool along, bool returned,
                   const std::vector<std::pair<Share, double>>& shares) {
  OperatorGroup group;
  group.inputs = std::move(inputs);
  group.along = along;
  group.returned = returned;
  group.seconds.assign(processors, {0, kCannot, kCannot, kCannot, kCannot});
  for (const auto& [share, seconds] : shares)
    for (std::size_t p = 0; p < processors; ++p)
      if (share[p] > 0) group.seconds[p][share[p]] = seconds;
  return group;
}

CostTable of_processors(std::size_t count) {
  CostTable table;
  table.processors.resize(count);
  table.handover.synchronisation = 5;
  return table;
}

// A reader that goes along pays nothing, and so leaves to later ones what another placement has paid for all.
TEST(Exact, WhatGoesAlongForNothingIsStillToBeHandedOver) {
  CostTable table = of_processors(3);
  const Input first{.from = GroupId(0)};
  table.groups = {only({}, 3, false, false, {{{2, 2, 0}, 1}, {{0, 0, 4}, 10}}),
                  only({first}, 3, false, true, {{{0, 0, 4}, 1}}),
                  only({first}, 3, true, true, {{{2, 2, 0}, 1}, {{0, 0, 4}, 100}}),
                  only({first}, 3, false, true, {{{4, 0, 0}, 1}, {{0, 0, 4}, 100}}),
                  only({first}, 3, false, true, {{{0, 4, 0}, 1}, {{0, 0, 4}, 100}})};
  const Placed placed = must_place("exact", table, {.model = CostModel::kAdditive});
  EXPECT_DOUBLE_EQ(placed.latency, 19);
  EXPECT_DOUBLE_EQ(by_enumeration(table, CostModel::kAdditive, all_shares(3)), 19);
}

TEST(Exact, MergedLabelsBoundWhatIsPaidOnceAndForAll) {
  CostTable table = of_processors(2);
  const Input first{.from = GroupId(0)};
  table.groups = {only({}, 2, false, false, {{{2, 2}, 1}, {{1, 3}, 1.5}}), only({first}, 2, true, true, {{{2, 2}, 1}}),
                  only({first}, 2, false, true, {{{4, 0}, 1}}), only({first}, 2, false, true, {{{0, 4}, 1}})};
  for (const double work : {1.0, 100.0, 300.0, 1e6}) {
    const Placed placed = must_place("exact", table, {.model = CostModel::kAdditive, .work = work});
    EXPECT_LE(placed.lower_bound, 9.5) << work;
  }
  EXPECT_DOUBLE_EQ(must_place("exact", table, {.model = CostModel::kAdditive}).latency, 9.5);
}

TEST(Exact, BoundsHoldOnThreeProcessorsHoweverLittleWorkThereIs) {
  for (const CostModel model : kCostModels) {
    std::mt19937_64 random(11);
    for (int trial = 0; trial < 20; ++trial) {
      const CostTable table = testing::random_table({.groups = 6, .processors = 3, .halves_alone = true}, random);
      const double least = must_place("exact", table, {.model = model, .work = 1e7}).latency;
      for (const double work : {1e3, 1e4, 1e5}) {
        const Placed placed = must_place("exact", table, {.model = model, .work = work});
        EXPECT_LE(placed.lower_bound, least * (1 + 1e-9)) << name_of(model) << ", trial " << trial;
        EXPECT_GE(placed.latency, least * (1 - 1e-9));
      }
    }
  }
}

TEST(Exact, EqualsEnumerationOnThreeProcessorsInHalves) {
  std::vector<Share> halves;
  for (const Share& share : all_shares(3))
    if (std::all_of(share.begin(), share.end(), [](std::uint8_t q) { return q % 2 == 0; })) halves.push_back(share);
  for (const CostModel model : kCostModels) {
    std::mt19937_64 random(12);
    for (int trial = 0; trial < 30; ++trial) {
      const CostTable table =
          testing::random_table({.groups = 4 + random() % 2, .processors = 3, .halves_alone = true}, random);
      ASSERT_NEAR(must_place("exact", table, {.model = model}).latency, by_enumeration(table, model, halves), 1e-9)
          << name_of(model) << ", trial " << trial;
    }
  }
}

TEST(Exact, AFrontierTooWideForLabelsStillHasABound) {
  CostTable table = of_processors(2);
  const std::size_t count = 20'000;  // group i is read by the last but i
  for (std::size_t g = 0; g < count; ++g) {
    std::vector<Input> inputs;
    if (g >= count / 2) inputs.push_back({.from = GroupId(count - 1 - g)});
    table.groups.push_back(only(std::move(inputs), 2, false, g >= count / 2, {{{4, 0}, 1}, {{0, 4}, 1}}));
  }
  const Placed placed = must_place("exact", table);
  EXPECT_LT(placed.latency, kCannot);
  EXPECT_DOUBLE_EQ(placed.lower_bound, static_cast<double>(count) / 2);
}

TEST(Exact, WithLittleWorkStillHasABound) {
  std::mt19937_64 random(6);
  const CostTable table = testing::random_table({.groups = 3000, .processors = 3}, random);
  const Placed placed = must_place("exact", table, {.work = 1e6});
  EXPECT_LT(placed.latency, kCannot);
  EXPECT_GT(placed.lower_bound, 0);
  EXPECT_LE(placed.lower_bound, placed.latency);
  EXPECT_FALSE(placed.optimal);
}

TEST(Cut, EqualsEnumerationOfWholeGroups) {
  std::mt19937_64 random(7);
  for (int trial = 0; trial < 300; ++trial) {
    const CostTable table = testing::random_table({.groups = 1 + random() % 9}, random);
    const Placed placed = must_place("cut", table, {.model = CostModel::kAdditive});
    ASSERT_NEAR(placed.latency, by_enumeration(table, CostModel::kAdditive, {{4, 0}, {0, 4}}), 1e-9) << trial;
  }
}

TEST(Threshold, IsNoWorseThanEitherProcessorAlone) {
  std::mt19937_64 random(8);
  for (int trial = 0; trial < 50; ++trial) {
    CostTable table = testing::random_table({.groups = 12}, random);
    for (OperatorGroup& group : table.groups) group.seconds[1] = group.seconds[0];  // so that both run all of it
    const double threshold = must_place("threshold", table).latency;
    EXPECT_LE(threshold, must_place("cpu", table).latency);
    EXPECT_LE(threshold, must_place("gpu", table).latency);
  }
}

TEST(Codl, DividesAChainWhereHandingOverIsCheap) {
  std::mt19937_64 random(9);
  CostTable table = testing::random_table({.groups = 2}, random);
  table.handover = {};
  for (OperatorGroup& group : table.groups) {
    group.along = true;
    group.seconds = {{0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}};
  }
  table.groups[0].inputs = {{.bytes = 1}};
  table.groups[1].inputs = {{.from = GroupId(0)}};
  EXPECT_EQ(must_place("codl", table).placement, (Placement{{2, 2}, {2, 2}}));
}

TEST(Gpu, IsRefusedByNameWhereThereIsNone) {
  std::mt19937_64 random(10);
  const CostTable table = testing::random_table({.groups = 3, .processors = 1}, random);
  const Status status = place_on_gpu(table, {}).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("no GPU of this machine"));
}

TEST(Placers, AreKnownByName) {
  EXPECT_THAT(find_placer("magic").status().message(), HasSubstr("method 'magic': not known; allowed: exact, cut"));
}

}  // namespace
}  // namespace sparseloom::place
