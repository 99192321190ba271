#include "sparseloom/backend/openvino/ov_narrow.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <openvino/op/concat.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/op/group_conv.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/op/prelu.hpp>
#include <openvino/op/reshape.hpp>
#include <openvino/op/result.hpp>
#include <openvino/op/scaled_dot_product_attention.hpp>
#include <openvino/op/slice.hpp>
#include <openvino/op/transpose.hpp>
#include <openvino/op/unsqueeze.hpp>
#include <openvino/op/util/avg_pool_base.hpp>
#include <openvino/op/util/max_pool_base.hpp>
#include <openvino/op/util/squeeze_base.hpp>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "sparseloom/backend/openvino/ov_graph.h"

namespace sparseloom::backend {
namespace {

using Port = ov::Output<ov::Node>;

// All of a tensor, or a range of one of its axes.
using Wanted = std::optional<AxisRange>;

// ov::Shape counts axes from the end, too.
std::int64_t length_along(const ov::Shape& shape, std::size_t axis) {
  return static_cast<std::int64_t>(shape[static_cast<std::ptrdiff_t>(axis)]);
}
std::int64_t length_along(const Port& port, std::size_t axis) { return length_along(port.get_shape(), axis); }
void set_length(ov::Shape& shape, std::size_t axis, std::int64_t length) {
  shape[static_cast<std::ptrdiff_t>(axis)] = static_cast<std::size_t>(length);
}

std::int64_t product(const ov::Shape& shape, std::size_t from, std::size_t to) {
  std::int64_t count = 1;
  for (std::size_t i = from; i < to; ++i) count *= length_along(shape, i);
  return count;
}

// The same axis of an operand that is broadcast to `rank` axes; none: the operand is the same all along it.
std::optional<std::size_t> axis_in_operand(const Port& operand, std::size_t axis, std::size_t rank) {
  const std::size_t missing = rank - operand.get_shape().size();
  if (axis < missing || length_along(operand, axis - missing) == 1) return std::nullopt;
  return axis - missing;
}

std::shared_ptr<ov::Node> sliced(const ov::op::v0::Constant& constant, const AxisRange& range) {
  ov::Shape shape = constant.get_shape();
  const auto rows = static_cast<std::size_t>(product(shape, 0, range.axis));
  const std::size_t inner =
      static_cast<std::size_t>(product(shape, range.axis + 1, shape.size())) * constant.get_element_type().size();
  const std::size_t before = static_cast<std::size_t>(length_along(shape, range.axis)) * inner;
  set_length(shape, range.axis, range.end - range.begin);
  const std::size_t after = static_cast<std::size_t>(length_along(shape, range.axis)) * inner;
  std::vector<std::byte> bytes(rows * after);
  const auto* const from = static_cast<const std::byte*>(constant.get_data_ptr());
  for (std::size_t r = 0; r < rows; ++r) {
    std::memcpy(bytes.data() + r * after, from + r * before + static_cast<std::size_t>(range.begin) * inner, after);
  }
  return std::make_shared<ov::op::v0::Constant>(constant.get_element_type(), shape, bytes.data());
}

// Order by tensor and range.
struct Before {
  static auto key(const Wanted& w) {
    return w ? std::tuple(true, w->axis, w->begin, w->end)
             : std::tuple(false, std::size_t{0}, std::int64_t{0}, std::int64_t{0});
  }
  bool operator()(const Wanted& a, const Wanted& b) const { return key(a) < key(b); }
  template <typename First>
  bool operator()(const std::pair<First, Wanted>& a, const std::pair<First, Wanted>& b) const {
    if (a.first != b.first) return a.first < b.first;
    return key(a.second) < key(b.second);
  }
};

bool reshapes(const ov::Node& node) {
  return ov::is_type<ov::op::v1::Reshape>(&node) || ov::is_type<ov::op::util::SqueezeBase>(&node) ||
         ov::is_type<ov::op::v0::Unsqueeze>(&node);
}

// Some have a second output, the positions of the largest.
bool pools(const ov::Node& node) {
  return ov::is_type<ov::op::util::MaxPoolBase>(&node) || ov::is_type<ov::op::util::AvgPoolBase>(&node);
}

// In two passes, so that a model may be as deep as it likes: from the output to the inputs, what is wanted of every
// tensor; and back, making it.
class Narrowing {
 public:
  explicit Narrowing(const ov::Model& model) : model_(model), ops_(model.get_ordered_ops()) {}

  Result<NarrowedOv> run(const AxisRange& range) {
    if (model_.outputs().size() != 1) {
      return error(Code::kInvalidArgument, "narrow: the model has {} outputs; 1 is allowed", model_.outputs().size());
    }
    const Port output = model_.get_results().front()->input_value(0);
    if (output.get_partial_shape().is_dynamic() || range.axis >= output.get_shape().size() || range.begin < 0 ||
        range.begin >= range.end || range.end > length_along(output, range.axis)) {
      return error(Code::kInvalidArgument, "narrow: {}..{} of axis {} of a tensor of shape {}", range.begin, range.end,
                   range.axis, output.get_partial_shape().to_string());
    }
    want(output, range);
    for (auto op = ops_.rbegin(); op != ops_.rend(); ++op) SL_RETURN_IF_ERROR(ask(**op));
    for (const auto& op : ops_) make(op);
    NarrowedOv narrowed;
    ov::ParameterVector parameters;
    for (const auto& [key, parameter] : parameters_) {
      narrowed.inputs.push_back({key.first, key.second});
      parameters.push_back(parameter);
    }
    const auto result = std::make_shared<ov::op::v0::Result>(parts_.at({output, simplest(output, range)}));
    narrowed.model = std::make_shared<ov::Model>(ov::ResultVector{result}, parameters, model_.get_friendly_name());
    narrowed.model->get_rt_info() = model_.get_rt_info();
    return narrowed;
  }

 private:
  static Wanted simplest(const Port& port, const Wanted& wanted) {
    if (wanted && wanted->begin == 0 && wanted->end == length_along(port, wanted->axis)) return std::nullopt;
    return wanted;
  }
  void want(const Port& port, const Wanted& wanted) { wanted_[port].insert(simplest(port, wanted)); }

  // What is wanted of the inputs, for what is wanted of the outputs.
  Status ask(const ov::Node& node) {
    for (std::size_t o = 0; o < node.get_output_size(); ++o) {
      const auto found = wanted_.find(Port(std::const_pointer_cast<ov::Node>(node.shared_from_this()), o));
      if (found == wanted_.end()) continue;
      for (const Wanted& wanted : found->second) {
        if (!wanted) {
          for (const Port& input : node.input_values()) want(input, std::nullopt);
          continue;
        }
        if (ov::shape_size(node.get_output_shape(o)) == 0) return refuse(node, *wanted);
        SL_ASSIGN_OR_RETURN(const std::vector<Wanted> inputs, needs(node, *wanted));
        for (std::size_t i = 0; i < inputs.size(); ++i) {
          const Port input = node.input_value(i);
          if (inputs[i] && inputs[i]->end > length_along(input, inputs[i]->axis)) return refuse(node, *wanted);
          want(input, inputs[i]);
        }
      }
    }
    return {};
  }

  void make(const std::shared_ptr<ov::Node>& node) {
    for (std::size_t o = 0; o < node->get_output_size(); ++o) {
      const Port port(node, o);
      const auto found = wanted_.find(port);
      if (found == wanted_.end()) continue;
      for (const Wanted& wanted : found->second) {
        if (parts_.contains({port, wanted})) continue;
        const std::shared_ptr<ov::Node> made = made_of(*node, port, wanted);
        if (wanted) {
          parts_.emplace(std::pair(port, wanted), made->output(o));
          continue;
        }
        for (std::size_t k = 0; k < node->get_output_size(); ++k)
          parts_.emplace(std::pair(Port(node, k), wanted), made->output(k));
      }
    }
  }

  std::shared_ptr<ov::Node> made_of(const ov::Node& node, const Port& port, const Wanted& wanted) {
    if (ov::is_type<ov::op::v0::Parameter>(&node)) return parameter(port, wanted);
    if (const auto* constant = ov::as_type<const ov::op::v0::Constant>(&node); constant != nullptr && wanted)
      return sliced(*constant, *wanted);
    const std::vector<Wanted> inputs =
        wanted ? needs(node, *wanted).value() : std::vector<Wanted>(node.get_input_size());
    ov::OutputVector values;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Port input = node.input_value(i);
      values.push_back(parts_.at({input, simplest(input, inputs[i])}));
    }
    if (!wanted || !reshapes(node)) return named(node.clone_with_new_inputs(values), node, wanted);
    const ov::Shape& to = port.get_shape();
    std::vector<std::int64_t> shape(to.begin(), to.end());
    shape[wanted->axis] = wanted->end - wanted->begin;
    const auto target = ov::op::v0::Constant::create(ov::element::i64, ov::Shape{shape.size()}, shape);
    return named(std::make_shared<ov::op::v1::Reshape>(values.front(), target, false), node, wanted);
  }

  // What does not lie in one piece in memory, or not where memory may be bound, is read whole, and cut out.
  std::shared_ptr<ov::Node> parameter(const Port& port, const Wanted& wanted) {
    const ov::Node& node = *port.get_node();
    if (!wanted) return parameter_of(port, wanted);
    const ov::Shape& shape = port.get_shape();
    const std::size_t inner =
        static_cast<std::size_t>(product(shape, wanted->axis + 1, shape.size())) * port.get_element_type().size();
    if (product(shape, 0, wanted->axis) == 1 &&
        static_cast<std::size_t>(wanted->begin) * inner % kBindingAlignment == 0)
      return parameter_of(port, wanted);
    const auto one = [](std::int64_t value) { return ov::op::v0::Constant::create(ov::element::i64, {1}, {value}); };
    const auto slice =
        std::make_shared<ov::op::v8::Slice>(parameter_of(port, std::nullopt), one(wanted->begin), one(wanted->end),
                                            one(1), one(static_cast<std::int64_t>(wanted->axis)));
    return named(slice, node, wanted);
  }

  std::shared_ptr<ov::Node> parameter_of(const Port& port, const Wanted& wanted) {
    const auto& all = model_.get_parameters();
    const auto at = std::find_if(all.begin(), all.end(), [&](const auto& p) { return p.get() == port.get_node(); });
    auto& made = parameters_[{static_cast<std::size_t>(at - all.begin()), wanted}];
    if (made != nullptr) return made;
    ov::Shape shape = port.get_shape();
    if (wanted) set_length(shape, wanted->axis, wanted->end - wanted->begin);
    made = std::make_shared<ov::op::v0::Parameter>(port.get_element_type(), shape);
    named(made, *port.get_node(), wanted);
    made->output(0).set_names({made->get_friendly_name()});
    return made;
  }

  static std::shared_ptr<ov::Node> named(const std::shared_ptr<ov::Node>& made, const ov::Node& node,
                                         const Wanted& wanted) {
    const std::string& name = node.get_friendly_name();
    made->set_friendly_name(wanted ? fmt::format("{}[{}:{}..{}]", name, wanted->axis, wanted->begin, wanted->end)
                                   : name);
    made->get_rt_info() = node.get_rt_info();
    for (std::size_t i = 0; i < std::min(node.get_input_size(), made->get_input_size()); ++i)
      made->input(i).get_rt_info() = node.input(i).get_rt_info();
    return made;
  }

  static Status refuse(const ov::Node& node, const AxisRange& range) {
    return error(Code::kFailedPrecondition, "operator '{}' ({}) cannot be divided along axis {} of {} at {} and {}",
                 node.get_friendly_name(), node.get_type_name(), range.axis, node.get_output_shape(0).to_string(),
                 range.begin, range.end);
  }

  // By input: what computing the range of the output takes.
  static Result<std::vector<Wanted>> needs(const ov::Node& node, const AxisRange& range) {
    if (ov::is_type<ov::op::v0::Parameter>(&node)) return std::vector<Wanted>();
    if (ov::is_type<ov::op::v0::Constant>(&node)) {
      if (node.get_output_element_type(0).bitwidth() % 8 != 0) return refuse(node, range);
      return std::vector<Wanted>();
    }
    if (node.get_output_size() != 1 && !(pools(node) && node.get_output_target_inputs(1).empty()))
      return refuse(node, range);
    if (reshapes(node)) return needs_of_reshape(node, range);
    const std::size_t rank = node.get_output_shape(0).size();
    std::vector<Wanted> inputs(node.get_input_size());
    const auto along = [&](std::size_t input, std::size_t axis) {
      inputs[input] = AxisRange{axis, range.begin, range.end};
    };
    const auto broadcast = [&](std::size_t input) {
      if (const auto axis = axis_in_operand(node.input_value(input), range.axis, rank)) along(input, *axis);
    };
    if (const auto* product = ov::as_type<const ov::op::v0::MatMul>(&node)) {
      const std::size_t a = node.get_input_shape(0).size(), b = node.get_input_shape(1).size();
      if (a < 2 || b < 2 || rank < 2) return refuse(node, range);
      if (range.axis + 1 == rank) {
        along(1, product->get_transpose_b() ? b - 2 : b - 1);
      } else if (range.axis + 2 == rank) {
        along(0, product->get_transpose_a() ? a - 1 : a - 2);
      } else {
        broadcast(0);
        broadcast(1);
      }
      return inputs;
    }
    if (ov::is_type<ov::op::v1::Convolution>(&node)) {
      if (range.axis > 1) return refuse(node, range);
      along(range.axis == 1 ? 1 : 0, 0);
      return inputs;
    }
    if (ov::is_type<ov::op::v1::GroupConvolution>(&node)) return needs_of_groups(node, range);
    if (pools(node)) {
      if (range.axis > 1) return refuse(node, range);
      along(0, range.axis);
      return inputs;
    }
    if (ov::is_type<ov::op::v1::Transpose>(&node)) {
      const auto* order = ov::as_type<ov::op::v0::Constant>(node.get_input_node_ptr(1));
      if (order == nullptr) return refuse(node, range);
      const auto axes = order->cast_vector<std::int64_t>();
      along(0, axes.empty() ? rank - 1 - range.axis : static_cast<std::size_t>(axes[range.axis]));
      return inputs;
    }
    if (const auto* concat = ov::as_type<const ov::op::v0::Concat>(&node)) {
      const std::int64_t axis =
          concat->get_axis() < 0 ? concat->get_axis() + static_cast<std::int64_t>(rank) : concat->get_axis();
      if (static_cast<std::size_t>(axis) == range.axis) return refuse(node, range);
      for (std::size_t i = 0; i < inputs.size(); ++i) along(i, range.axis);
      return inputs;
    }
    if (const auto* attention = ov::as_type<const ov::op::v13::ScaledDotProductAttention>(&node)) {
      if (range.axis + 1 == rank) return refuse(node, range);
      const bool queries = range.axis + 2 == rank;
      if (queries && attention->get_causal()) return refuse(node, range);  // which keys it sees goes by its position
      broadcast(0);                                                        // a row of queries
      for (std::size_t i = 1; i < inputs.size(); ++i) {
        if (!queries || i == 3) broadcast(i);  // heads: of all; queries: of the mask, if it has a row for each
      }
      return inputs;
    }
    // PRelu's slopes are not broadcast as others are.
    if (const auto* prelu = ov::as_type<const ov::op::v0::PRelu>(&node); prelu != nullptr) {
      along(0, range.axis);
      if (ov::shape_size(node.get_input_shape(1)) == 1) return inputs;
      const bool by_channel =
          node.get_input_shape(1).size() == 1 && rank > 1 && node.get_input_shape(1)[0] == node.get_input_shape(0)[1];
      if (range.axis != 1 || !by_channel) return refuse(node, range);
      along(1, 0);
      return inputs;
    }
    const auto* quantizer = ov::as_type<const ov::op::v0::FakeQuantize>(&node);
    const auto& broadcasting = quantizer != nullptr ? quantizer->get_auto_broadcast() : node.get_autob();
    if (broadcasting.m_type != ov::op::AutoBroadcastType::NONE &&
        broadcasting.m_type != ov::op::AutoBroadcastType::NUMPY)
      return refuse(node, range);
    const Reach reach = reach_of(node);
    if (reach == Reach::kElement) {
      for (std::size_t i = 0; i < inputs.size(); ++i) broadcast(i);
      return inputs;
    }
    if (reach == Reach::kRow && range.axis + 1 < rank) {  // what stands behind the first input says how, not of what
      along(0, range.axis);
      return inputs;
    }
    return refuse(node, range);
  }

  // Outputs stand group by group: whole groups alone.
  static Result<std::vector<Wanted>> needs_of_groups(const ov::Node& node, const AxisRange& range) {
    std::vector<Wanted> inputs(2);
    if (range.axis == 0) {
      inputs[0] = range;
      return inputs;
    }
    const ov::Shape& filters = node.get_input_shape(1);  // groups, outputs of each, inputs of each, ...
    const auto outputs = static_cast<std::int64_t>(filters[1]), reads = static_cast<std::int64_t>(filters[2]);
    if (range.axis > 1 || range.begin % outputs != 0 || range.end % outputs != 0) return refuse(node, range);
    const std::int64_t first = range.begin / outputs, last = range.end / outputs;
    inputs[0] = AxisRange{1, first * reads, last * reads};
    inputs[1] = AxisRange{0, first, last};
    return inputs;
  }

  // An axis of the new shape is one of the old, or a part of one that is divided, or made of several. The old shape's
  // tensor alone is wanted: the new shape is another one for each range.
  static Result<std::vector<Wanted>> needs_of_reshape(const ov::Node& node, const AxisRange& range) {
    const ov::Shape& from = node.get_input_shape(0);
    const ov::Shape& to = node.get_output_shape(0);
    const std::int64_t before = product(to, 0, range.axis);
    for (std::size_t a = 0; a < from.size(); ++a) {
      const std::int64_t old_extent = length_along(from, a), new_extent = length_along(to, range.axis);
      if (product(from, 0, a) != before || (old_extent == 1 && new_extent != 1)) continue;
      if (old_extent % new_extent == 0) {  // the same, or divided
        const std::int64_t each = old_extent / new_extent;
        return std::vector<Wanted>{AxisRange{a, range.begin * each, range.end * each}};
      }
      const std::int64_t each = new_extent / old_extent;
      if (new_extent % old_extent != 0 || range.begin % each != 0 || range.end % each != 0) continue;
      return std::vector<Wanted>{AxisRange{a, range.begin / each, range.end / each}};
    }
    return refuse(node, range);
  }

  const ov::Model& model_;
  const std::vector<std::shared_ptr<ov::Node>> ops_;
  std::map<Port, std::set<Wanted, Before>> wanted_;
  std::map<std::pair<Port, Wanted>, Port, Before> parts_;
  std::map<std::pair<std::size_t, Wanted>, std::shared_ptr<ov::op::v0::Parameter>, Before> parameters_;
};

}  // namespace

Result<NarrowedOv> narrow(const ov::Model& model, const AxisRange& range) { return Narrowing(model).run(range); }

}  // namespace sparseloom::backend
