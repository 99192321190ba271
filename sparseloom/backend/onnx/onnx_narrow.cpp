#include "sparseloom/backend/onnx/onnx_narrow.h"

#define ONNX_ML 1
#define ONNX_NAMESPACE onnx
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "sparseloom/backend/onnx/onnx_types.h"
#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {
namespace {

// What of one input an operator needs; none: all.
using Need = std::optional<AxisRange>;

const onnx::AttributeProto* attribute_of(const onnx::NodeProto& node, std::string_view name) {
  for (const auto& attribute : node.attribute())
    if (attribute.name() == name) return &attribute;
  return nullptr;
}

std::int64_t integer_of(const onnx::NodeProto& node, std::string_view name, std::int64_t otherwise) {
  const auto* const attribute = attribute_of(node, name);
  return attribute == nullptr ? otherwise : attribute->i();
}

template <std::size_t N>
bool one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Every number of the result comes of the numbers at the same place in the inputs, broadcast to each other.
constexpr std::array<std::string_view, 30> kElementWise{
    "Abs",  "Add",  "Cast",        "Ceil",      "Clip",  "Div", "Elu",      "Erf",        "Exp",      "Floor",
    "Gelu", "Relu", "HardSigmoid", "HardSwish", "Max",   "Min", "Mul",      "Neg",        "Pow",      "PRelu",
    "Log",  "Sqrt", "LeakyRelu",   "Sigmoid",   "Round", "Sub", "Softplus", "Reciprocal", "Identity", "Tanh"};
// Of each channel apart.
constexpr std::array<std::string_view, 4> kPooling{"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"};

class OnnxNarrowing {
 public:
  OnnxNarrowing(onnx::GraphProto& graph, const ShapeOf& shape_of) : graph_(graph), shape_of_(shape_of) {}

  Result<std::vector<Need>> run(const AxisRange& range) {
    if (graph_.output_size() != 1)
      return error(Code::kInvalidArgument, "{} outputs; one is allowed", graph_.output_size());
    const std::string output = graph_.output(0).name();
    for (int n = graph_.node_size(); n-- > 0;) {
      const onnx::NodeProto& node = graph_.node(n);
      SL_ASSIGN_OR_RETURN(const Need wanted, wanted_of(node, output, range));
      std::vector<Need> needs(static_cast<std::size_t>(node.input_size()));
      if (wanted) {
        SL_ASSIGN_OR_RETURN(needs, needs_of(node, *wanted));
      }
      for (int k = 0; k < node.input_size(); ++k)
        if (!node.input(k).empty()) uses_[node.input(k)].push_back({n, k, needs[static_cast<std::size_t>(k)]});
    }
    auto& shape = *graph_.mutable_output(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
    shape.mutable_dim(static_cast<int>(range.axis))->set_dim_value(range.end - range.begin);
    std::vector<Need> inputs = narrow_inputs();
    slice_the_rest();
    return inputs;
  }

 private:
  // Of a tensor by an operator: input `input` of node `node`.
  struct Use {
    int node, input;
    Need need;
  };

  static Status cannot(const onnx::NodeProto& node, std::string_view why) {
    return error(Code::kFailedPrecondition, "operator '{}' ({}) cannot be divided so: {}", node.name(), node.op_type(),
                 why);
  }

  // What is to be computed of a node's result: what all who read it need, or all if they need different parts, which
  // each takes for itself.
  Result<Need> wanted_of(const onnx::NodeProto& node, const std::string& output, const AxisRange& range) {
    if (node.input_size() == 0) return Need();  // a constant
    std::optional<Need> wanted;
    for (const std::string& result : node.output()) {
      std::vector<Need> needs;
      if (result == output) needs.push_back(range);
      for (const Use& use : uses_[result]) needs.push_back(use.need);
      if (needs.empty()) continue;
      const bool same =
          std::all_of(needs.begin(), needs.end(), [&](const Need& need) { return need == needs.front(); });
      if (result == output && !same) return cannot(node, "other operators need more of its result");
      if (wanted) return cannot(node, "several of its results are read");
      wanted = same ? needs.front() : Need();
      if (same) uses_.erase(result);  // they read the part
    }
    return wanted.value_or(Need());
  }

  Result<std::vector<Need>> needs_of(const onnx::NodeProto& node, const AxisRange& range) {
    const std::string& op = node.op_type();
    std::vector<Need> needs(static_cast<std::size_t>(node.input_size()));
    SL_ASSIGN_OR_RETURN(const Shape shape, shape_of(node, node.output(0)));
    if (one_of(kElementWise, op)) {
      for (int k = 0; k < node.input_size(); ++k) {
        if (node.input(k).empty()) continue;
        SL_ASSIGN_OR_RETURN(needs[static_cast<std::size_t>(k)], broadcast(node, node.input(k), range, shape, 0));
      }
      return needs;
    }
    if (op == "Conv") return of_convolution(node, range, shape);
    if (op == "MatMul") return of_matmul(node, range, shape);
    if (op == "Gemm") return of_gemm(node, range);
    if (op == "BatchNormalization" && range.axis <= 1) {
      needs[0] = range;
      for (std::size_t k = 1; k < needs.size() && range.axis == 1; ++k) needs[k] = AxisRange{0, range.begin, range.end};
      return needs;
    }
    if (one_of(kPooling, op) && range.axis <= 1) {
      needs[0] = range;
      return needs;
    }
    if (op == "QuantizeLinear" || op == "DequantizeLinear") return of_quantizer(node, range, shape.size());
    const std::int64_t along = integer_of(node, "axis", -1);
    const auto rank = static_cast<std::int64_t>(shape.size());
    if ((op == "LayerNormalization" || op == "Softmax") &&
        static_cast<std::int64_t>(range.axis) < (along < 0 ? along + rank : along)) {
      needs[0] = range;
      return needs;
    }
    if (op == "Transpose") {
      const auto* const perm = attribute_of(node, "perm");
      if (perm != nullptr && perm->ints_size() != rank) return cannot(node, "its perm has not one number per axis");
      const auto from =
          perm == nullptr ? rank - 1 - static_cast<std::int64_t>(range.axis) : perm->ints(static_cast<int>(range.axis));
      needs[0] = AxisRange{static_cast<std::size_t>(from), range.begin, range.end};
      return needs;
    }
    return cannot(node, "no rule for it");
  }

  Result<Shape> shape_of(const onnx::NodeProto& node, const std::string& name) const {
    for (const auto& weight : graph_.initializer())
      if (weight.name() == name) return Shape(weight.dims().begin(), weight.dims().end());
    if (auto shape = shape_of_(name)) return *std::move(shape);
    return cannot(node, fmt::format("the shape of '{}' is not known", name));
  }

  // The axis of an input that is broadcast to the result's `shape`, its last `apart` axes left alone.
  Result<Need> broadcast(const onnx::NodeProto& node, const std::string& input, const AxisRange& range,
                         const Shape& shape, std::size_t apart) const {
    SL_ASSIGN_OR_RETURN(const Shape own, shape_of(node, input));
    const std::size_t missing = shape.size() - std::min(own.size(), shape.size());
    if (range.axis < missing || range.axis - missing + apart >= own.size()) return Need();
    const std::size_t axis = range.axis - missing;
    return own[axis] == 1 && shape[range.axis] != 1 ? Need() : Need(AxisRange{axis, range.begin, range.end});
  }

  // Output channels; images of a batch apart.
  Result<std::vector<Need>> of_convolution(const onnx::NodeProto& node, const AxisRange& range, const Shape& shape) {
    std::vector<Need> needs(static_cast<std::size_t>(node.input_size()));
    if (range.axis == 0) {
      needs[0] = range;
      return needs;
    }
    if (range.axis != 1) return cannot(node, "only by output channels or images");
    const std::int64_t groups = integer_of(node, "group", 1);
    for (std::size_t k = 1; k < needs.size(); ++k) needs[k] = AxisRange{0, range.begin, range.end};
    if (groups == 1) return needs;
    if (groups < 1 || shape[1] < groups) return cannot(node, "its groups are no number of channels");
    const std::int64_t outputs = shape[1] / groups;  // of a group
    if (range.begin % outputs != 0 || range.end % outputs != 0) return cannot(node, "its groups are divided whole");
    SL_ASSIGN_OR_RETURN(const Shape input, shape_of(node, node.input(0)));
    if (input.size() < 2) return cannot(node, "its input has no channels");
    const std::int64_t inputs = input[1] / groups;
    needs[0] = AxisRange{1, range.begin / outputs * inputs, range.end / outputs * inputs};
    groups_.emplace_back(node.output(0), (range.end - range.begin) / outputs);
    return needs;
  }

  Result<std::vector<Need>> of_matmul(const onnx::NodeProto& node, const AxisRange& range, const Shape& shape) const {
    SL_ASSIGN_OR_RETURN(const Shape a, shape_of(node, node.input(0)));
    SL_ASSIGN_OR_RETURN(const Shape b, shape_of(node, node.input(1)));
    if (a.size() < 2 || b.size() < 2) return cannot(node, "it multiplies a vector");
    const std::size_t rank = shape.size();
    std::vector<Need> needs(2);
    if (range.axis + 1 == rank) {
      needs[1] = AxisRange{b.size() - 1, range.begin, range.end};
    } else if (range.axis + 2 == rank) {
      needs[0] = AxisRange{a.size() - 2, range.begin, range.end};
    } else {
      SL_ASSIGN_OR_RETURN(needs[0], broadcast(node, node.input(0), range, shape, 2));
      SL_ASSIGN_OR_RETURN(needs[1], broadcast(node, node.input(1), range, shape, 2));
    }
    return needs;
  }

  Result<std::vector<Need>> of_gemm(const onnx::NodeProto& node, const AxisRange& range) const {
    std::vector<Need> needs(static_cast<std::size_t>(node.input_size()));
    const bool rows = range.axis == 0;
    const bool transposed = integer_of(node, rows ? "transA" : "transB", 0) != 0;
    const std::size_t axis = rows == transposed ? 1 : 0;
    needs[rows ? 0 : 1] = AxisRange{axis, range.begin, range.end};
    if (needs.size() < 3 || node.input(2).empty()) return needs;
    SL_ASSIGN_OR_RETURN(const Shape result, shape_of(node, node.output(0)));
    SL_ASSIGN_OR_RETURN(needs[2], broadcast(node, node.input(2), range, result, 0));
    return needs;
  }

  // One scale for all, or one for each position of an axis.
  Result<std::vector<Need>> of_quantizer(const onnx::NodeProto& node, const AxisRange& range, std::size_t rank) const {
    std::vector<Need> needs(static_cast<std::size_t>(node.input_size()));
    needs[0] = range;
    const std::int64_t axis = integer_of(node, "axis", 1);
    const auto of_scales = static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis);
    for (std::size_t k = 1; k < needs.size() && range.axis == of_scales; ++k) {
      SL_ASSIGN_OR_RETURN(const Shape scales, shape_of(node, node.input(static_cast<int>(k))));
      if (scales.size() == 1 && scales[0] != 1) needs[k] = AxisRange{0, range.begin, range.end};
    }
    return needs;
  }

  // Inputs of which all who read them need the same range, in one piece.
  std::vector<Need> narrow_inputs() {
    std::vector<Need> inputs(static_cast<std::size_t>(graph_.input_size()));
    for (int i = 0; i < graph_.input_size(); ++i) {
      const auto uses = uses_.find(graph_.input(i).name());
      if (uses == uses_.end()) continue;
      const Need first = uses->second.front().need;
      const bool same =
          std::all_of(uses->second.begin(), uses->second.end(), [&](const Use& use) { return use.need == first; });
      auto& tensor = *graph_.mutable_input(i)->mutable_type()->mutable_tensor_type();
      if (!same || !first || !lies_in_one_piece(tensor, *first)) continue;
      tensor.mutable_shape()->mutable_dim(static_cast<int>(first->axis))->set_dim_value(first->end - first->begin);
      inputs[static_cast<std::size_t>(i)] = first;
      uses_.erase(uses);
    }
    return inputs;
  }

  // As sessions bind memory: at a multiple of kBindingAlignment.
  static bool lies_in_one_piece(const onnx::TypeProto::Tensor& tensor, const AxisRange& range) {
    const auto type = from_onnx_number(tensor.elem_type());
    if (!type) return false;
    Shape inner;
    for (int axis = 0; axis < tensor.shape().dim_size(); ++axis) {
      const std::int64_t extent = tensor.shape().dim(axis).dim_value();
      if (static_cast<std::size_t>(axis) < range.axis && extent != 1) return false;
      if (static_cast<std::size_t>(axis) > range.axis) inner.push_back(extent);
    }
    return TensorSpec{"", *type, inner}.bytes() * static_cast<std::size_t>(range.begin) % kBindingAlignment == 0;
  }

  // Who needs a part of what is there whole takes it.
  void slice_the_rest() {
    std::map<int, std::vector<onnx::NodeProto>> slices;  // by the node that reads them
    for (const auto& [name, uses] : uses_) {
      for (const Use& use : uses) {
        if (!use.need) continue;
        onnx::NodeProto slice;
        slice.set_op_type("Slice");
        slice.set_name(fmt::format("{}/part{}.{}", name, use.node, use.input));
        slice.add_input(name);
        for (const auto& [what, value] : {std::pair("begin", use.need->begin), std::pair("end", use.need->end),
                                          std::pair("axis", static_cast<std::int64_t>(use.need->axis))}) {
          onnx::TensorProto& number = *graph_.add_initializer();
          number.set_name(slice.name() + "/" + what);
          number.set_data_type(onnx::TensorProto::INT64);
          number.add_dims(1);
          number.add_int64_data(value);
          slice.add_input(number.name());
        }
        slice.add_output(slice.name());
        graph_.mutable_node(use.node)->set_input(use.input, slice.name());
        slices[use.node].push_back(std::move(slice));
      }
    }
    onnx::GraphProto with_slices;
    for (int n = 0; n < graph_.node_size(); ++n) {
      for (onnx::NodeProto& slice : slices[n]) *with_slices.add_node() = std::move(slice);
      onnx::NodeProto& node = *with_slices.add_node();
      node = graph_.node(n);
      for (const auto& [output, groups] : groups_) {
        if (node.output_size() == 0 || node.output(0) != output) continue;
        for (auto& attribute : *node.mutable_attribute())
          if (attribute.name() == "group") attribute.set_i(groups);
      }
    }
    graph_.mutable_node()->Swap(with_slices.mutable_node());
  }

  onnx::GraphProto& graph_;
  const ShapeOf& shape_of_;
  std::map<std::string, std::vector<Use>> uses_;  // by tensor; of those that nodes write until it is narrowed
  std::vector<std::pair<std::string, std::int64_t>> groups_;  // of divided convolutions, by their results
};

}  // namespace

Result<std::vector<std::optional<AxisRange>>> narrow(onnx::GraphProto& graph, const AxisRange& range,
                                                     const ShapeOf& shape_of) {
  return OnnxNarrowing(graph, shape_of).run(range);
}

}  // namespace sparseloom::backend
