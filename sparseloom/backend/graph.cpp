#include "sparseloom/backend/graph.h"

namespace sparseloom::backend {

std::string_view precision_name(Precision precision) {
  switch (precision) {
    case Precision::kFp32: return "fp32";
    case Precision::kFp16: return "fp16";
    case Precision::kInt8: break;
  }
  return "int8";
}

double bytes_of(Precision precision) {
  switch (precision) {
    case Precision::kFp32: return 4;
    case Precision::kFp16: return 2;
    case Precision::kInt8: break;
  }
  return 1;
}

}  // namespace sparseloom::backend
