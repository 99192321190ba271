#pragma once

#include <memory>

#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {

/// ONNX Runtime's library, opened now: that which the environment variable SPARSELOOM_ONNXRUNTIME names (a file), else
/// the one that the build knew, else whatever the system's loader finds. It compiles and runs ONNX models; it edits
/// none. kUnavailable: there is none, or this program was built without its headers. kFailedPrecondition: the variable
/// names one that cannot be opened; it is older than the headers (both versions are named), or no ONNX Runtime.
Result<std::unique_ptr<Executor>> open_onnxruntime();

}  // namespace sparseloom::backend
