#include "sparseloom/profile/measure/conditions.h"

#include <gtest/gtest.h>

#include "sparseloom/base/file.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::profile {
namespace {

// A machine that says of itself what a test writes.
class ConditionsTest : public ::testing::Test {
 protected:
  MachineFiles files() const { return {.proc = folder_.path() / "proc", .sysfs = folder_.path() / "sys"}; }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((folder_.path() / path).parent_path());
    ASSERT_TRUE(write_file(folder_.path() / path, text).ok());
  }
  sparseloom::testing::TemporaryFolder folder_;
};

TEST_F(ConditionsTest, StealIsTheShareOfTheWatchedCoresTicks) {
  write("proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\nintr 1 2\n");
  ConditionsWatch watch({1}, files());
  watch.begin();
  // user nice system idle iowait irq softirq steal guest guest_nice
  write("proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 90 0 0 0 0 0 0 90 0 0\ncpu1 70 0 10 0 0 0 0 20 70 0\nintr 1 2\n");
  watch.end();
  EXPECT_DOUBLE_EQ(watch.conditions().steal, 0.2);
}

TEST_F(ConditionsTest, ForeignLoadIsTheTimeThatOurThreadsWaited) {
  write("proc/self/task/100/schedstat", "1000 500 7\n");
  write("proc/self/task/101/schedstat", "0 0 0\n");
  ConditionsWatch watch({0}, files());
  watch.begin();
  write("proc/self/task/100/schedstat", "3000 1500 9\n");  // ran 2000 ns, waited 1000
  write("proc/self/task/101/schedstat", "1000 0 1\n");     // ran 1000
  watch.end();
  EXPECT_DOUBLE_EQ(watch.conditions().foreign, 0.25);
}

TEST_F(ConditionsTest, WhatHappensBetweenStretchesDoesNotCount) {
  write("proc/self/task/100/schedstat", "0 0 0\n");
  ConditionsWatch watch({0}, files());
  watch.begin();
  write("proc/self/task/100/schedstat", "100 0 0\n");
  watch.end();
  write("proc/self/task/100/schedstat", "200 900 0\n");
  watch.begin();
  write("proc/self/task/100/schedstat", "300 900 0\n");
  watch.end();
  EXPECT_EQ(watch.conditions().foreign, 0);
}

TEST_F(ConditionsTest, FrequencyIsTheMeanOfTheCoresAndTheGovernorIsNamed) {
  const std::string cpus = "sys/devices/system/cpu/";
  write(cpus + "cpu2/cpufreq/scaling_governor", "powersave\n");
  write(cpus + "cpu2/cpufreq/scaling_cur_freq", "2000000\n");
  write(cpus + "cpu3/cpufreq/scaling_cur_freq", "3000000\n");
  ConditionsWatch watch({2, 3}, files());
  watch.begin();
  watch.end();
  EXPECT_EQ(watch.conditions().governor, "powersave");
  EXPECT_EQ(watch.conditions().mhz, 2500);
}

TEST_F(ConditionsTest, AMachineThatSaysNothingIsQuiet) {
  ConditionsWatch watch({0}, files());
  watch.begin();
  watch.end();
  Latency latency{.median = Seconds(1), .q1 = Seconds(1), .q3 = Seconds(1), .count = 9, .resident = {}};
  latency.conditions = watch.conditions();
  EXPECT_FALSE(disturbed(latency));
  EXPECT_EQ(latency.conditions.mhz, 0);
  EXPECT_EQ(latency.conditions.governor, "");
}

TEST(Disturbed, ByScatterStealOrOthersOnTheCore) {
  Latency quiet{.median = Seconds(1.0), .q1 = Seconds(0.95), .q3 = Seconds(1.1), .count = 9, .resident = {}};
  quiet.conditions = {.steal = 0.01, .foreign = 0.02, .mhz = 2000, .governor = "performance"};
  EXPECT_FALSE(disturbed(quiet));
  Latency scattered = quiet, stolen = quiet, shared = quiet;
  scattered.q3 = Seconds(1.4);
  stolen.conditions.steal = 0.1;
  shared.conditions.foreign = 0.5;
  for (const Latency& latency : {scattered, stolen, shared}) EXPECT_TRUE(disturbed(latency));
  EXPECT_FALSE(disturbed(Latency())) << "not measured";
}

}  // namespace
}  // namespace sparseloom::profile
