// One model by two processors while something else takes time of one of them.
#pragma once

#include <string>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/status.h"
#include "sparseloom/profile/measure/operators.h"

namespace sparseloom::bench {

struct NeighbourOptions {
  std::vector<CpuIndex> cores;  ///< on which a thread computes beside, for half of the time
  int rounds = 40;              ///< of each phase
};

/// Plays inferences in four phases: quiet; then with a neighbour, until the placement has followed; then beside the
/// placement that is solved for the slow-down that was measured; then quiet again. In each the placement that follows
/// (place::PlacementController) and the one of the quiet machine run in turn. What came of it, as JSON for files and as
/// a table for people.
struct NeighbourResult {
  Json json;
  std::string text;
};
Result<NeighbourResult> bench_neighbour(const backend::Runtime& runtime, const std::string& file,
                                        const backend::Model& model, const profile::MeasuredOperators& operators,
                                        const std::vector<backend::CompileOptions>& members,
                                        const NeighbourOptions& options);

}  // namespace sparseloom::bench
