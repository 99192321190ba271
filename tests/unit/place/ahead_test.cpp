// Placements solved ahead: few, and none far from the best in any state between those that were solved.
#include "sparseloom/place/adapt/ahead.h"

#include <gmock/gmock.h>

#include <set>

#include "sparseloom/base/uniform.h"
#include "tests/support/random_cost_table.h"
#include "tests/support/two_devices.h"

namespace sparseloom::place {
namespace {

using ::testing::ElementsAre;

double least_latency(const CostTable& table, const std::vector<Placement>& placements) {
  double least = kCannot;
  for (const Placement& placement : placements)
    least = std::min(least, latency_of(table, placement, CostModel::kMakespan));
  return least;
}

TEST(StateGrid, HasEveryStateOfSoManySlowPartsAsFit) {
  const CostTable shared = testing::two_devices(8, 4);
  EXPECT_EQ(states_of(shared, {}).size(), 36U);
  EXPECT_EQ(states_of(shared, {.slow_downs = {2, 3}, .most_states = 5}).size(), 5U);  // one slow part
  EXPECT_EQ(states_of(shared, {.slow_downs = {2, 3}, .most_states = 4}).size(), 1U);
  EXPECT_EQ(states_of(shared, {.slow_downs = {2, 3}, .most_states = 9}).size(), 9U);
  EXPECT_THAT(states_of(shared, {})[0].slow_down, ElementsAre(1, 1));
  CostTable apart = shared;
  apart.processors[1].memory_domain = 1;
  apart.handover.seconds_per_byte = 1;
  EXPECT_EQ(states_of(apart, {.most_states = 216}).size(), 216U);
  EXPECT_EQ(states_of(apart, {}).size(), 91U);
}

TEST(Ahead, TheUsualPlacementComesFirstAndNoneTwice) {
  const CostTable table = testing::two_devices(8, 4);
  const Placement usual{{1, 3}};
  const auto ahead = place_ahead(table, usual, states_of(table, {}), exactly_for(table, {}), CostModel::kMakespan);
  ASSERT_TRUE(ahead.ok());
  EXPECT_EQ(ahead->front(), usual);
  EXPECT_LE(ahead->size(), 5U);  // there are but five ways to divide one group
  const std::set<Placement> different(ahead->begin(), ahead->end());
  EXPECT_EQ(different.size(), ahead->size());
}

TEST(Ahead, WhatPlacesAndFailsIsHeardOf) {
  const CostTable table = testing::two_devices(8, 4);
  const PlaceFor fails = [](const MachineState&) -> Result<Placement> { return error(Code::kCancelled, "enough"); };
  EXPECT_EQ(place_ahead(table, {{4, 0}}, states_of(table, {}), fails, CostModel::kMakespan).status().code(),
            Code::kCancelled);
}

// At most 1 % off in a state of the grid. Between two of them that are a factor apart, at most that factor off: what a
// placement takes grows by no more than the slow-downs do.
TEST(Ahead, TheBestOfThemIsTheExactOneWithinTheGridsResolution) {
  constexpr double kWidest = 1.5, kTolerance = 0.01;  // from 2 to 3
  std::mt19937_64 random(11);
  double worst = 1, sum = 0;
  int states = 0;
  for (int trial = 0; trial < 10; ++trial) {
    const CostTable table = testing::random_table({.groups = 2 + random() % 5, .processors = 2}, random);
    const PlaceFor exact = exactly_for(table, {});
    const auto grid = states_of(table, {.most_states = 216});
    const auto ahead = place_ahead(table, exact(grid[0]).value(), grid, exact, CostModel::kMakespan, kTolerance);
    ASSERT_TRUE(ahead.ok());
    for (int i = 0; i < 30; ++i) {
      const bool on_grid = i % 3 == 0;
      const auto factor = [&] { return 1 + 3 * uniform(random); };
      const MachineState state = on_grid
                                     ? grid[random() % grid.size()]
                                     : MachineState{.slow_down = {factor(), factor()}, .memory_slow_down = factor()};
      const CostTable now = in_state(table, state);
      const double ratio = least_latency(now, *ahead) / latency_of(now, exact(state).value(), CostModel::kMakespan);
      EXPECT_LE(ratio, on_grid ? 1 + kTolerance + 1e-9 : kWidest * (1 + kTolerance));
      worst = std::max(worst, ratio);
      sum += ratio;
      ++states;
    }
  }
  EXPECT_LE(worst, 1.1);  // in fact they are much closer
  EXPECT_LE(sum / states, 1.01);
}

}  // namespace
}  // namespace sparseloom::place
