#pragma once

#include <vector>

#include "sparseloom/backend/graph.h"
#include "sparseloom/base/status.h"
#include "sparseloom/place/cost_table.h"
#include "sparseloom/soc/soc_file.h"

namespace sparseloom::profile {

/// The operator groups of a model.
struct OperatorCosts {
  place::CostTable table;  ///< without processors and times if they are of no machine
  /// By group: the tensors that it reads from outside, constants apart; and what its last operator writes.
  std::vector<std::vector<backend::EdgeId>> reads;
  std::vector<backend::EdgeId> writes;
  std::vector<std::vector<backend::NodeId>> nodes;  ///< by group, in the graph's order
};

/// The groups alone, bytes in the formats that the model has. Errors: as below.
Result<OperatorCosts> operator_groups(const backend::Graph& graph);

/// What the operator groups of a model cost on the processors of a machine that is described in a file, share by share,
/// by the roofline model (roofline.h) with the fastest of each processor's providers.
///
/// A convolution is divided by output channels, a linear layer by positions (rows of what it multiplies) or, if it has
/// too few, by outputs, other matrix products by what stands before their last two axes, and what works element by
/// element or row by row by rows; each only if what is fused with it can be divided so. A quarter must be a whole
/// number of positions or of 8 channels or outputs; what else there is cannot be divided. A share reads all of the
/// input, or along a chain of positions its own part; it reads the weights of its outputs, or all.
///
/// Energy is that of the file, if it has any, and traffic the bytes of a share.
///
/// A hand-over takes the file's transfer latency, the launch of the processor that it is to, and the file's seconds per
/// byte between memory domains. The host's memory is that of the first CPU. Activation sparsities are 0: nobody has
/// run the model. Groups that contribute to no output are left out; the others stand as in the graph.
///
/// kFailedPrecondition: a graph that is opaque or without operators, a processor without rates. Errors of
/// place::check().
Result<OperatorCosts> modelled_costs(const backend::Graph& graph, const soc::SocFile& machine);

}  // namespace sparseloom::profile
