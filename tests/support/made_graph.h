// Graphs put together operator by operator, for tests of what is computed from a graph alone.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sparseloom/backend/graph.h"

namespace sparseloom::testing {

using backend::EdgeId;
using backend::Graph;
using backend::Node;
using backend::NodeId;
using backend::Precision;

inline Node node(const std::string& op, Precision precision = Precision::kFp32) {
  Node made;
  made.op = op;
  made.constant = op == "Constant";
  made.precision = precision;
  if (op == "Relu" || op == "Add" || op == "Multiply" || op == "FakeQuantize") made.reach = backend::Reach::kElement;
  return made;
}

/// Every operator has one output.
class MadeGraph {
 public:
  EdgeId input(const Shape& shape) {
    const EdgeId edge = add(node("Parameter"), {}, shape);
    graph_.inputs.push_back(edge);
    return edge;
  }
  EdgeId constant(const Shape& shape) { return add(node("Constant"), {}, shape); }
  EdgeId add(Node made, const std::vector<EdgeId>& inputs, const Shape& shape) {
    const NodeId id(graph_.nodes.size());
    for (const EdgeId e : inputs) graph_.edges[e.index()].consumers.push_back(id);
    made.inputs = inputs;
    made.outputs = {EdgeId(graph_.edges.size())};
    graph_.nodes.push_back(std::move(made));
    graph_.edges.push_back({.spec = {"", ElementType::kF32, shape}, .producer = id, .consumers = {}});
    return graph_.nodes.back().outputs.front();
  }
  /// y[1,outputs] = x[1,inputs] · w
  EdgeId linear(EdgeId x, std::int64_t inputs, std::int64_t outputs, Precision precision = Precision::kFp32,
                double zeros = 0, bool two_of_four = false) {
    const EdgeId w = constant({outputs, inputs});
    Node product = node("MatMul", precision);
    product.macs = static_cast<double>(inputs * outputs);
    product.weights = {inputs * outputs, zeros, two_of_four};
    return add(std::move(product), {x, w}, {1, outputs});
  }
  EdgeId relu(EdgeId x, std::int64_t size) { return add(node("Relu"), {x}, {1, size}); }
  const Graph& returning(EdgeId edge) {
    graph_.outputs = {edge};
    return graph_;
  }

 private:
  Graph graph_;
};

}  // namespace sparseloom::testing
