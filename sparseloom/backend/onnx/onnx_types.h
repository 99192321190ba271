// Private to backend: element types as ONNX numbers them, which ONNX Runtime does too.
#pragma once

#include <optional>

#include "sparseloom/base/tensor.h"

namespace sparseloom::backend {

/// TensorProto.DataType of a type of ours.
int onnx_number(ElementType type);
/// nullopt for those that have no counterpart (strings, complex and 4-bit numbers).
std::optional<ElementType> from_onnx_number(int number);

}  // namespace sparseloom::backend
