#include <fmt/ranges.h>
#include <onnxruntime_session_options_config_keys.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "sparseloom/backend/onnxruntime/onnxruntime.h"
#include "sparseloom/backend/onnxruntime/ort_session.h"
#include "sparseloom/backend/onnxruntime/ort_whole.h"

namespace sparseloom::backend {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLibraryVariable = "SPARSELOOM_ONNXRUNTIME";

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
  std::vector<Device> devices() const override {
    std::vector<Device> all{{"CPU", "", providers_of(name(), "CPU")}};
    for (const auto& device : devices_.found)
      all.push_back({device->name, device->description, providers_of(name(), device->name)});
    return all;
  }
  std::vector<AbsentProvider> absent() const override { return devices_.absent; }

  Result<std::unique_ptr<Executable>> load(const fs::path& path, const CompileOptions& options) const override {
    return load(path, options, nullptr);
  }

  Result<std::unique_ptr<Executable>> compile(const Model& model, const CompileOptions& options) const override {
    if (const auto* const whole = dynamic_cast<const OrtWhole*>(&model)) {
      const OrtPorts ports = whole->ports();
      return load(whole->path(), options, &ports);
    }
    return error(Code::kInvalidArgument, "compile: ONNX Runtime compiles ONNX files; save the model and load() it");
  }

  Result<std::unique_ptr<Model>> read_whole(const fs::path& path, const std::map<std::string, Shape>& shapes,
                                            const std::string& why) const override {
    SL_RETURN_IF_ERROR(check_onnx_file(path));
    return OrtWhole::read(path, shapes, why);
  }

  Status open_devices() {
    SL_ASSIGN_OR_RETURN(devices_, open_ort_devices());
    return {};
  }

 private:
  // `ports`: shapes that the file leaves open; null: it leaves none.
  Result<std::unique_ptr<Executable>> load(const fs::path& path, const CompileOptions& options,
                                           const OrtPorts* ports) const {
    SL_RETURN_IF_ERROR(check_onnx_file(path));
    SL_ASSIGN_OR_RETURN(const OrtDevice* device, find_device(path, options.device));
    if (const ProviderInfo& asked = info(options.provider); asked.runtime == name() && asked.device != options.device) {
      return error(Code::kUnavailable, "{}: provider {} is for the device {}, not for {}", path.string(), asked.name,
                   asked.device, options.device);
    }
    const std::string doing = path.string() + ": compile with ONNX Runtime";
    return guarded_ort(Code::kDataLoss, doing, [&]() -> Result<std::unique_ptr<Executable>> {
      Ort::SessionOptions settings;
      settings.SetIntraOpNumThreads(std::max(options.threads, 1));  // the calling thread is one of them
      // Threads that wait for work must not keep a core from whatever runs there meanwhile.
      settings.AddConfigEntry(kOrtSessionOptionsConfigAllowIntraOpSpinning, "0");
      settings.SetInterOpNumThreads(1);
      settings.SetExecutionMode(ORT_SEQUENTIAL);
      settings.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
      if (device != nullptr) {
        use_device(*device, settings);
      } else {
        use_cpu(options, settings);
      }
      auto model = std::make_shared<OrtModel>();
      model->device = device;
      model->session = Ort::Session(ort_env(), path.c_str(), settings);
      if (ports != nullptr) {
        model->ports = *ports;
      } else {
        SL_ASSIGN_OR_RETURN(model->ports, ports_of(model->session, path.string()));
      }
      return make_ort_executable(std::move(model));
    });
  }

  // Null for the CPU.
  Result<const OrtDevice*> find_device(const fs::path& path, const std::string& name) const {
    if (name == "CPU") return static_cast<const OrtDevice*>(nullptr);
    std::string known = "CPU";
    for (const auto& device : devices_.found) {
      if (device->name == name) return static_cast<const OrtDevice*>(device.get());
      known += ", " + device->name;
    }
    return error(Code::kUnavailable, "{}: ONNX Runtime: no device '{}'; allowed: {}", path.string(), name, known);
  }

  static void use_cpu(const CompileOptions& options, Ort::SessionOptions& settings) {
    if (options.threads > 1 && !options.cores.empty()) {
      settings.AddConfigEntry(kOrtSessionOptionsConfigIntraOpThreadAffinities, affinities(options).c_str());
    }
    // What a softmax gives masked positions is often denormal, and then takes many times as long.
    settings.AddConfigEntry(kOrtSessionOptionsConfigSetDenormalAsZero, "1");
  }

  // All of the model runs there, or it is not what was asked for.
  static void use_device(const OrtDevice& device, Ort::SessionOptions& settings) {
    settings.AddConfigEntry(kOrtSessionOptionsDisableCPUEPFallback, "1");
    settings.AppendExecutionProvider_V2(ort_env(), {device.device}, std::unordered_map<std::string, std::string>{});
  }

  OrtLibrary library_;
  OrtDevices devices_;
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
    auto executor = std::make_unique<OrtExecutor>(std::move(library).value());
    SL_RETURN_IF_ERROR(executor->open_devices());
    return std::unique_ptr<Executor>(std::move(executor));
  });
}

}  // namespace sparseloom::backend
