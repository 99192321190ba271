// backend/hybrid: several processors execute one model together, piece by piece (SparOA's hybrid execution,
// arXiv 2511.19457).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {

/// What one member computes at once: tensors of the model, or a range of one.
struct HybridStep {
  std::size_t member = 0;
  std::vector<EdgeId>
      inputs;  ///< what it is computed from: inputs of the model, or what other steps compute, all of it
  std::vector<EdgeId> outputs;       ///< one, if there is a range
  std::optional<AxisRange> range{};  ///< of it; none: all
};

/// Who computes what, in an order in which every tensor is written before it is read. A member does its own steps in
/// this order; nothing else is ordered but by what steps read.
using HybridPlan = std::vector<HybridStep>;

/// One processor of a gang.
struct HybridMember {
  CompileOptions options;  ///< of every step that it executes
};

/// Whether the plan computes the model. kInvalidArgument names the step: a member that is not there, an input that is
/// neither one of the model's nor written completely by steps before, a range that is none of the tensor's or does not
/// lie in one piece in memory that starts at a multiple of 64 bytes, or that another step writes too; or the output of
/// the model that no step writes. kFailedPrecondition: a tensor whose shape depends on the data, an output that is an
/// input or is returned twice, a model that cannot be looked into.
Status check_plan(const Graph& graph, const HybridPlan& plan, std::size_t members);

/// Compiles the steps of `plan`, one after another. Sessions of the result take turns: the calling thread executes the
/// first member's steps, and a thread that the executable keeps those of each other one, on that one's cores if its
/// options name some. Threads wait for each other's results by looking for 20 us, then asleep; between inferences they
/// sleep. Every session has memory of its own for all tensors that steps hand on. Errors: of check_plan(),
/// Model::narrow() and Executor::compile(); kFailedPrecondition: a member whose device has memory of its own.
Result<std::unique_ptr<Executable>> compile_hybrid(const Executor& executor, const Model& model, const HybridPlan& plan,
                                                   const std::vector<HybridMember>& members);

}  // namespace sparseloom::backend
