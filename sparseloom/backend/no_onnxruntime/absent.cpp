// Stands for the folder onnxruntime/ in a build without ONNX Runtime's headers.
#include "sparseloom/backend/onnxruntime/onnxruntime.h"

namespace sparseloom::backend {

Result<std::unique_ptr<Executor>> open_onnxruntime() {
  return Status(Code::kUnavailable, "ONNX Runtime: this program was built without its headers");
}

}  // namespace sparseloom::backend
