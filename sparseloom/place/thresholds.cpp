#include "sparseloom/place/thresholds.h"

#include <optional>
#include <set>
#include <utility>

#include "sparseloom/place/processors.h"

namespace sparseloom::place {
namespace {

Result<std::size_t> require_best(const CostTable& table, ProcessorKind kind) {
  if (const auto best = best_of(table, of_kinds(table, {kind}))) return *best;
  return error(Code::kFailedPrecondition, "this machine has no {}", kind == ProcessorKind::kCpu ? "CPU" : "GPU");
}

}  // namespace

Result<CpuAndGpu> cpu_and_gpu(const CostTable& table) {
  CpuAndGpu pair;
  SL_ASSIGN_OR_RETURN(pair.cpu, require_best(table, ProcessorKind::kCpu));
  SL_ASSIGN_OR_RETURN(pair.gpu, require_best(table, ProcessorKind::kGpu));
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
