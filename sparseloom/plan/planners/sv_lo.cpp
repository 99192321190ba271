#include "sparseloom/plan/planners/baseline.h"

namespace sparseloom::plan {

// A single variant, latency-optimal: the fastest one, whatever the SLO; of latencies within 2 % the more accurate.
std::size_t choose_fastest(const std::vector<OriginalVariant>& originals, const Slo&) { return fastest_of(originals); }

}  // namespace sparseloom::plan
