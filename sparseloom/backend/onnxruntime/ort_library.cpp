#include "sparseloom/backend/onnxruntime/ort_library.h"

#include <dlfcn.h>

#include <charconv>
#include <mutex>
#include <optional>
#include <string_view>

namespace sparseloom::backend {
namespace {

// Of "1.32.0" the 32, which is also the newest API that the library has.
std::optional<unsigned> minor_of(std::string_view version) {
  if (!version.starts_with("1.")) return std::nullopt;
  version.remove_prefix(2);
  unsigned minor = 0;
  const auto [end, failure] = std::from_chars(version.data(), version.data() + version.size(), minor);
  return failure == std::errc() ? std::optional(minor) : std::nullopt;
}

}  // namespace

Ort::Env& ort_env() {
  static Ort::Env& env = *new Ort::Env(ORT_LOGGING_LEVEL_ERROR, "sparseloom");
  return env;
}

Result<OrtLibrary> open_ort_library(const std::string& file) {
  static std::mutex opening;  // the Ort namespace has one table of functions
  const std::lock_guard lock(opening);
  void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return error(Code::kUnavailable, "ONNX Runtime: cannot open {}: {}", file, ::dlerror());
  const auto base_of = reinterpret_cast<const OrtApiBase* (*)()>(::dlsym(library, "OrtGetApiBase"));
  if (base_of == nullptr) {
    return error(Code::kFailedPrecondition, "ONNX Runtime: {}: a library, but not ONNX Runtime (no OrtGetApiBase)",
                 file);
  }
  const OrtApiBase& base = *base_of();
  const std::string version = base.GetVersionString();
  const auto minor = minor_of(version);
  // Asked first: GetApi() would write to standard error.
  const OrtApi* const api = minor && *minor >= ORT_API_VERSION ? base.GetApi(ORT_API_VERSION) : nullptr;
  if (api == nullptr) {
    return error(Code::kFailedPrecondition, "ONNX Runtime: {} is version {}; this program was built for 1.{} or later",
                 file, version, ORT_API_VERSION);
  }
  Ort::InitApi(api);
  return OrtLibrary{version};
}

}  // namespace sparseloom::backend
