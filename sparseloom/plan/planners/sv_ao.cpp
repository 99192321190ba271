#include "sparseloom/plan/planners/baseline.h"

namespace sparseloom::plan {

// A single variant, accuracy-optimal: the most accurate one, whatever the SLO; of equals the faster.
std::size_t choose_most_accurate(const std::vector<OriginalVariant>& originals, const Slo&) {
  const OriginalVariant* best = &originals.front();
  for (const OriginalVariant& candidate : originals) {
    const bool equal = about(candidate.accuracy, best->accuracy);
    if (equal ? candidate.latency < best->latency : candidate.accuracy > best->accuracy) best = &candidate;
  }
  return best->variant;
}

}  // namespace sparseloom::plan
