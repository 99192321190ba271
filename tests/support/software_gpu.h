#pragma once

#include <filesystem>
#include <string>

#include "tests/support/scoped_env.h"

namespace sparseloom::testing {

/// A device beside the CPU where there is no GPU: ONNX Runtime's WebGPU plugin on a Vulkan driver that computes on the
/// CPU, which tools/software_gpu.sh installs. While this lives, runtimes that are opened find it.
class SoftwareGpu {
 public:
  static std::filesystem::path folder() {
    return std::filesystem::path(SPARSELOOM_SOURCE_DIR) / ".venv" / "software_gpu";
  }
  static std::string plugin() { return folder() / "libonnxruntime_providers_webgpu.so"; }

 private:
  ScopedEnv plugin_{"SPARSELOOM_ONNXRUNTIME_WEBGPU", plugin()};
  ScopedEnv driver_{"VK_ICD_FILENAMES", folder() / "vk_swiftshader_icd.json"};
  ScopedEnv allowed_{"ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER", "1"};
};

}  // namespace sparseloom::testing
