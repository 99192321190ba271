#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sparseloom/backend/graph.h"
#include "sparseloom/base/status.h"

namespace sparseloom::zoo {

/// A set of tensors whose removal leaves no path from the model's inputs to its outputs (constants do not count).
struct Cut {
  std::vector<backend::EdgeId> tensors;
};

/// Cost of running one operator, in any unit; used to balance the parts.
using NodeCost = std::function<double(const backend::Node&)>;

/// Work of one operator when the caller names no cost: multiply-accumulates, plus what writing its output costs in the
/// same unit. 0 for constants.
double default_node_cost(const backend::Graph& graph, const backend::Node& node);

struct CutOptions {
  std::size_t parts = 3;  ///< S: parts-1 cuts are chosen
  NodeCost cost;          ///< default: default_node_cost
};

/// Chooses parts-1 nested cuts that balance the parts' cost and keep the boundary small and cheap to cross (no fusion
/// broken: Add + FakeQuantize, Convolution + Add + ReLU). Deterministic. Any width.
/// kInvalidArgument if the graph has fewer cuts (says how many it has).
Result<std::vector<Cut>> choose_cuts(const backend::Graph& graph, const CutOptions& options);

/// The same cuts in another variant of the model: by operator or tensor name, else by position among tensors of the
/// same type and shape. kFailedPrecondition if a tensor has no counterpart or one of another type or shape (both are
/// named).
Result<std::vector<Cut>> map_cuts(const backend::Graph& from, const std::vector<Cut>& cuts, const backend::Graph& to);

/// kInvalidArgument, naming what is missing, if a cut does not separate the model's inputs from its outputs or does not
/// lie behind the one before it.
Status check_cuts(const backend::Graph& graph, const std::vector<Cut>& cuts);

/// Cuts given by the names of tensors, or of the operators that make them, as task.json lists them. kNotFound names the
/// tensor and the closest names the graph has; kInvalidArgument if a set does not separate inputs from outputs or the
/// sets are not nested in order.
Result<std::vector<Cut>> cuts_by_name(const backend::Graph& graph, const std::vector<std::vector<std::string>>& names);

}  // namespace sparseloom::zoo
