#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "sparseloom/place/methods/whole.h"

namespace sparseloom::place {
namespace {

/// Values of a threshold that are tried, spread over those that groups have.
constexpr std::size_t kTried = 24, kTriedOfMany = 8;
/// A model of more groups is one of many.
constexpr std::size_t kMany = 2000;

std::vector<double> candidates(const std::set<double>& values, std::size_t tried) {
  std::vector<double> all(values.begin(), values.end());
  if (all.size() <= tried) return all;
  std::vector<double> some;
  for (std::size_t i = 0; i < tried; ++i) some.push_back(all[i * (all.size() - 1) / (tried - 1)]);
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

namespace {

/// Of a kind the processor that runs most groups, of those the one that takes the least for them.
Result<std::size_t> best_of_kind(const CostTable& table, ProcessorKind kind) {
  std::optional<std::size_t> best;
  std::pair<std::size_t, double> least;  // groups that it cannot run, seconds of the others
  for (std::size_t p = 0; p < table.processors.size(); ++p) {
    if (table.processors[p].kind != kind) continue;
    std::pair<std::size_t, double> cost{0, 0};
    for (const OperatorGroup& group : table.groups) {
      const bool can = group.seconds[p][kQuarters] != kCannot;
      cost.first += can ? 0 : 1;
      cost.second += can ? group.seconds[p][kQuarters] : 0;
    }
    if (!best || cost < least) {
      best = p;
      least = cost;
    }
  }
  if (best) return *best;
  return error(Code::kFailedPrecondition, "this machine has no {}", kind == ProcessorKind::kCpu ? "CPU" : "GPU");
}

}  // namespace

Result<Placed> place_by_threshold(const CostTable& table, const PlacerOptions& options) {
  SL_ASSIGN_OR_RETURN(const std::size_t cpu, best_of_kind(table, ProcessorKind::kCpu));
  SL_ASSIGN_OR_RETURN(const std::size_t gpu, best_of_kind(table, ProcessorKind::kGpu));
  std::set<double> sparsities{kCannot}, intensities{-1};  // none is so sparse, none of so little intensity
  for (const OperatorGroup& group : table.groups) {
    sparsities.insert(group.activation_sparsity);
    intensities.insert(group.intensity());
  }
  Placed best;
  const std::size_t tried = table.groups.size() > kMany ? kTriedOfMany : kTried;
  for (const double sparsity : candidates(sparsities, tried)) {
    for (const double intensity : candidates(intensities, tried)) {
      Placed placed = judged(table, placed_by_thresholds(table, cpu, gpu, sparsity, intensity), options.model);
      if (placed.latency < best.latency) best = std::move(placed);
    }
  }
  if (!best.placement.empty()) return best;
  return error(Code::kFailedPrecondition, "'{}' and '{}' together do not run the whole model",
               table.processors[cpu].name, table.processors[gpu].name);
}

}  // namespace sparseloom::place
