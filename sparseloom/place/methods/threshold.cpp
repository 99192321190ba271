#include <algorithm>
#include <set>

#include "sparseloom/place/methods/whole.h"

namespace sparseloom::place {
namespace {

/// Values of a threshold that are tried, spread over those that groups have.
constexpr std::size_t kTried = 24;

std::vector<double> candidates(const std::set<double>& values) {
  const std::vector<double> all(values.begin(), values.end());
  if (all.size() <= kTried) return all;
  std::vector<double> some;
  for (std::size_t i = 0; i < kTried; ++i) some.push_back(all[i * (all.size() - 1) / (kTried - 1)]);
  return some;
}

}  // namespace

Placement placed_by_thresholds(const CostTable& table, std::size_t cpu, std::size_t gpu, double sparsity,
                               double intensity) {
  std::vector<std::size_t> processors;
  for (const OperatorGroup& group : table.groups) {
    const bool on_cpu = group.activation_sparsity >= sparsity || group.intensity() <= intensity;
    const std::size_t first = on_cpu ? cpu : gpu, other = on_cpu ? gpu : cpu;
    processors.push_back(group.seconds[first][kQuarters] == kCannot ? other : first);
  }
  return whole_on(table, processors);
}

Result<Placed> place_by_threshold(const CostTable& table, const PlacerOptions& options) {
  SL_ASSIGN_OR_RETURN(const std::size_t cpu, require_kind(table, ProcessorKind::kCpu, options.model));
  SL_ASSIGN_OR_RETURN(const std::size_t gpu, require_kind(table, ProcessorKind::kGpu, options.model));
  std::set<double> sparsities{kCannot}, intensities{-1};  // none is so sparse, none of so little intensity
  for (const OperatorGroup& group : table.groups) {
    sparsities.insert(group.activation_sparsity);
    intensities.insert(group.intensity());
  }
  Placed best;
  for (const double sparsity : candidates(sparsities)) {
    for (const double intensity : candidates(intensities)) {
      Placed placed = judged(table, placed_by_thresholds(table, cpu, gpu, sparsity, intensity), options.model);
      if (best.placement.empty() || placed.latency < best.latency) best = std::move(placed);
    }
  }
  return best;
}

}  // namespace sparseloom::place
