#include "sparseloom/place/state.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/random_cost_table.h"

namespace sparseloom::place {
namespace {

CostTable table_of_three() {
  std::mt19937_64 random(7);
  return testing::random_table({.groups = 3}, random);
}

TEST(State, TheUsualOneChangesNothing) {
  const CostTable table = table_of_three();
  const CostTable same = in_state(table, usual_state(table));
  EXPECT_EQ(same.groups[0].seconds, table.groups[0].seconds);
  EXPECT_EQ(same.handover.seconds_per_byte, table.handover.seconds_per_byte);
}

TEST(State, ASlowProcessorTakesLongerForEveryShare) {
  const CostTable table = table_of_three();
  const CostTable slow = in_state(table, {.slow_down = {1, 2}, .memory_slow_down = 3});
  for (std::size_t q = 0; q <= kQuarters; ++q) {
    EXPECT_EQ(slow.groups[1].seconds[0][q], table.groups[1].seconds[0][q]);
    EXPECT_EQ(slow.groups[1].seconds[1][q], 2 * table.groups[1].seconds[1][q]);
  }
  EXPECT_EQ(slow.handover.seconds_per_byte, 3 * table.handover.seconds_per_byte);
  EXPECT_EQ(slow.handover.latency, table.handover.latency);
}

TEST(State, WhatIsNoSlowDownIsRefused) {
  const CostTable table = table_of_three();
  EXPECT_TRUE(check(usual_state(table), table).ok());
  EXPECT_EQ(check({.slow_down = {1}}, table).message(), "a state with slow-downs of 1 processors; the machine has 2");
  for (const double wrong : {0.0, -1.0, std::nan(""), static_cast<double>(kCannot)}) {
    EXPECT_FALSE(check({.slow_down = {1, wrong}}, table).ok());
    EXPECT_FALSE(check({.slow_down = {1, 1}, .memory_slow_down = wrong}, table).ok());
  }
}

}  // namespace
}  // namespace sparseloom::place
