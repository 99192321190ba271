#include <fmt/ranges.h>
#include <onnxruntime_session_options_config_keys.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "sparseloom/backend/binding.h"
#include "sparseloom/backend/onnx/onnx_types.h"
#include "sparseloom/backend/onnxruntime/onnxruntime.h"
#include "sparseloom/backend/onnxruntime/ort_library.h"

namespace sparseloom::backend {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLibraryVariable = "SPARSELOOM_ONNXRUNTIME";

struct OrtPorts {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

// What all sessions of one model share. ONNX Runtime runs one session object from many threads at once.
struct OrtModel {
  Ort::Session session{nullptr};
  OrtPorts ports;
};

class OrtSession final : public Session {
 public:
  explicit OrtSession(std::shared_ptr<OrtModel> model)
      : model_(std::move(model)),
        binding_(model_->session),
        inputs_(model_->ports.inputs.size(), nullptr),
        outputs_(model_->ports.outputs.size(), nullptr) {}

  Status bind_input(std::size_t index, std::span<const std::byte> data) override {
    SL_RETURN_IF_ERROR(check_binding("input", model_->ports.inputs, index, data.data(), data.size()));
    if (inputs_[index] == data.data()) return {};
    const TensorSpec& spec = model_->ports.inputs[index];
    auto* memory = const_cast<std::byte*>(data.data());  // an input is only read, but its type does not say so
    return guarded_ort(Code::kInternal, "bind input '" + spec.name + "'", [&]() -> Status {
      binding_.BindInput(spec.name.c_str(), wrap(spec, memory));
      inputs_[index] = data.data();
      return {};
    });
  }

  Status bind_output(std::size_t index, std::span<std::byte> data) override {
    SL_RETURN_IF_ERROR(check_binding("output", model_->ports.outputs, index, data.data(), data.size()));
    if (outputs_[index] == data.data()) return {};
    const TensorSpec& spec = model_->ports.outputs[index];
    return guarded_ort(Code::kInternal, "bind output '" + spec.name + "'", [&]() -> Status {
      binding_.BindOutput(spec.name.c_str(), wrap(spec, data.data()));
      outputs_[index] = data.data();
      return {};
    });
  }

  Status run() override {
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (inputs_[i] == nullptr) return never_bound("input", model_->ports.inputs[i]);
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      if (outputs_[i] == nullptr) return never_bound("output", model_->ports.outputs[i]);
    return guarded_ort(Code::kInternal, "run", [&]() -> Status {
      model_->session.Run(run_options_, binding_);
      return {};
    });
  }

 private:
  Ort::Value wrap(const TensorSpec& spec, std::byte* data) {
    return Ort::Value::CreateTensor(memory_, data, spec.bytes(), spec.shape.data(), spec.shape.size(),
                                    static_cast<ONNXTensorElementDataType>(onnx_number(spec.type)));
  }

  std::shared_ptr<OrtModel> model_;
  Ort::MemoryInfo memory_ = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  Ort::RunOptions run_options_;
  Ort::IoBinding binding_;
  std::vector<const std::byte*> inputs_;
  std::vector<std::byte*> outputs_;
};

class OrtExecutable final : public Executable {
 public:
  explicit OrtExecutable(std::shared_ptr<OrtModel> model) : model_(std::move(model)) {}
  const std::vector<TensorSpec>& inputs() const override { return model_->ports.inputs; }
  const std::vector<TensorSpec>& outputs() const override { return model_->ports.outputs; }

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

// For each thread beside the calling one, which has its own: all of the cores, counted from 1.
std::string affinities(const CompileOptions& options) {
  std::vector<CpuIndex> cores = options.cores;
  for (CpuIndex& core : cores) ++core;
  const std::vector<std::string> all(static_cast<std::size_t>(options.threads - 1),
                                     fmt::format("{}", fmt::join(cores, ",")));
  return fmt::format("{}", fmt::join(all, ";"));
}

Status check_onnx_file(const fs::path& path) {
  std::error_code failure;
  if (!fs::exists(path, failure)) return error(Code::kNotFound, "{}: no such file", path.string());
  if (path.extension() == ".onnx") return {};
  return error(Code::kInvalidArgument, "{}: ONNX Runtime reads ONNX models only (.onnx)", path.string());
}

class OrtExecutor final : public Executor {
 public:
  explicit OrtExecutor(OrtLibrary library) : library_(std::move(library)) {}

  std::string name() const override { return "onnxruntime"; }
  std::string version() const override { return "onnxruntime " + library_.version; }
  std::vector<Device> devices() const override { return {{"CPU", "", providers_of(name(), "CPU")}}; }

  Result<std::unique_ptr<Executable>> load(const fs::path& path, const CompileOptions& options) const override {
    SL_RETURN_IF_ERROR(check_onnx_file(path));
    if (options.device != "CPU") {
      return error(Code::kUnavailable, "{}: ONNX Runtime: no device '{}'; allowed: CPU", path.string(), options.device);
    }
    const std::string doing = path.string() + ": compile with ONNX Runtime";
    return guarded_ort(Code::kDataLoss, doing, [&]() -> Result<std::unique_ptr<Executable>> {
      Ort::SessionOptions settings;
      settings.SetIntraOpNumThreads(std::max(options.threads, 1));  // the calling thread is one of them
      if (options.threads > 1 && !options.cores.empty()) {
        settings.AddConfigEntry(kOrtSessionOptionsConfigIntraOpThreadAffinities, affinities(options).c_str());
      }
      // Threads that wait for work must not keep a core from whatever runs there meanwhile.
      settings.AddConfigEntry(kOrtSessionOptionsConfigAllowIntraOpSpinning, "0");
      settings.SetInterOpNumThreads(1);
      settings.SetExecutionMode(ORT_SEQUENTIAL);
      settings.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
      // What a softmax gives masked positions is often denormal, and then takes many times as long.
      settings.AddConfigEntry(kOrtSessionOptionsConfigSetDenormalAsZero, "1");
      auto model = std::make_shared<OrtModel>();
      model->session = Ort::Session(env_, path.c_str(), settings);
      SL_ASSIGN_OR_RETURN(model->ports, ports_of(model->session, path.string()));
      return std::unique_ptr<Executable>(std::make_unique<OrtExecutable>(std::move(model)));
    });
  }

  Result<std::unique_ptr<Executable>> compile(const Model&, const CompileOptions&) const override {
    return error(Code::kInvalidArgument, "compile: ONNX Runtime compiles ONNX files; save the model and load() it");
  }

 private:
  OrtLibrary library_;
  Ort::Env env_{ORT_LOGGING_LEVEL_ERROR, "sparseloom"};
};

}  // namespace

Result<std::unique_ptr<Executor>> open_onnxruntime() {
  const char* const named = std::getenv(kLibraryVariable);
  auto library = open_ort_library(named != nullptr ? named : SPARSELOOM_ONNXRUNTIME_LIBRARY);
  if (!library.ok() && named == nullptr && library.status().code() == Code::kUnavailable) {
    library = open_ort_library("libonnxruntime.so.1");
  }
  if (!library.ok() && named != nullptr)
    return error(Code::kFailedPrecondition, "{}: {}", kLibraryVariable, library.status().message());
  if (!library.ok()) return library.status();
  return guarded_ort(Code::kUnavailable, "ONNX Runtime", [&]() -> Result<std::unique_ptr<Executor>> {
    return std::unique_ptr<Executor>(std::make_unique<OrtExecutor>(std::move(library).value()));
  });
}

}  // namespace sparseloom::backend
