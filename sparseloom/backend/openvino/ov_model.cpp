#include "sparseloom/backend/openvino/ov_model.h"

#include <map>
#include <openvino/core/preprocess/pre_post_process.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/op/group_conv.hpp>
#include <openvino/op/max_pool.hpp>
#include <openvino/op/multiply.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/op/result.hpp>
#include <openvino/pass/manager.hpp>
#include <openvino/pass/serialize.hpp>

#include "sparseloom/backend/openvino/ov_executable.h"
#include "sparseloom/backend/openvino/ov_narrow.h"
#include "sparseloom/backend/openvino/ov_sparse_compile.h"
#include "sparseloom/backend/openvino/ov_support.h"

namespace sparseloom::backend {
namespace {

// Copies the part of a graph that lies between some tensors, operator by operator.
class Extraction {
 public:
  explicit Extraction(const ConvertedGraph& from) : from_(from) {}

  // A parameter for `edge`; a parameter of the model stays what it was, its other names included.
  std::shared_ptr<ov::op::v0::Parameter> add_parameter(EdgeId edge) {
    const auto& tensor = from_.tensors[edge.index()];
    auto parameter = std::make_shared<ov::op::v0::Parameter>(tensor.get_element_type(), tensor.get_partial_shape());
    parameter->set_friendly_name(spec(edge).name);
    parameter->output(0).set_names({spec(edge).name});
    if (ov::is_type<ov::op::v0::Parameter>(tensor.get_node())) {
      parameter->get_rt_info() = tensor.get_node()->get_rt_info();
      parameter->output(0).get_rt_info() = tensor.get_rt_info();
      parameter->output(0).add_names(tensor.get_names());
    }
    parameters_[edge] = parameter->output(0);
    copies_[edge] = repeat_quantization(edge, parameter->output(0));
    return parameter;
  }

  // Copies what `edge` needs and is not there yet. The names of the model's inputs are what may remain missing.
  Status copy(EdgeId edge) {
    std::vector<NodeId> needed;
    std::vector<bool> seen(graph().nodes.size());
    std::vector<EdgeId> open{edge};
    while (!open.empty()) {
      const EdgeId e = open.back();
      open.pop_back();
      const NodeId producer = graph().edge(e).producer;
      if (copies_.contains(e) || seen[producer.index()]) continue;
      seen[producer.index()] = true;
      const Node& node = graph().node(producer);
      if (node.inputs.empty() && !node.constant) {
        return error(Code::kInvalidArgument, "extract: '{}' needs '{}', which is not among the inputs given",
                     spec(edge).name, spec(e).name);
      }
      needed.push_back(producer);
      open.insert(open.end(), node.inputs.begin(), node.inputs.end());
    }
    std::sort(needed.begin(), needed.end());  // nodes stand in topological order
    for (const NodeId id : needed) copy_node(id);
    return {};
  }

  // A tensor that only travels through the piece goes from parameter to result.
  const ov::Output<ov::Node>& copied(EdgeId edge) const {
    const auto it = parameters_.find(edge);
    return it != parameters_.end() ? it->second : copies_.at(edge);
  }

  // What the piece returns for `edge`. OpenVINO computes a quantizer in int8 only if an operator behind it can work in
  // int8; in front of a result it would fall back to f32, round otherwise than the whole model, and lose the int8
  // residual sum. So one that changes nothing is put behind it: a depthwise convolution by 1, which like the
  // convolution that reads the tensor in the whole model asks for u8, or else a 1x1 MaxPool, which takes u8 and i8.
  ov::Output<ov::Node> returned(EdgeId edge) const {
    ov::Output<ov::Node> tensor = copied(edge);
    const std::size_t rank = tensor.get_partial_shape().size();
    const auto* quantizer = ov::as_type<ov::op::v0::FakeQuantize>(tensor.get_node());
    if (quantizer == nullptr || !is_idempotent(*quantizer) || rank < 3 || rank > 5) return tensor;
    const auto keep = wants_u8(edge) ? multiply_by_one(tensor) : pool_by_one(tensor);
    keep->set_friendly_name(spec(edge).name + "/int8");
    return keep->output(0);
  }

 private:
  const Graph& graph() const { return from_.graph; }
  const TensorSpec& spec(EdgeId edge) const { return graph().edge(edge).spec; }

  // A tensor that comes out of a quantizer is quantized again on entry, which changes no value, so that what reads it
  // still runs in int8.
  ov::Output<ov::Node> repeat_quantization(EdgeId edge, const ov::Output<ov::Node>& parameter) {
    const Node& node = graph().node(graph().edge(edge).producer);
    const auto* quantizer = ov::as_type<ov::op::v0::FakeQuantize>(from_.tensors[edge.index()].get_node());
    if (quantizer == nullptr || !is_idempotent(*quantizer)) return parameter;
    ov::OutputVector inputs{parameter};
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
      if (!copy(node.inputs[i]).ok()) return parameter;
      inputs.push_back(copies_.at(node.inputs[i]));
    }
    const auto again = quantizer->clone_with_new_inputs(inputs);
    again->set_friendly_name(quantizer->get_friendly_name() + "/again");
    again->get_rt_info() = quantizer->get_rt_info();
    return again->output(0);
  }

  static bool is_idempotent(const ov::op::v0::FakeQuantize& quantizer) {
    const auto values = [&](std::size_t input) {
      const auto* constant = ov::as_type<ov::op::v0::Constant>(quantizer.get_input_node_ptr(input));
      return constant == nullptr ? std::vector<float>{} : constant->cast_vector<float>();
    };
    const auto low = values(1), high = values(2);
    return !low.empty() && !high.empty() && low == values(3) && high == values(4);
  }

  bool wants_u8(EdgeId edge) const {
    const auto& consumers = graph().edge(edge).consumers;
    return std::any_of(consumers.begin(), consumers.end(), [&](NodeId id) {
      const std::string& op = graph().node(id).op;
      return op == "Convolution" || op == "GroupConvolution" || op == "Multiply";
    });
  }

  static std::shared_ptr<ov::Node> pool_by_one(const ov::Output<ov::Node>& tensor) {
    const std::size_t axes = tensor.get_shape().size() - 2;
    return std::make_shared<ov::op::v8::MaxPool>(tensor, ov::Strides(axes, 1), ov::Strides(axes, 1), ov::Shape(axes, 0),
                                                 ov::Shape(axes, 0), ov::Shape(axes, 1));
  }

  static std::shared_ptr<ov::Node> multiply_by_one(const ov::Output<ov::Node>& tensor) {
    const std::size_t axes = tensor.get_shape().size() - 2;
    ov::Shape filters(axes + 3, 1);  // [channels, 1, 1, 1...]
    filters[0] = tensor.get_shape()[1];
    const auto ones = ov::op::v0::Constant::create(ov::element::i8, filters, {1});
    const auto scale = ov::op::v0::Constant::create(ov::element::f32, {}, {1.0F});
    const auto weights =
        std::make_shared<ov::op::v1::Multiply>(std::make_shared<ov::op::v0::Convert>(ones, ov::element::f32), scale);
    return std::make_shared<ov::op::v1::GroupConvolution>(tensor, weights, ov::Strides(axes, 1),
                                                          ov::CoordinateDiff(axes, 0), ov::CoordinateDiff(axes, 0),
                                                          ov::Strides(axes, 1));
  }

  void copy_node(NodeId id) {
    const Node& node = graph().node(id);
    const ov::Node& original = *from_.tensors[node.outputs.front().index()].get_node();
    ov::OutputVector inputs;
    for (const EdgeId e : node.inputs) inputs.push_back(copies_.at(e));
    const auto copy = original.clone_with_new_inputs(inputs);
    copy->set_friendly_name(original.get_friendly_name());
    copy->get_rt_info() = original.get_rt_info();
    for (std::size_t i = 0; i < original.get_input_size(); ++i)
      copy->input(i).get_rt_info() = original.input(i).get_rt_info();
    for (std::size_t i = 0; i < original.get_output_size(); ++i) {
      copy->output(i).get_rt_info() = original.output(i).get_rt_info();
      copies_.try_emplace(node.outputs[i], copy->output(i));
    }
  }

  const ConvertedGraph& from_;
  std::map<EdgeId, ov::Output<ov::Node>> copies_;
  std::map<EdgeId, ov::Output<ov::Node>> parameters_;
};

// Puts conversions behind parameters and in front of results whose types shall be others.
void convert_ports(std::shared_ptr<ov::Model>& piece, const PieceTypes& types) {
  ov::preprocess::PrePostProcessor ports(piece);
  bool any = false;
  for (std::size_t i = 0; i < types.inputs.size(); ++i) {
    const ov::element::Type wanted = to_openvino(types.inputs[i]);
    if (piece->input(i).get_element_type() == wanted) continue;
    ports.input(i).tensor().set_element_type(wanted);
    any = true;
  }
  for (std::size_t i = 0; i < types.outputs.size(); ++i) {
    const ov::element::Type wanted = to_openvino(types.outputs[i]);
    if (piece->output(i).get_element_type() == wanted) continue;
    ports.output(i).tensor().set_element_type(wanted);
    any = true;
  }
  if (any) piece = ports.build();
}

}  // namespace

Result<std::unique_ptr<Model>> OpenVinoModel::make(std::shared_ptr<ov::Core> core, std::shared_ptr<ov::Model> model,
                                                   std::string where) {
  auto converted = convert_graph(*model);
  if (!converted.ok()) return converted.status().with_context(where);
  return std::unique_ptr<Model>(
      new OpenVinoModel(std::move(core), std::move(model), std::move(where), std::move(converted).value()));
}

Result<std::unique_ptr<Model>> OpenVinoModel::extract(const std::vector<EdgeId>& inputs,
                                                      const std::vector<EdgeId>& outputs,
                                                      const PieceTypes& types) const {
  return guarded(Code::kInternal, where_ + ": extract", [&]() -> Result<std::unique_ptr<Model>> {
    Extraction extraction(converted_);
    ov::ParameterVector parameters;
    for (const EdgeId edge : inputs) parameters.push_back(extraction.add_parameter(edge));
    ov::ResultVector results;
    for (const EdgeId edge : outputs) {
      SL_RETURN_IF_ERROR(extraction.copy(edge));
      ov::Output<ov::Node> tensor = extraction.returned(edge);
      tensor.add_names({graph().edge(edge).spec.name});
      results.push_back(std::make_shared<ov::op::v0::Result>(tensor));
    }
    auto piece = std::make_shared<ov::Model>(results, parameters, model_->get_friendly_name());
    piece->get_rt_info() = model_->get_rt_info();
    convert_ports(piece, types);
    return make(core_, std::move(piece), where_);
  });
}

Result<NarrowedModel> OpenVinoModel::narrow(const AxisRange& range) const {
  return guarded(Code::kInternal, where_ + ": narrow", [&]() -> Result<NarrowedModel> {
    auto part = backend::narrow(*model_, range);
    if (!part.ok()) return part.status().with_context(where_);
    NarrowedModel narrowed;
    narrowed.inputs = std::move(part->inputs);
    SL_ASSIGN_OR_RETURN(narrowed.model, make(core_, std::move(part->model), where_));
    return narrowed;
  });
}

Status OpenVinoModel::save(const std::filesystem::path& path) const {
  return guarded(Code::kUnavailable, path.string() + ": cannot write the model", [&]() -> Status {
    std::filesystem::path weights = path;
    ov::pass::Manager manager;
    manager.register_pass<ov::pass::Serialize>(path, weights.replace_extension(".bin"));
    manager.run_passes(model_);
    return {};
  });
}

Result<std::unique_ptr<Executable>> OpenVinoModel::compile(const CompileOptions& options) const {
  return guarded(Code::kInternal, fmt::format("{}: compile for {}", where_, options.device),
                 [&]() -> Result<std::unique_ptr<Executable>> {
                   if (options.sparse_layers != SparseLayers::kNone && options.device == "CPU") {
                     SL_ASSIGN_OR_RETURN(const Compiled sparse, compile_sparse(*core_, model_->clone(), options, {}));
                     if (sparse.model) return make_executable(sparse.model, where_, options, sparse.sparse_layers);
                   }
                   CompileOptions dense = options;
                   dense.sparse_layers = SparseLayers::kNone;
                   return make_executable(compile_model(*core_, model_, dense), where_, dense);
                 });
}

}  // namespace sparseloom::backend
