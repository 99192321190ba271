#include "sparseloom/engine/drift.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/sched/script.h"

namespace sparseloom::engine {
namespace {

using sched::testing::unlike;

constexpr soc::ProcessorId kCpu(0), kGpu(1);

TEST(Drift, IsTheMeanOfMeasuredOverEstimatedOnceEnoughHasRun) {
  Drift drift(unlike(2));
  for (std::uint64_t i = 0; i + 1 < Drift::kMemory; ++i) drift.observe(kCpu, from_ms(3), from_ms(2));
  EXPECT_EQ(drift.slowdown(kCpu), 1);
  drift.observe(kCpu, from_ms(3), from_ms(2));
  EXPECT_DOUBLE_EQ(drift.slowdown(kCpu), 1.5);
  EXPECT_EQ(drift.slowdown(kGpu), 1);
}

TEST(Drift, WeighsTheFirstStagesAlike) {
  Drift drift(unlike(1));
  for (std::uint64_t i = 0; i < Drift::kMemory; ++i) drift.observe(kCpu, from_ms(i % 2 == 0 ? 1 : 3), from_ms(1));
  EXPECT_NEAR(drift.slowdown(kCpu), 2, 1e-9);
}

TEST(Drift, ForgetsWhatIsLongAgo) {
  Drift drift(unlike(1));
  for (int i = 0; i < 100; ++i) drift.observe(kCpu, from_ms(1), from_ms(1));
  for (int i = 0; i < 200; ++i) drift.observe(kCpu, from_ms(2), from_ms(1));
  EXPECT_NEAR(drift.slowdown(kCpu), 2, 0.01);
}

TEST(Drift, OneStageThatLostItsCoreForLongIsNoTenfoldSlowdown) {
  Drift drift(unlike(1));
  for (int i = 0; i < 100; ++i) drift.observe(kCpu, from_ms(1), from_ms(1));
  drift.observe(kCpu, Seconds(10), from_ms(1));
  EXPECT_GT(drift.slowdown(kCpu), 1);
  EXPECT_LT(drift.slowdown(kCpu), 1.25);
}

TEST(Drift, AnEstimateOfNoTimeSaysNothing) {
  Drift drift(unlike(1));
  for (std::uint64_t i = 0; i + 1 < Drift::kMemory; ++i) drift.observe(kCpu, from_ms(2), from_ms(1));
  drift.observe(kCpu, from_ms(2), Seconds(0));
  EXPECT_EQ(drift.slowdown(kCpu), 1) << "it does not count as a stage either";
  drift.observe(kCpu, from_ms(2), from_ms(1));
  EXPECT_DOUBLE_EQ(drift.slowdown(kCpu), 2);
}

// A gang runs on its members' cores: what is known of one tells of the other.
TEST(Drift, OfAGangIsItsMembersUntilItIsKnown) {
  soc::Pools pools = unlike(3);
  pools.of.push_back(3);
  pools.members.push_back({soc::ProcessorId(3)});
  pools.gangs = {{soc::ProcessorId(0), soc::ProcessorId(1)}};
  Drift drift(pools);
  for (std::uint64_t i = 0; i < Drift::kMemory; ++i) drift.observe(kCpu, from_ms(3), from_ms(2));
  EXPECT_EQ(drift.slowdowns(), (std::vector<double>{1.5, 1, 1, 1.5}));
  for (std::uint64_t i = 0; i < Drift::kMemory; ++i) drift.observe(soc::ProcessorId(3), from_ms(4), from_ms(2));
  EXPECT_EQ(drift.slowdowns(), (std::vector<double>{1.5, 2, 1, 2}));
}

TEST(Drift, EveryWorkerWritesItsOwnWhileOthersRead) {
  constexpr std::uint64_t kStages = 10 * Drift::kMemory;
  Drift drift(unlike(2));
  const auto work = [&](soc::ProcessorId processor, double ms) {
    for (std::uint64_t i = 0; i < kStages; ++i) drift.observe(processor, from_ms(ms), from_ms(1));
  };
  std::thread cpu(work, kCpu, 2.0), gpu(work, kGpu, 4.0);
  bool in_range = true;
  for (std::uint64_t i = 0; i < kStages; ++i) {
    const std::vector<double> seen = drift.slowdowns();
    in_range = in_range && (seen[0] == 1 || seen[0] == 2) && (seen[1] == 1 || seen[1] == 4);
  }
  cpu.join();
  gpu.join();
  EXPECT_TRUE(in_range) << "either not known yet, or the mean";
  EXPECT_EQ(drift.slowdowns(), (std::vector<double>{2, 4}));
}

}  // namespace
}  // namespace sparseloom::engine
