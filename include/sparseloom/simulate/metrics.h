#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sparseloom/simulate/simulation.h"

namespace sparseloom::simulate {

/// Quantiles of a stream of positive numbers in constant memory: counts in bins whose ends are a factor of 1.002 apart
/// (the idea of DDSketch, arXiv 1908.10693), so that a quantile is at most 0.1 % off.
class QuantileSketch {
 public:
  void add(double value);
  /// The smallest value that a share `q` (0..1) does not exceed; 0 if there is none.
  double quantile(double q) const;

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
};

/// What became of the requests under one policy. Definitions: docs/simulate.md.
struct Metrics {
  std::uint64_t requests = 0;
  std::uint64_t violations = 0;     ///< finished after the deadline
  double antt = 0;                  ///< mean of (finish - arrival) / time in isolation
  double throughput = 0;            ///< "STP": requests per second from the first arrival to the last finish
  Seconds p50{0}, p95{0}, p99{0};   ///< of finish - arrival, within 0.1 %
  std::vector<double> utilisation;  ///< by processor: share of that time in which it was busy, alone or in a gang
  std::uint64_t preemptions = 0;    ///< times that a request waited between two of its stages
  std::uint64_t stages = 0;         ///< that ran: decisions made
  double violation_rate() const { return static_cast<double>(violations) / static_cast<double>(requests); }
};

/// Gathers metrics while a simulation runs, in constant memory.
class Meter final : public Observer {
 public:
  explicit Meter(soc::Pools pools) : pools_(std::move(pools)), busy_(pools_.processors(), Seconds(0)) {}
  void ran(const sched::Request& request, const sched::Dispatch& dispatch, Seconds start, Seconds end,
           bool waited) override;
  void finished(const Query& query, Seconds at) override;
  Metrics metrics() const;

 private:
  Metrics sums_;
  Seconds first_arrival_{0}, last_finish_{0};
  double normalised_ = 0;
  QuantileSketch latencies_;
  soc::Pools pools_;
  std::vector<Seconds> busy_;  // by processor
};

}  // namespace sparseloom::simulate
