// Private to this folder: a compiled model, and its sessions.
#pragma once

#include <memory>
#include <vector>

#include "sparseloom/backend/onnxruntime/ort_device.h"

namespace sparseloom::backend {

struct OrtPorts {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

/// What all sessions of one model share. ONNX Runtime runs one session object from many threads at once.
struct OrtModel {
  Ort::Session session{nullptr};
  OrtPorts ports;
  const OrtDevice* device = nullptr;  ///< null: the CPU
};

/// Reads the model's tensors. kFailedPrecondition: one is not supported, or its shape dynamic.
Result<OrtPorts> ports_of(const Ort::Session& session, const std::string& where);

std::unique_ptr<Executable> make_ort_executable(std::shared_ptr<OrtModel> model);

}  // namespace sparseloom::backend
