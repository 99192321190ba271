#include "sparseloom/place/methods/whole.h"

namespace sparseloom::place {

Placement whole_on(const CostTable& table, const std::vector<std::size_t>& processors) {
  Placement placement;
  for (const std::size_t p : processors) placement.emplace_back(table.processors.size()).at(p) = kQuarters;
  return placement;
}

Placement whole_on(const CostTable& table, std::size_t processor) {
  return whole_on(table, std::vector<std::size_t>(table.groups.size(), processor));
}

std::optional<std::size_t> fastest_of_kind(const CostTable& table, ProcessorKind kind, CostModel model) {
  std::optional<std::size_t> best;
  double least = kCannot;
  for (std::size_t p = 0; p < table.processors.size(); ++p) {
    if (table.processors[p].kind != kind) continue;
    const double latency = latency_of(table, whole_on(table, p), model);
    if (latency < least) {
      least = latency;
      best = p;
    }
  }
  return best;
}

Result<std::size_t> require_kind(const CostTable& table, ProcessorKind kind, CostModel model) {
  if (const auto found = fastest_of_kind(table, kind, model)) return *found;
  return error(Code::kFailedPrecondition, "no {} of this machine runs the whole model",
               kind == ProcessorKind::kCpu ? "CPU" : "GPU");
}

Status cannot_run_all(const CostTable& table, const CpuAndGpu& pair) {
  return error(Code::kFailedPrecondition, "'{}' and '{}' together do not run the whole model",
               table.processors[pair.cpu].name, table.processors[pair.gpu].name);
}

Placed judged(const CostTable& table, Placement placement, CostModel model) {
  const double latency = latency_of(table, placement, model);
  return {.placement = std::move(placement), .latency = latency};
}

Result<Placed> place_on_cpu(const CostTable& table, const PlacerOptions& options) {
  SL_ASSIGN_OR_RETURN(const std::size_t cpu, require_kind(table, ProcessorKind::kCpu, options.model));
  return judged(table, whole_on(table, cpu), options.model);
}

Result<Placed> place_on_gpu(const CostTable& table, const PlacerOptions& options) {
  SL_ASSIGN_OR_RETURN(const std::size_t gpu, require_kind(table, ProcessorKind::kGpu, options.model));
  return judged(table, whole_on(table, gpu), options.model);
}

}  // namespace sparseloom::place
