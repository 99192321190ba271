// backend: what sparseloom needs of an inference runtime (devices, model graphs, compiled subgraphs), with one folder
// per runtime. No runtime's type appears in these headers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/base/ids.h"
#include "sparseloom/base/tensor.h"

namespace sparseloom::backend {

struct NodeTag;
using NodeId = StrongId<NodeTag>;
struct EdgeTag;
using EdgeId = StrongId<EdgeTag>;  ///< one output of one node, i.e. one tensor of the graph

/// A number format that operators compute in.
enum class Precision { kFp32, kFp16, kInt8 };
inline constexpr std::array kPrecisions{Precision::kFp32, Precision::kFp16, Precision::kInt8};
/// "fp32", "fp16", "int8".
std::string_view precision_name(Precision precision);
/// Bytes of one number.
double bytes_of(Precision precision);

/// The constant numbers that an operator multiplies with; not its bias.
struct Weights {
  std::int64_t count = 0;
  double zeros = 0;          ///< share of them that is zero
  bool two_of_four = false;  ///< of every four neighbouring inputs of an output at most two are not zero ("2:4")
};

/// What a number of an operator's result depends on.
enum class Reach : std::uint8_t {
  kAll,     ///< anything in its inputs
  kRow,     ///< of its inputs the same row: the last axis
  kElement  ///< of each input the number at the same place, where shapes are broadcast to each other
};

/// The positions from `begin` up to but not including `end` along one axis of a tensor.
struct AxisRange {
  std::size_t axis = 0;
  std::int64_t begin = 0, end = 0;
  friend bool operator==(const AxisRange&, const AxisRange&) = default;
};

/// One operator.
struct Node {
  std::string name;  ///< unique in its graph, stable across variants exported by the same code
  std::string op;    ///< the runtime's name for the operator, e.g. "Convolution", "FakeQuantize"
  std::vector<EdgeId> inputs;
  std::vector<EdgeId> outputs;
  double macs = 0.0;      ///< multiply-accumulates of one inference; 0 for operators without any
  bool constant = false;  ///< a constant, or depends on constants alone: copied into every piece that needs it
  /// What it multiplies in, by the format of its weights and whether its inputs are quantized; of a quantizer to at
  /// most 256 levels: kInt8; of all other operators without multiply-accumulates: kFp32.
  Precision precision = Precision::kFp32;
  Weights weights;
  bool random = false;  ///< draws random numbers: two runs on the same inputs differ
  Reach reach = Reach::kAll;
};

/// One tensor. An extent of -1 in its shape is known only when running: such a tensor cannot be passed between pieces.
/// Its spec's name is the producing node's name, with ".k" appended for output k > 0.
struct Edge {
  TensorSpec spec;
  NodeId producer;
  std::vector<NodeId> consumers;
  /// Other names of the tensor, sorted: those that the model's file gives it (an ONNX tensor name).
  std::vector<std::string> aliases{};
};

/// A model as a directed acyclic graph, nodes in topological order. A value: independent of the model it came from.
struct Graph {
  std::vector<Node> nodes;
  std::vector<Edge> edges;
  std::vector<EdgeId> inputs;   ///< outputs of the model's parameters, in the model's order
  std::vector<EdgeId> outputs;  ///< tensors the model returns, in the model's order
  /// Not empty: one node stands for all that the model computes, as no editor reads it, for this reason; some runtime
  /// runs it. It cannot be cut.
  std::string why_opaque{};
  bool opaque() const { return !why_opaque.empty(); }

  const Node& node(NodeId id) const { return nodes[id.index()]; }
  const Edge& edge(EdgeId id) const { return edges[id.index()]; }
};

}  // namespace sparseloom::backend
