// Private to methods: placements of whole groups.
#pragma once

#include <optional>
#include <vector>

#include "sparseloom/place/placers.h"
#include "sparseloom/place/thresholds.h"

namespace sparseloom::place {

/// Group by group the processor that runs it.
Placement whole_on(const CostTable& table, const std::vector<std::size_t>& processors);
/// All groups on one.
Placement whole_on(const CostTable& table, std::size_t processor);
/// The processor of that kind which runs the whole model in the least time by the cost model; nullopt if none does.
std::optional<std::size_t> fastest_of_kind(const CostTable& table, ProcessorKind kind, CostModel model);
/// kFailedPrecondition where there is none.
Result<std::size_t> require_kind(const CostTable& table, ProcessorKind kind, CostModel model);

/// kFailedPrecondition: some group runs on neither of the two.
Status cannot_run_all(const CostTable& table, const CpuAndGpu& pair);

/// A placement with what it takes, and no bound.
Placed judged(const CostTable& table, Placement placement, CostModel model);

}  // namespace sparseloom::place
