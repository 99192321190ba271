#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "sparseloom/backend/hybrid/hybrid.h"
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
  Control control{};
};

/// Runs every group of `model` on the first of `members`, whole and in quarters along the outermost axis of what
/// it writes, where Model::narrow() can divide it so; all members are taken to be alike. Whole groups run alone, parts
/// beside another member that runs the same, as those who divide a group do.
/// kCancelled; kFailedPrecondition: a tensor whose shape depends on the data; errors of operator_groups(),
/// Model::extract() and Executor::compile().
Result<MeasuredOperators> measure_operators(const backend::Executor& executor, const backend::Model& model,
                                            const std::vector<backend::HybridMember>& members,
                                            const OperatorTiming& timing);

/// The steps that execute a placement: groups that are placed alike and follow each other are one step on each of their
/// members.
backend::HybridPlan hybrid_plan(const backend::Graph& graph, const MeasuredOperators& operators,
                                const place::Placement& placement);

}  // namespace sparseloom::profile
