#include "sparseloom/backend/onnxruntime/ort_session.h"

#include <algorithm>

#include "sparseloom/backend/binding.h"
#include "sparseloom/backend/onnx/onnx_types.h"

namespace sparseloom::backend {
namespace {

// Of the runs of a device: the next one need not wait for this one.
constexpr const char* kDoNotSynchronize = "disable_synchronize_execution_providers";

// Where a tensor of a session lies: in host memory, or on the device.
struct Place {
  std::byte* host = nullptr;  // the caller's, if it is bound to that
  std::shared_ptr<OrtDeviceTensor>
      tensor;  // on a device: the caller's, or one of our own that host memory is copied to
  bool bound() const { return host != nullptr || tensor != nullptr; }
};

class OrtSession final : public Session {
 public:
  explicit OrtSession(std::shared_ptr<OrtModel> model)
      : model_(std::move(model)),
        inputs_(model_->ports.inputs.size()),
        outputs_(model_->ports.outputs.size()),
        binding_(model_->session) {
    if (model_->device != nullptr) run_options_.AddConfigEntry(kDoNotSynchronize, "1");
  }

  Status bind_input(std::size_t index, std::span<const std::byte> data) override {
    SL_RETURN_IF_ERROR(check_binding("input", model_->ports.inputs, index, data.data(), data.size()));
    auto* memory = const_cast<std::byte*>(data.data());  // an input is only read, but its type does not say so
    return bind_host(kInput, index, memory);
  }

  Status bind_output(std::size_t index, std::span<std::byte> data) override {
    SL_RETURN_IF_ERROR(check_binding("output", model_->ports.outputs, index, data.data(), data.size()));
    return bind_host(kOutput, index, data.data());
  }

  Status bind_input(std::size_t index, std::shared_ptr<DeviceTensor> tensor) override {
    if (model_->device == nullptr) return Session::bind_input(index, std::move(tensor));
    SL_RETURN_IF_ERROR(check_binding("input", model_->ports.inputs, index, tensor->spec()));
    return bind_device(kInput, index, std::move(tensor));
  }

  Status bind_output(std::size_t index, std::shared_ptr<DeviceTensor> tensor) override {
    if (model_->device == nullptr) return Session::bind_output(index, std::move(tensor));
    SL_RETURN_IF_ERROR(check_binding("output", model_->ports.outputs, index, tensor->spec()));
    return bind_device(kOutput, index, std::move(tensor));
  }

  Status run() override {
    SL_RETURN_IF_ERROR(start());
    return wait();
  }

  Status start() override {
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (!inputs_[i].bound()) return never_bound("input", model_->ports.inputs[i]);
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      if (!outputs_[i].bound()) return never_bound("output", model_->ports.outputs[i]);
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const Place& input = inputs_[i];
      if (input.tensor == nullptr || input.host == nullptr) continue;
      SL_RETURN_IF_ERROR(input.tensor->upload({input.host, model_->ports.inputs[i].bytes()}));
    }
    return guarded_ort(Code::kInternal, "run", [&]() -> Status {
      model_->session.Run(run_options_, binding_);
      return {};
    });
  }

  Status wait() override {
    if (model_->device == nullptr) return {};
    SL_RETURN_IF_ERROR(guarded_ort(Code::kInternal, "wait", [&]() -> Status {
      binding_.SynchronizeOutputs();
      return {};
    }));
    bool waited = false;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const Place& output = outputs_[i];
      if (output.host == nullptr) continue;
      SL_RETURN_IF_ERROR(output.tensor->download({output.host, model_->ports.outputs[i].bytes()}));
      waited = true;
    }
    return waited ? Status() : fence();
  }

 private:
  enum Kind { kInput, kOutput };
  Place& place(Kind kind, std::size_t index) { return (kind == kInput ? inputs_ : outputs_)[index]; }
  const TensorSpec& spec(Kind kind, std::size_t index) const {
    return (kind == kInput ? model_->ports.inputs : model_->ports.outputs)[index];
  }

  Status bind_host(Kind kind, std::size_t index, std::byte* memory) {
    Place& at = place(kind, index);
    if (at.host == memory) return {};
    if (model_->device != nullptr) {
      if (at.host == nullptr) {  // not yet, or to a caller's tensor
        SL_ASSIGN_OR_RETURN(auto own, OrtDeviceTensor::make(*model_->device, spec(kind, index)));
        SL_RETURN_IF_ERROR(bind(kind, index, own->value()));
        at.tensor = std::move(own);
      }
    } else {
      SL_RETURN_IF_ERROR(bind(kind, index, host_value(spec(kind, index), memory)));
    }
    at.host = memory;
    return {};
  }

  Status bind_device(Kind kind, std::size_t index, std::shared_ptr<DeviceTensor> tensor) {
    auto ours = std::dynamic_pointer_cast<OrtDeviceTensor>(std::move(tensor));
    if (ours == nullptr || &ours->device() != model_->device) {
      return error(Code::kInvalidArgument, "bind '{}': the tensor is in another device's memory; this one is {}",
                   spec(kind, index).name, model_->device->name);
    }
    SL_RETURN_IF_ERROR(bind(kind, index, ours->value()));
    place(kind, index) = {nullptr, std::move(ours)};
    return {};
  }

  Status bind(Kind kind, std::size_t index, const Ort::Value& value) {
    const std::string& name = spec(kind, index).name;
    return guarded_ort(Code::kInternal, "bind '" + name + "'", [&]() -> Status {
      kind == kInput ? binding_.BindInput(name.c_str(), value) : binding_.BindOutput(name.c_str(), value);
      return {};
    });
  }

  // Not every device waits when it is told to synchronise. What it copies to the host lies behind all that it was given
  // before, so one number is copied.
  Status fence() {
    if (fence_ == nullptr) {
      SL_ASSIGN_OR_RETURN(fence_, OrtDeviceTensor::make(*model_->device, {"fence", ElementType::kF32, {1}}));
      const float zero = 0;
      SL_RETURN_IF_ERROR(fence_->upload(std::as_bytes(std::span(&zero, 1))));
    }
    float answer = 0;
    return fence_->download(std::as_writable_bytes(std::span(&answer, 1)));
  }

  std::shared_ptr<OrtModel> model_;
  Ort::RunOptions run_options_;
  std::vector<Place> inputs_, outputs_;
  std::shared_ptr<OrtDeviceTensor> fence_;
  Ort::IoBinding binding_;  // goes before the tensors that it refers to
};

class OrtExecutable final : public Executable {
 public:
  explicit OrtExecutable(std::shared_ptr<OrtModel> model) : model_(std::move(model)) {}
  const std::vector<TensorSpec>& inputs() const override { return model_->ports.inputs; }
  const std::vector<TensorSpec>& outputs() const override { return model_->ports.outputs; }

  std::string_view device_memory() const override {
    return model_->device == nullptr ? std::string_view() : std::string_view(model_->device->name);
  }
  Result<std::shared_ptr<DeviceTensor>> new_tensor(const TensorSpec& spec) override {
    if (model_->device == nullptr) return Executable::new_tensor(spec);
    SL_ASSIGN_OR_RETURN(auto tensor, OrtDeviceTensor::make(*model_->device, spec));
    return std::shared_ptr<DeviceTensor>(std::move(tensor));
  }

  Result<std::unique_ptr<Session>> new_session() override {
    return guarded_ort(Code::kInternal, "new session", [&]() -> Result<std::unique_ptr<Session>> {
      return std::unique_ptr<Session>(std::make_unique<OrtSession>(model_));
    });
  }

 private:
  std::shared_ptr<OrtModel> model_;
};

Result<TensorSpec> spec_of(const std::string& where, const char* kind, std::string name, const Ort::TypeInfo& info) {
  if (info.GetONNXType() != ONNX_TYPE_TENSOR) {
    return error(Code::kFailedPrecondition, "{}: {} '{}' is no tensor; only tensors are supported", where, kind, name);
  }
  const auto tensor = info.GetTensorTypeAndShapeInfo();
  const auto type = from_onnx_number(tensor.GetElementType());
  if (!type) {
    return error(Code::kFailedPrecondition, "{}: {} '{}' has an element type that is not supported (ONNX type {})",
                 where, kind, name, static_cast<int>(tensor.GetElementType()));
  }
  TensorSpec spec{std::move(name), *type, tensor.GetShape()};
  if (std::any_of(spec.shape.begin(), spec.shape.end(), [](std::int64_t extent) { return extent < 0; })) {
    return error(Code::kFailedPrecondition, "{}: {} '{}' has the dynamic shape {}; a static one is needed", where, kind,
                 spec.name, to_string(spec.shape));
  }
  return spec;
}

}  // namespace

Result<OrtPorts> ports_of(const Ort::Session& session, const std::string& where) {
  OrtPorts ports;
  const std::vector<std::string> inputs = session.GetInputNames(), outputs = session.GetOutputNames();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    SL_ASSIGN_OR_RETURN(TensorSpec spec, spec_of(where, "input", inputs[i], session.GetInputTypeInfo(i)));
    ports.inputs.push_back(std::move(spec));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    SL_ASSIGN_OR_RETURN(TensorSpec spec, spec_of(where, "output", outputs[i], session.GetOutputTypeInfo(i)));
    ports.outputs.push_back(std::move(spec));
  }
  return ports;
}

std::unique_ptr<Executable> make_ort_executable(std::shared_ptr<OrtModel> model) {
  return std::make_unique<OrtExecutable>(std::move(model));
}

}  // namespace sparseloom::backend
