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
    for (int trial = 0; trial < 40; ++trial) {
      const CostTable table = testing::random_table({.groups = 1 + random() % 4, .processors = 3}, random);
      const Placed placed = must_place("exact", table, {.model = model});
      ASSERT_NEAR(placed.latency, by_enumeration(table, model, all_shares(3)), 1e-9);
      EXPECT_TRUE(placed.optimal);
    }
  }
}

TEST(Exact, NoMethodIsBetterAndItsBoundIsBelow) {
  std::mt19937_64 random(5);
  for (int trial = 0; trial < 10; ++trial) {
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
