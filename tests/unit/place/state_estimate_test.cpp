// The state of a machine by what its last inferences kept busy.
#include "sparseloom/place/adapt/state_estimate.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/support/two_devices.h"

namespace sparseloom::place {
namespace {

using ::testing::ElementsAre;

// Half of the group on each: 4 s and 2 s.
class Estimating : public ::testing::Test {
 protected:
  void see(double cpu, double gpu) { estimate_.observe(halves_, {.processors = {4 * cpu, 2 * gpu}}); }

  CostTable table_ = testing::two_devices(8, 4);
  Telltale halves_{table_, {{2, 2}}};
  StateEstimate estimate_{table_, 5};
};

TEST_F(Estimating, BeginsAsTheTableSays) { EXPECT_THAT(estimate_.state().slow_down, ElementsAre(1, 1)); }

TEST_F(Estimating, AStepIsSeenAfterHalfOfTheWindowAndRemainsAStep) {
  for (int i = 0; i < 2; ++i) see(1, 2.5);
  EXPECT_THAT(estimate_.state().slow_down, ElementsAre(1, 1));
  see(1, 2.5);
  EXPECT_THAT(estimate_.state().slow_down, ElementsAre(1, 2.5));
}

TEST_F(Estimating, InferencesThatWereDisturbedSayNothing) {
  for (int i = 0; i < 50; ++i) {
    see(i % 4 == 0 ? 3 : 1, i % 3 == 0 ? 40 : 2);
    if (i < 4) continue;
    EXPECT_THAT(estimate_.state().slow_down, ElementsAre(1, 2));
  }
}

TEST_F(Estimating, NoiseEvensOutWhileNothingChanges) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200; ++i) {
    see(1.5 * (0.95 + 0.01 * static_cast<double>(random() % 11)), 1);
    if (i < 40) continue;
    EXPECT_NEAR(estimate_.state().slow_down[0], 1.5, 0.061);  // the last five alone: 0.075
  }
}

TEST_F(Estimating, SmallChangesAreSeenInTime) {
  for (int i = 0; i < 50; ++i) see(1, 1);
  for (int i = 0; i < 20; ++i) see(1, 1.05);
  EXPECT_THAT(estimate_.state().slow_down, ElementsAre(1, 1.05));
}

TEST_F(Estimating, WhatIsNoTimeIsNotSeen) {
  for (int i = 0; i < 9; ++i) see(std::nan(""), i % 2 == 0 ? 0 : -1);
  see(static_cast<double>(kCannot), 1);
  EXPECT_THAT(estimate_.state().slow_down, ElementsAre(1, 1));
  EXPECT_EQ(estimate_.unseen(0), 10U);
  EXPECT_EQ(estimate_.unseen(1), 0U);
}

TEST_F(Estimating, AProcessorThatHasNothingToDoStaysAsItWasSeenLast) {
  for (int i = 0; i < 5; ++i) see(1, 3);
  const Telltale on_cpu(table_, {{4, 0}});
  for (int i = 0; i < 7; ++i) estimate_.observe(on_cpu, {.processors = {8, 0}});
  EXPECT_THAT(estimate_.state().slow_down, ElementsAre(1, 3));
  EXPECT_EQ(estimate_.unseen(0), 0U);
  EXPECT_EQ(estimate_.unseen(1), 7U);
}

TEST(Telltales, MemoryIsTimedByTheBytesOfCopies) {
  CostTable table = testing::two_devices(8, 4);
  table.processors[1].memory_domain = 1;
  table.handover = {.latency = 1, .seconds_per_byte = 0.5};
  const Telltale on_gpu(table, {{0, 4}});  // there and back: twice 1 s and 4 s
  ASSERT_TRUE(on_gpu.tells(2));
  EXPECT_DOUBLE_EQ(on_gpu.slow_down({.processors = {0, 4}, .copies = 2 + 24}, 2).value(), 3);
  EXPECT_EQ(on_gpu.slow_down({.processors = {0, 4}}, 2), std::nullopt);  // nobody looked
  EXPECT_FALSE(Telltale(table, {{4, 0}}).tells(2));
  table.handover.latency = 5;  // more than the bytes
  EXPECT_FALSE(Telltale(table, {{0, 4}}).tells(2));
}

TEST(Telltales, AProcessorThatHardlyWorksTellsNothing) {
  CostTable table = testing::two_devices(8, 0.1);
  EXPECT_FALSE(Telltale(table, {{3, 1}}).tells(1));
  EXPECT_TRUE(Telltale(table, {{1, 3}}).tells(1));
}

TEST(States, DifferByTheSlowestChange) {
  const MachineState usual{.slow_down = {1, 1}, .memory_slow_down = 1};
  EXPECT_FALSE(differ(usual, usual, 0));
  EXPECT_TRUE(differ(usual, {.slow_down = {1, 1.2}, .memory_slow_down = 1}, 0.1));
  EXPECT_TRUE(differ({.slow_down = {1, 1}, .memory_slow_down = 0.8}, usual, 0.1));
  EXPECT_FALSE(differ(usual, {.slow_down = {1, 1.2}, .memory_slow_down = 0.9}, 0.3));
}

}  // namespace
}  // namespace sparseloom::place
