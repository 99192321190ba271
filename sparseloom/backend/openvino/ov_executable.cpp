#include "sparseloom/backend/openvino/ov_executable.h"

#include <algorithm>
#include <cstring>
#include <openvino/op/broadcast.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/fake_quantize.hpp>
#include <openvino/op/scaled_dot_product_attention.hpp>
#include <openvino/runtime/properties.hpp>
#include <optional>

#include "sparseloom/backend/binding.h"
#include "sparseloom/backend/openvino/ov_support.h"

namespace sparseloom::backend {
namespace {

struct Ports {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  // Per output the input it is, if a tensor only travels through. OpenVINO (2026.4) lets such a pair share memory, and
  // binding the output to memory of its own then makes it overwrite the input: it is copied here instead.
  std::vector<std::optional<std::size_t>> travels;
};

class OpenVinoSession final : public Session {
 public:
  OpenVinoSession(ov::InferRequest request, std::shared_ptr<const Ports> ports)
      : request_(std::move(request)),
        ports_(std::move(ports)),
        inputs_(ports_->inputs.size(), nullptr),
        outputs_(ports_->outputs.size(), nullptr) {}

  Status bind_input(std::size_t index, std::span<const std::byte> data) override {
    SL_RETURN_IF_ERROR(check_binding("input", ports_->inputs, index, data.data(), data.size()));
    if (inputs_[index] == data.data()) return {};
    auto* memory = const_cast<std::byte*>(data.data());  // OpenVINO only reads an input, but its type does not say so
    return guarded(Code::kInternal, "bind input '" + ports_->inputs[index].name + "'", [&]() -> Status {
      request_.set_input_tensor(index, wrap(ports_->inputs[index], memory));
      inputs_[index] = data.data();
      return {};
    });
  }

  Status bind_output(std::size_t index, std::span<std::byte> data) override {
    SL_RETURN_IF_ERROR(check_binding("output", ports_->outputs, index, data.data(), data.size()));
    if (outputs_[index] == data.data()) return {};
    if (ports_->travels[index]) {
      outputs_[index] = data.data();
      return {};
    }
    return guarded(Code::kInternal, "bind output '" + ports_->outputs[index].name + "'", [&]() -> Status {
      request_.set_output_tensor(index, wrap(ports_->outputs[index], data.data()));
      outputs_[index] = data.data();
      return {};
    });
  }

  Status run() override {
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (inputs_[i] == nullptr) return never_bound("input", ports_->inputs[i]);
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      if (outputs_[i] == nullptr) return never_bound("output", ports_->outputs[i]);
    return guarded(Code::kInternal, "run", [&]() -> Status {
      request_.infer();
      for (std::size_t i = 0; i < outputs_.size(); ++i) {
        if (const auto input = ports_->travels[i])
          std::memcpy(outputs_[i], inputs_[*input], ports_->outputs[i].bytes());
      }
      return {};
    });
  }

 private:
  static ov::Tensor wrap(const TensorSpec& spec, std::byte* data) {
    return {to_openvino(spec.type), ov::Shape(spec.shape.begin(), spec.shape.end()), static_cast<void*>(data)};
  }

  ov::InferRequest request_;
  std::shared_ptr<const Ports> ports_;
  std::vector<const std::byte*> inputs_;
  std::vector<std::byte*> outputs_;
};

class OpenVinoExecutable final : public Executable {
 public:
  OpenVinoExecutable(ov::CompiledModel compiled, std::shared_ptr<const Ports> ports, std::size_t sparse_layers,
                     std::shared_ptr<const MappedFile> file)
      : compiled_(std::move(compiled)),
        ports_(std::move(ports)),
        sparse_layers_(sparse_layers),
        file_(std::move(file)) {}

  const std::vector<TensorSpec>& inputs() const override { return ports_->inputs; }
  const std::vector<TensorSpec>& outputs() const override { return ports_->outputs; }
  std::size_t sparse_layers() const override { return sparse_layers_; }
  // INT8 weights are brought into the runtime's own layout by the first run.
  void trim() override {
    if (file_ != nullptr) file_->release_pages();
  }

  Result<std::unique_ptr<Session>> new_session() override {
    return guarded(Code::kInternal, "new session", [&]() -> Result<std::unique_ptr<Session>> {
      return std::unique_ptr<Session>(std::make_unique<OpenVinoSession>(compiled_.create_infer_request(), ports_));
    });
  }

 private:
  ov::CompiledModel compiled_;
  std::shared_ptr<const Ports> ports_;
  std::size_t sparse_layers_;
  std::shared_ptr<const MappedFile> file_;
};

// The parameter's name; for an output a name of its tensor, else of the operator that produces it.
std::string name_of(const ov::Output<const ov::Node>& port) {
  const ov::Node& node = *port.get_node();
  if (node.get_input_size() == 0) return node.get_friendly_name();
  return port.get_names().empty() ? node.get_input_node_ptr(0)->get_friendly_name() : port.get_any_name();
}

// A tensor's names are its own, so an input and an output that share one are the same tensor.
std::optional<std::size_t> input_that_is(const ov::Output<const ov::Node>& output, const ov::CompiledModel& compiled) {
  const auto& inputs = compiled.inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (const std::string& name : inputs[i].get_names())
      if (output.get_names().contains(name)) return i;
  }
  return std::nullopt;
}

Result<TensorSpec> spec_of(const ov::Output<const ov::Node>& port, const std::string& where) {
  TensorSpec spec;
  spec.name = name_of(port);
  if (port.get_partial_shape().is_dynamic()) {
    return error(Code::kFailedPrecondition,
                 "{}: '{}' has the dynamic shape {}; a static one must be given, for example {}={}", where, spec.name,
                 port.get_partial_shape().to_string(), spec.name, example_shape(extents_of(port.get_partial_shape())));
  }
  const auto type = element_type_of(port.get_element_type());
  if (!type) {
    return error(Code::kFailedPrecondition, "{}: '{}' has the type {}, which sparseloom does not support", where,
                 spec.name, port.get_element_type().get_type_name());
  }
  spec.type = *type;
  spec.shape = shape_of(port.get_partial_shape());
  return spec;
}

// The mask of an attention that has one row for all queries, if it is that of an INT8 model: with AMX, OpenVINO
// (2026.4) computes such an attention wrongly where it runs in int8 and the mask comes from outside the model, as in a
// piece. With a row per query it is right, and no slower.
std::optional<ov::Shape> wide_mask(const ov::Node& attention) {
  if (attention.get_input_size() < 4) return std::nullopt;
  const ov::PartialShape& query = attention.get_input_partial_shape(0);
  const ov::PartialShape& mask = attention.get_input_partial_shape(3);
  if (query.is_dynamic() || mask.is_dynamic() || query.size() < 2 || mask.size() < 2) return std::nullopt;
  const ov::Shape queries = query.to_shape();
  ov::Shape wide = mask.to_shape();
  if (wide.rbegin()[1] != 1 || queries.rbegin()[1] == 1) return std::nullopt;
  wide.rbegin()[1] = queries.rbegin()[1];
  return wide;
}

std::shared_ptr<ov::Model> with_wide_masks(const std::shared_ptr<ov::Model>& model) {
  const auto ops = model->get_ops();
  const auto quantizes = [](const std::shared_ptr<ov::Node>& op) { return ov::is_type<ov::op::v0::FakeQuantize>(op); };
  const auto narrow = [](const std::shared_ptr<ov::Node>& op) {
    return ov::is_type<ov::op::v13::ScaledDotProductAttention>(op) && wide_mask(*op);
  };
  if (std::none_of(ops.begin(), ops.end(), quantizes) || std::none_of(ops.begin(), ops.end(), narrow)) return model;
  std::shared_ptr<ov::Model> copy = model->clone();
  for (const auto& op : copy->get_ops()) {
    if (!narrow(op)) continue;
    const ov::Shape wide = *wide_mask(*op);
    const auto shape = ov::op::v0::Constant::create(ov::element::i64, ov::Shape{wide.size()},
                                                    std::vector<std::int64_t>(wide.begin(), wide.end()));
    op->input(3).replace_source_output(std::make_shared<ov::op::v3::Broadcast>(op->input_value(3), shape));
  }
  copy->validate_nodes_and_infer_types();
  return copy;
}

ov::element::Type precision_for(Provider provider) {
  return to_openvino(info(provider).computes_in.value_or(ElementType::kF32));
}

// As OpenVINO lists what a device computes in.
std::string capability_of(ElementType precision) {
  return precision == ElementType::kBF16 ? ov::device::capability::BF16 : ov::device::capability::FP16;
}

// A device that cannot compute in what it is told to takes something else, and says so when asked.
Status check_precision(const ov::CompiledModel& compiled, const std::string& where, const CompileOptions& options) {
  const std::optional<ElementType> wanted = info(options.provider).computes_in;
  if (!wanted) return {};
  const ov::element::Type found = compiled.get_property(ov::hint::inference_precision);
  if (found == to_openvino(*wanted)) return {};
  return error(Code::kUnavailable, "{}: provider {}: device '{}' does not compute in {}; OpenVINO would take {}", where,
               provider_name(options.provider), options.device, to_string(*wanted), found.to_string());
}

// Whether a tensor is read by, or an operator reads, more tensors than any network that people use has in one place.
// OpenVINO (2026.4) looks for what it can fuse by code of its own there in time that grows with their square, and more:
// minutes for 1,500 branches.
bool is_wide(const ov::Model& model) {
  constexpr std::size_t kWide = 256;
  const auto ops = model.get_ops();
  return std::any_of(ops.begin(), ops.end(), [](const std::shared_ptr<ov::Node>& op) {
    if (op->get_input_size() > kWide) return true;
    const auto outputs = op->outputs();
    return std::any_of(outputs.begin(), outputs.end(),
                       [](const auto& output) { return output.get_target_inputs().size() > kWide; });
  });
}

}  // namespace

std::vector<Provider> providers_on(const ov::Core& core, std::string_view runtime, const std::string& device) {
  const auto able = core.get_property(device, ov::device::capabilities);
  std::vector<Provider> found = providers_of(runtime, device);
  std::erase_if(found, [&](Provider provider) {
    const std::optional<ElementType> precision = info(provider).computes_in;
    return precision && std::find(able.begin(), able.end(), capability_of(*precision)) == able.end();
  });
  return found;
}

ov::CompiledModel compile_model(ov::Core& core, const std::shared_ptr<ov::Model>& model,
                                const CompileOptions& options) {
  if (options.device != "CPU") return core.compile_model(model, options.device, properties(options));
  ov::AnyMap map = properties(options);
  if (is_wide(*model)) map["SNIPPETS_MODE"] = "DISABLE";
  return core.compile_model(with_wide_masks(model), options.device, map);
}

ov::AnyMap properties(const CompileOptions& options) {
  // Explicitly: by itself OpenVINO would choose bf16 where a CPU has instructions for it, which changes answers, and is
  // slower on some. INT8 models still run in int8.
  ov::AnyMap map{ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                 ov::hint::inference_precision(precision_for(options.provider))};
  if (options.device == "CPU") {
    // One stream and no pinning: a synchronous inference runs on the calling thread and keeps its affinity. The price
    // is that sessions of one executable take turns; with more streams they run on threads of the plugin's, which no
    // worker's affinity reaches and which cost a hand-over each (half as slow again in the engine).
    map.insert(ov::num_streams(1));
    map.insert(ov::inference_num_threads(options.threads));
    map.insert(ov::hint::enable_cpu_pinning(false));
  }
  return map;
}

Result<std::unique_ptr<Executable>> make_executable(ov::CompiledModel compiled, const std::string& where,
                                                    const CompileOptions& options, std::size_t sparse_layers,
                                                    std::shared_ptr<const MappedFile> file) {
  SL_RETURN_IF_ERROR(check_precision(compiled, where, options));
  auto ports = std::make_shared<Ports>();
  for (const auto& port : compiled.inputs()) {
    SL_ASSIGN_OR_RETURN(TensorSpec spec, spec_of(port, where));
    ports->inputs.push_back(std::move(spec));
  }
  for (const auto& port : compiled.outputs()) {
    SL_ASSIGN_OR_RETURN(TensorSpec spec, spec_of(port, where));
    ports->outputs.push_back(std::move(spec));
    ports->travels.push_back(input_that_is(port, compiled));
  }
  return std::unique_ptr<Executable>(
      std::make_unique<OpenVinoExecutable>(std::move(compiled), std::move(ports), sparse_layers, std::move(file)));
}

}  // namespace sparseloom::backend
