#include <algorithm>
#include <array>

#include "sparseloom/backend/hybrid/hybrid.h"
#include "sparseloom/backend/onnx/onnx_file.h"
#include "sparseloom/backend/onnxruntime/onnxruntime.h"
#include "sparseloom/backend/openvino/openvino_runtime.h"
#include "sparseloom/backend/runtime.h"
#include "sparseloom/backend/scripted/scripted_runtime.h"
#include "sparseloom/base/names.h"

namespace sparseloom::backend {
namespace {

// OpenVINO, and beside it what only compiles and runs.
class AllRuntimes final : public Runtime {
 public:
  static Result<std::unique_ptr<Runtime>> open() {
    auto all = std::make_unique<AllRuntimes>();
    auto onnxruntime = open_onnxruntime();
    if (onnxruntime.ok()) {
      all->absent_ = (*onnxruntime)->absent();
      all->others_.push_back(std::move(onnxruntime).value());
    } else if (onnxruntime.status().code() == Code::kUnavailable) {
      all->absent_.push_back({Provider::kOnnxRuntime, onnxruntime.status().message()});
    } else {
      return onnxruntime.status();
    }
    return std::unique_ptr<Runtime>(std::move(all));
  }

  std::string name() const override { return "auto"; }

  std::string version() const override {
    std::string text = openvino_->version();
    for (const auto& other : others_) text += ", " + other->version();
    return text;
  }

  std::vector<Device> devices() const override {
    std::vector<Device> all = openvino_->devices();
    for (const auto& other : others_) {
      for (Device& device : other->devices()) {
        const auto known = std::find_if(all.begin(), all.end(), [&](const Device& d) { return d.name == device.name; });
        if (known == all.end()) {
          all.push_back(std::move(device));
        } else {
          known->providers.insert(known->providers.end(), device.providers.begin(), device.providers.end());
        }
      }
    }
    return all;
  }

  Result<std::unique_ptr<Model>> read(const std::filesystem::path& path,
                                      const std::map<std::string, Shape>& shapes) const override {
    auto read = openvino_->read(path, shapes);
    // Not an ONNX model either, or one with operators that OpenVINO does not know.
    if (read.status().code() != Code::kDataLoss || path.extension() != ".onnx") return read;
    if (!OnnxFile::open(path).ok()) return read;
    std::string why = read.status().message();
    for (const auto& other : others_) {
      auto whole = other->read_whole(path, shapes, read.status().message());
      if (whole.ok() || whole.status().code() == Code::kInvalidArgument) return whole;
      if (whole.status().code() == Code::kUnavailable) continue;
      why += fmt::format("; {} would run it whole, but: {}", other->name(), whole.status().message());
    }
    for (const AbsentProvider& absent : absent_) {
      if (absent.provider == Provider::kOnnxRuntime)
        why += "; ONNX Runtime, which might run it whole, is not here: " + absent.reason;
    }
    return Status(Code::kFailedPrecondition, why);
  }

  Result<std::unique_ptr<Executable>> load(const std::filesystem::path& path,
                                           const CompileOptions& options) const override {
    if (options.provider == Provider::kHybrid) {
      SL_ASSIGN_OR_RETURN(const auto model, read(path, {}));
      return compile_placed(*model, options, path);
    }
    SL_ASSIGN_OR_RETURN(const Executor* executor, of(options.provider));
    return executor->load(path, options);
  }

  Result<std::unique_ptr<Executable>> compile(const Model& model, const CompileOptions& options) const override {
    if (options.provider == Provider::kHybrid) {
      return compile_placed(model, options, {});
    }
    SL_ASSIGN_OR_RETURN(const Executor* executor, of(options.provider));
    return executor->compile(model, options);
  }

  std::vector<AbsentProvider> absent() const override { return absent_; }

 private:
  Result<std::unique_ptr<Executable>> compile_placed(const Model& model, const CompileOptions& options,
                                                     const std::filesystem::path& file) const {
    if (options.hybrid) return compile_hybrid(*this, model, *options.hybrid, file);
    return error(Code::kInvalidArgument, "provider hybrid: no placement of the model's operators was given");
  }

  Result<const Executor*> of(Provider provider) const {
    const std::string_view runtime = info(provider).runtime;
    if (openvino_->name() == runtime) return openvino_.get();
    for (const auto& other : others_)
      if (other->name() == runtime) return other.get();
    for (const AbsentProvider& absent : absent_)
      if (absent.provider == provider) return Status(Code::kUnavailable, absent.reason);
    return error(Code::kUnavailable, "provider {}: not opened", provider_name(provider));
  }

  std::unique_ptr<Runtime> openvino_ = make_openvino_runtime();
  std::vector<std::unique_ptr<Executor>> others_;
  std::vector<AbsentProvider> absent_;
};

struct RuntimeRow {
  std::string_view name;
  Result<std::unique_ptr<Runtime>> (*make)();
};

constexpr std::array kRuntimes{
    RuntimeRow{"auto", AllRuntimes::open},
    RuntimeRow{"openvino", [] { return Result<std::unique_ptr<Runtime>>(make_openvino_runtime()); }},
    RuntimeRow{"scripted", [] { return Result<std::unique_ptr<Runtime>>(make_scripted_runtime()); }},
};

}  // namespace

Result<std::string> device_for(const Executor& executor, Provider provider, std::string_view preferred) {
  std::string found;
  for (const Device& device : executor.devices()) {
    if (std::find(device.providers.begin(), device.providers.end(), provider) == device.providers.end()) continue;
    if (device.name == preferred || found.empty()) found = device.name;
  }
  if (!found.empty()) return found;
  for (const AbsentProvider& absent : executor.absent())
    if (absent.provider == provider) return Status(Code::kUnavailable, absent.reason);
  const auto precision = info(provider).computes_in;
  return error(Code::kUnavailable, "provider {}: no device here offers it{}", provider_name(provider),
               precision ? fmt::format(" (none computes in {})", to_string(*precision)) : "");
}

Result<std::unique_ptr<Runtime>> make_runtime(const std::string& name) {
  std::vector<std::string_view> known;
  for (const RuntimeRow& row : kRuntimes) {
    if (row.name == name) return row.make();
    known.push_back(row.name);
  }
  return unknown_name("runtime", name, known);
}

}  // namespace sparseloom::backend
