#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "sparseloom/base/thread.h"
#include "sparseloom/profile/profile.h"

namespace sparseloom::profile {

/// Where Linux says how the machine is; tests give made-up trees.
struct MachineFiles {
  std::filesystem::path proc = "/proc";
  std::filesystem::path sysfs = "/sys";
};

/// Watches cores during the stretches of a measurement: steal time from /proc/stat, how long this process's threads
/// waited for a core from /proc/self/task/*/schedstat (in nanoseconds: a stretch is often shorter than a tick of
/// /proc/stat), frequencies from cpufreq. Not thread-safe. begin() and end() read a few small files each.
class ConditionsWatch {
 public:
  explicit ConditionsWatch(std::vector<CpuIndex> cores, MachineFiles files = {});

  void begin();
  void end();
  /// Over all stretches that have ended.
  Conditions conditions() const;

 private:
  // All only grow.
  struct Counters {
    std::uint64_t steal = 0, time = 0;  // ticks of the cores
    std::uint64_t wait = 0, run = 0;    // nanoseconds of this process's threads
  };
  Counters read() const;

  std::vector<CpuIndex> cores_;
  MachineFiles files_;
  Counters begun_, sum_;
  double mhz_sum_ = 0;
  std::size_t mhz_count_ = 0;
};

}  // namespace sparseloom::profile
