#include "sparseloom/eval/goodput.h"

#include <algorithm>
#include <cmath>

#include "sparseloom/plan/costs.h"
#include "sparseloom/sched/standard_workloads.h"

namespace sparseloom::eval {
namespace {

constexpr std::size_t kParts = 5;  // of a probe: one that has lost already is not played to its end

// Whether enough requests keep both bounds.
Result<bool> keeps(double rate, Host& host, const PlanAt& plan_at, const std::vector<plan::Slo>& slos,
                   std::uint64_t seed, const GoodputOptions& options) {
  SL_ASSIGN_OR_RETURN(const auto plan, plan_at(rate));
  double inaccurate = 0;
  for (std::size_t t = 0; t < slos.size(); ++t) inaccurate += plan::accurate(plan->tasks[t], slos[t]) ? 0 : 1;
  if (inaccurate / static_cast<double>(slos.size()) > 1 - options.target) return false;
  SL_RETURN_IF_ERROR(host.adopt(plan));
  const double allowed = (1 - options.target) * static_cast<double>(options.requests);
  double lost = 0;
  for (std::size_t part = 0; part < kParts && lost <= allowed; ++part) {
    const auto workload = sched::poisson(slos.size(), rate, options.requests / kParts, seed * kParts + part);
    SL_ASSIGN_OR_RETURN(const auto records, host.play(workload, slos));
    lost += static_cast<double>(
        std::count_if(records.begin(), records.end(), [](const engine::Record& r) { return r.violates(); }));
  }
  return lost <= allowed;
}

}  // namespace

Result<double> goodput(Host& host, const PlanAt& plan_at, const std::vector<plan::Slo>& slos, std::uint64_t seed,
                       const GoodputOptions& options) {
  double low = std::log(options.highest / options.range), high = std::log(options.highest);
  double best = 0;
  // Most systems' goodput lies within a factor of ten of what they could serve at most: not worth a bisection from the
  // far end, whose probes at low rates take longest.
  for (double step = std::log(2.0); high - low > options.precision && !host.stopped();) {
    const double middle = best == 0 ? std::max(high - step, low) : (low + high) / 2;
    SL_ASSIGN_OR_RETURN(const bool kept, keeps(std::exp(middle), host, plan_at, slos, seed, options));
    if (kept) {
      low = middle;
      best = std::exp(middle);
    } else {
      if (middle == low) return 0.0;
      high = middle;
      step *= 2;
    }
  }
  return best;
}

}  // namespace sparseloom::eval
