#include "sparseloom/place/methods/whole.h"
#include "sparseloom/place/thresholds.h"

namespace sparseloom::place {

Result<Placed> place_by_sparoa_threshold(const CostTable& table, const PlacerOptions& options) {
  SL_ASSIGN_OR_RETURN(const CpuAndGpu pair, cpu_and_gpu(table));
  if (!options.thresholds) return error(Code::kFailedPrecondition, "needs predicted thresholds");
  Placed placed = judged(table, placed_by_thresholds(table, pair, *options.thresholds), options.model);
  placed.thresholds = options.thresholds;
  if (placed.latency < kCannot) return placed;
  return cannot_run_all(table, pair);
}

}  // namespace sparseloom::place
