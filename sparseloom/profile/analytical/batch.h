#pragma once

#include <cstddef>

#include "sparseloom/backend/graph.h"
#include "sparseloom/base/status.h"

namespace sparseloom::profile {

/// The graph of a model that serves `batch` requests at once, for what is computed from a graph alone, as the roofline
/// model: whatever depends on an input has a first axis so many times as long, and is as much more work; weights and
/// what depends on them alone stay. Files need not allow it: exporters fix batches, though the operators do not care.
/// kInvalidArgument: a batch of 0. kFailedPrecondition names an input whose first axis is not 1: no batch of one.
/// O(graph).
Result<backend::Graph> with_batch(backend::Graph graph, std::size_t batch);

}  // namespace sparseloom::profile
