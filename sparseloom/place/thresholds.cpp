#include "sparseloom/place/thresholds.h"

#include <optional>
#include <set>
#include <utility>

namespace sparseloom::place {
namespace {

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

Result<CpuAndGpu> cpu_and_gpu(const CostTable& table) {
  CpuAndGpu pair;
  SL_ASSIGN_OR_RETURN(pair.cpu, best_of_kind(table, ProcessorKind::kCpu));
  SL_ASSIGN_OR_RETURN(pair.gpu, best_of_kind(table, ProcessorKind::kGpu));
  return pair;
}

Placement placed_by_thresholds(const CostTable& table, const CpuAndGpu& pair, const Thresholds& thresholds) {
  Placement placement;
  placement.reserve(table.groups.size());
  for (const OperatorGroup& group : table.groups) {
    const bool on_cpu = group.activation_sparsity >= thresholds.sparsity || group.intensity() <= thresholds.intensity;
    const std::size_t first = on_cpu ? pair.cpu : pair.gpu, other = on_cpu ? pair.gpu : pair.cpu;
    Share& share = placement.emplace_back(table.processors.size());
    share[group.seconds[first][kQuarters] == kCannot ? other : first] = kQuarters;
  }
  return placement;
}

ThresholdValues threshold_values(const CostTable& table) {
  std::set<double> sparsities{kCannot}, intensities{-1};
  for (const OperatorGroup& group : table.groups) {
    sparsities.insert(group.activation_sparsity);
    intensities.insert(group.intensity());
  }
  return {{sparsities.rbegin(), sparsities.rend()}, {intensities.begin(), intensities.end()}};
}

double threshold_at(const std::vector<double>& values, std::size_t step, std::size_t steps) {
  return values[step * (values.size() - 1) / (steps - 1)];
}

}  // namespace sparseloom::place
