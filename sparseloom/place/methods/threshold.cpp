#include <algorithm>

#include "sparseloom/place/methods/whole.h"
#include "sparseloom/place/thresholds.h"

namespace sparseloom::place {
namespace {

/// Steps of each threshold for a model of many groups.
constexpr std::size_t kStepsOfMany = 8;
constexpr std::size_t kMany = 2000;

}  // namespace

Result<Placed> place_by_threshold(const CostTable& table, const PlacerOptions& options) {
  SL_ASSIGN_OR_RETURN(const CpuAndGpu pair, cpu_and_gpu(table));
  const ThresholdValues values = threshold_values(table);
  const std::size_t most = table.groups.size() > kMany ? kStepsOfMany : kThresholdSteps;
  const std::size_t sparsities = std::min(most, values.sparsities.size());
  const std::size_t intensities = std::min(most, values.intensities.size());
  Placed best;
  for (std::size_t s = 0; s < sparsities; ++s) {
    for (std::size_t i = 0; i < intensities; ++i) {
      const Thresholds thresholds{.sparsity = threshold_at(values.sparsities, s, sparsities),
                                  .intensity = threshold_at(values.intensities, i, intensities)};
      Placed placed = judged(table, placed_by_thresholds(table, pair, thresholds), options.model);
      if (!(placed.latency < best.latency)) continue;
      best = std::move(placed);
      best.thresholds = thresholds;
    }
  }
  if (!best.placement.empty()) return best;
  return cannot_run_all(table, pair);
}

}  // namespace sparseloom::place
