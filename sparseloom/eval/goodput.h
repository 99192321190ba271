#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "sparseloom/eval/host.h"

namespace sparseloom::eval {

struct GoodputOptions {
  std::size_t requests = 300;  ///< of one probe, about
  double target = 0.99;        ///< share of requests that must keep both bounds
  double precision = 0.05;     ///< the search ends when the rate is known this well, as a share of it
  double highest = 0;          ///< requests/s that are too many for sure: where the search begins
  double range = 64;           ///< between those and the lowest rate that is tried
};

/// The plan of a system that is told how many requests come per second.
using PlanAt = std::function<Result<std::shared_ptr<const plan::Plan>>(double rate_per_s)>;

/// Goodput: the highest rate of Poisson arrivals, tasks equally likely, at which the share
/// `options.target` of requests keep both bounds. The system plans for every rate that is tried, and the host adopts
/// that plan. 0 if not even highest / range is reached, or if a task's variant is not accurate enough. The same seed
/// draws the same arrivals for every system. Bisection over the rate's logarithm: about log2(log(range) / precision)
/// probes. Errors: those of planning, of adopting and of playing.
Result<double> goodput(Host& host, const PlanAt& plan_at, const std::vector<plan::Slo>& slos, std::uint64_t seed,
                       const GoodputOptions& options);

}  // namespace sparseloom::eval
