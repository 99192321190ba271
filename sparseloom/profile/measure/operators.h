#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "sparseloom/backend/hybrid_plan.h"
#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/place/cost_table.h"
#include "sparseloom/profile/measure/progress.h"

namespace sparseloom::profile {

/// An operator group of a model as processors of this machine execute it.
struct HybridGroup {
  std::vector<backend::EdgeId> inputs, outputs;  ///< constants apart; what others read of it, or the model returns
  std::optional<std::size_t> axis{};             ///< of its output, along which it is divided; none: it is not
};

/// What the groups of a model take here, and what to execute for a placement of them.
struct MeasuredOperators {
  place::CostTable table;
  std::vector<HybridGroup> groups;  ///< by group of the table
};

struct OperatorTiming {
  int rounds = 7;                 ///< timed runs of each group and share; the median counts
  double synchronisation = 1e-6;  ///< seconds until a member knows of another's result
  /// What is measured is kept in this file, group by group, and what it has of the same model, members and libraries is
  /// not measured again; empty: nothing is kept. A file that cannot be read or written keeps nothing.
  std::filesystem::path kept{};
  /// Where the model was read from: members whose provider runs models in ONNX alone need that.
  std::filesystem::path model_file{};
  Control control{};
};

/// Runs every group of `model` on the first of `members` of each kind (provider, device, threads, number of cores),
/// whole and in quarters along the outermost axis of what it writes, where Model::narrow() can divide it so. Whole
/// groups run alone, parts beside another member that runs the same, as those who divide a group do.
/// kCancelled; kFailedPrecondition: a tensor whose shape depends on the data; errors of operator_groups(),
/// Model::extract() and Executor::compile().
Result<MeasuredOperators> measure_operators(const backend::Executor& executor, const backend::Model& model,
                                            const std::vector<backend::CompileOptions>& members,
                                            const OperatorTiming& timing);

/// The steps that execute a placement: groups that are placed alike and follow each other are one step on each of their
/// members.
backend::HybridPlan hybrid_plan(const backend::Graph& graph, const MeasuredOperators& operators,
                                const place::Placement& placement);

}  // namespace sparseloom::profile
