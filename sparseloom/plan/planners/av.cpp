#include "sparseloom/plan/planners/baseline.h"

namespace sparseloom::plan {

namespace {

std::vector<OriginalVariant> accurate_enough(const std::vector<OriginalVariant>& originals, double least) {
  std::vector<OriginalVariant> result;
  for (const OriginalVariant& o : originals) {
    if (within(least, o.accuracy)) result.push_back(o);
  }
  return result;
}

}  // namespace

// Adaptive variant: for each SLO the fastest original variant that meets both bounds (of latencies within 2 % the more
// accurate). If none does, it degrades: keep the accuracy, least latency; if even the accuracy cannot be kept, the most
// accurate.
std::size_t choose_fastest_feasible(const std::vector<OriginalVariant>& originals, const Slo& slo) {
  const std::vector<OriginalVariant> accurate = accurate_enough(originals, slo.accuracy);
  if (accurate.empty()) return choose_most_accurate(originals, slo);
  std::vector<OriginalVariant> feasible;
  for (const OriginalVariant& o : accurate) {
    if (within(o.latency, slo.latency.count())) feasible.push_back(o);
  }
  return fastest_of(feasible.empty() ? accurate : feasible);
}

}  // namespace sparseloom::plan
