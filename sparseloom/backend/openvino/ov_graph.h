// Private to this folder: an OpenVINO model as a backend::Graph.
#pragma once

#include <memory>
#include <openvino/core/model.hpp>
#include <vector>

#include "sparseloom/backend/graph.h"
#include "sparseloom/base/status.h"

namespace sparseloom::backend {

/// A graph and, per edge, the tensor of the model it stands for.
struct ConvertedGraph {
  Graph graph;
  std::vector<ov::Output<ov::Node>> tensors;
};

/// Every operator but the results becomes a node. kFailedPrecondition: a tensor of a type that sparseloom does not
/// have.
Result<ConvertedGraph> convert_graph(const ov::Model& model);

/// Multiply-accumulates of one inference of one operator; 0 for operators without any and for dynamic shapes.
double macs_of(const ov::Node& node);

/// The weights of one operator: what stands behind its constant input, if it multiplies with one. O(weights).
Weights weights_of(const ov::Node& node);

/// What one number of an operator's result depends on, as Node::reach has it.
Reach reach_of(const ov::Node& op);

/// What one operator computes in, as Node::precision has it.
Precision precision_of(const ov::Node& node);

/// Shapes are static once read, so every ShapeOf is a constant. Replacing them leaves shape arithmetic hanging on
/// constants alone, where it can be copied into any piece.
void fold_shapes(ov::Model& model);

}  // namespace sparseloom::backend
