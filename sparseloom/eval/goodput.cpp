#include "sparseloom/eval/goodput.h"

#include <algorithm>
#include <cmath>

#include "sparseloom/plan/costs.h"
#include "sparseloom/sched/standard_workloads.h"

namespace sparseloom::eval {
namespace {

constexpr double kRange = 64;  // from the highest rate to the lowest that is tried

// Share of the requests that keep both bounds.
Result<double> kept_at(double rate, Host& host, const plan::Plan& plan, const std::vector<plan::Slo>& slos,
                       std::uint64_t seed, std::size_t requests) {
  SL_ASSIGN_OR_RETURN(const auto records, host.play(sched::poisson(slos.size(), rate, requests, seed), slos));
  if (records.empty()) return 1.0;
  const auto kept = std::count_if(records.begin(), records.end(), [&](const run::Record& r) {
    return !r.late() && plan::accurate(plan.tasks[r.task.index()], slos[r.task.index()]);
  });
  return static_cast<double>(kept) / static_cast<double>(records.size());
}

}  // namespace

Result<double> goodput(Host& host, const plan::Plan& adopted, const std::vector<plan::Slo>& slos, std::uint64_t seed,
                       const GoodputOptions& options) {
  double inaccurate = 0;
  for (std::size_t t = 0; t < slos.size(); ++t) inaccurate += plan::accurate(adopted.tasks[t], slos[t]) ? 0 : 1;
  if (inaccurate / static_cast<double>(slos.size()) > 1 - options.kept) return 0.0;

  double low = std::log(options.highest / kRange), high = std::log(options.highest);
  double best = 0;
  const auto probe = [&](double rate_log) -> Result<bool> {
    SL_ASSIGN_OR_RETURN(const double kept, kept_at(std::exp(rate_log), host, adopted, slos, seed, options.requests));
    return kept >= options.kept;
  };
  // Most systems' goodput lies within a factor of ten of what they could serve at most: not worth a bisection from the
  // far end, whose probes at low rates take longest.
  for (double step = std::log(2.0); high - low > options.precision && !host.stopped();) {
    const double middle = best == 0 ? std::max(high - step, low) : (low + high) / 2;
    SL_ASSIGN_OR_RETURN(const bool kept, probe(middle));
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
