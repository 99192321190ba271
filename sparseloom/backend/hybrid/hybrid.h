// backend/hybrid: several processors execute one model together, piece by piece (SparOA's hybrid execution,
// arXiv 2511.19457).
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "sparseloom/backend/hybrid_plan.h"
#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {

/// Whether the plan computes the model. kInvalidArgument names the step: a member that is not there, an input that is
/// neither one of the model's nor written completely by steps before, a range that is none of the tensor's or does not
/// lie in one piece in memory that starts at a multiple of 64 bytes, or that another step writes too; or the output of
/// the model that no step writes. kFailedPrecondition: a tensor whose shape depends on the data, an output that is an
/// input or is returned twice, a model that cannot be looked into.
Status check_plan(const Graph& graph, const HybridPlan& plan, std::size_t members);

/// Compiles the steps of the plans, one after another. `file`, if not empty, is where the model was read from: a member
/// whose provider runs models in ONNX alone needs one in ONNX. Sessions of the result take turns: the calling thread
/// executes the first member's steps, and a thread that the executable keeps those of each other one, on that one's
/// cores if its options name some. Threads wait for each other's results by looking for 20 us, then asleep; between
/// inferences they sleep.
///
/// Every session has memory of its own for all tensors that steps hand on. A member whose device has memory of its own
/// copies what it reads there, once, and what others read of its results back; what only steps of that device read
/// stays there. It does so on its own thread, while the other members compute.
///
/// Errors: of check_plan(), Model::narrow(), OnnxFile::save_part() and Executor::compile(), each with its step.
Result<std::unique_ptr<Executable>> compile_hybrid(const Executor& executor, const Model& model,
                                                   const HybridOptions& options,
                                                   const std::filesystem::path& file = {});

}  // namespace sparseloom::backend
