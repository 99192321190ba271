// Private to zoo: what it costs to cut through a tensor, on the runtimes we know.
#pragma once

#include "sparseloom/backend/graph.h"
#include "sparseloom/zoo/cut_flow.h"

namespace sparseloom::zoo {

/// Crossing costs are integers, in billionths of the whole model's work.
inline constexpr double kCostScale = 1e9;

/// What each tensor costs to cross. `total_work` is the sum of the default costs.
CrossingCosts crossing_costs(const backend::Graph& graph, double total_work);

/// Whether cutting at this tensor parts operators that a runtime executes as one (bias, activation, residual add,
/// normalisation, quantization).
bool breaks_fusion(const backend::Graph& graph, backend::EdgeId edge);

/// Bytes of a tensor; 0 for one whose shape is not static.
double bytes_of(const backend::Graph& graph, backend::EdgeId edge);

/// Where to cut when `edge` itself is wanted: behind the FakeQuantize that all its consumers take it through, if there
/// is one (the runtime computes it into the producer, and the next piece repeats it: it is idempotent), else `edge`.
backend::EdgeId behind_quantization(const backend::Graph& graph, backend::EdgeId edge);

}  // namespace sparseloom::zoo
