#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/base/units.h"

namespace sparseloom {

/// Counts of durations in bins whose ends are a factor of 2^(1/4) = 1.19 apart, from a microsecond to four minutes;
/// what lies outside counts as the nearest. A value; adding costs a logarithm and allocates nothing.
class LatencyHistogram {
 public:
  static constexpr std::size_t kBins = 112;
  /// The upper end of a bin.
  static Seconds upper_end(std::size_t bin);

  void add(Seconds duration);
  std::uint64_t count() const { return count_; }
  Seconds sum() const { return sum_; }
  const std::array<std::uint64_t, kBins>& bins() const { return bins_; }
  /// The upper end of the bin that holds the quantile `q` (0..1), by nearest rank; 0 if nothing was counted.
  Seconds quantile(double q) const;

 private:
  std::array<std::uint64_t, kBins> bins_{};
  std::uint64_t count_ = 0;
  Seconds sum_{0};
};

/// What became of the requests of one task since it was opened. Every request is counted in exactly one of `served`,
/// `failed`, `cancelled`, `refused` once it has completed.
struct TaskMetrics {
  std::string task;
  std::uint64_t requests = 0;   ///< that arrived
  std::uint64_t served = 0;     ///< answered
  std::uint64_t failed = 0;     ///< a stage failed
  std::uint64_t cancelled = 0;  ///< by the caller, or left over when the server ended
  std::uint64_t refused = 0;    ///< never taken: wrong inputs or bounds, or the task was not loaded
  /// Of those served, how many missed a bound, by cause; the three exclude each other.
  std::uint64_t late = 0, inaccurate = 0, late_and_inaccurate = 0;
  LatencyHistogram latency;  ///< of those served, from arrival to completion
  /// Mean, over those served, of that latency over what the plan predicts for a request that is alone; queueing counts.
  double slowdown = 0;
};

struct ProcessorMetrics {
  std::string processor;
  double utilisation = 0;       ///< share of the time since the start in which it ran stages
  double prediction_error = 0;  ///< mean of measured / profiled stage time of its last stages, minus 1
};

/// A snapshot of what a server has done since it was opened.
struct Metrics {
  Seconds uptime{0};
  std::vector<TaskMetrics> tasks;
  std::vector<ProcessorMetrics> processors;
  Bytes resident;               ///< memory of the compiled subgraphs, as booked
  std::optional<Bytes> budget;  ///< that these may take; none: no limit
  std::uint64_t plan_switches = 0;
  std::uint64_t replans = 0;  ///< of these, because stages took longer or shorter than profiled
  std::uint64_t undone = 0;   ///< of those, taken back because more requests were late than before
};

}  // namespace sparseloom
