// Private to backend: the part of an ONNX graph that computes a range of its output.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/backend/graph.h"
#include "sparseloom/base/status.h"

namespace onnx {
class GraphProto;
}

namespace sparseloom::backend {

/// The static shape of a tensor of a graph by its name, weights among them; nullopt: not known.
using ShapeOf = std::function<std::optional<Shape>(const std::string& name)>;

/// Changes `graph`, whose nodes stand in topological order and which has one output, so that it computes `range` of
/// that. The range is pulled through the operators towards the inputs: a convolution is divided by output channels
/// (grouped and depthwise ones by whole groups), a matrix product by rows, columns or matrices, what works element by
/// element along any axis, what works along rows by rows. What an operator needs of a weight it takes by a Slice, which
/// runtimes fold into the weight when they compile.
///
/// Returns what is read of the graph's inputs, by input: the ranges that lie in one piece in memory, of which the input
/// is now no more; of others all (a Slice takes what is needed). An input that is read by several operators in
/// different ranges is read whole. kFailedPrecondition names the operator that cannot be divided so.
Result<std::vector<std::optional<AxisRange>>> narrow(onnx::GraphProto& graph, const AxisRange& range,
                                                     const ShapeOf& shape_of);

}  // namespace sparseloom::backend
