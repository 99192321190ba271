#include "sparseloom/backend/onnx/onnx_types.h"

#include <iterator>
#include <utility>

namespace sparseloom::backend {
namespace {

constexpr std::pair<ElementType, int> kNumbers[] = {
    {ElementType::kF32, 1},   {ElementType::kU8, 2},   {ElementType::kI8, 3},   {ElementType::kU16, 4},
    {ElementType::kI16, 5},   {ElementType::kI32, 6},  {ElementType::kI64, 7},  {ElementType::kBool, 9},
    {ElementType::kF16, 10},  {ElementType::kF64, 11}, {ElementType::kU32, 12}, {ElementType::kU64, 13},
    {ElementType::kBF16, 16},
};

}  // namespace

int onnx_number(ElementType type) {
  for (const auto& [ours, theirs] : kNumbers)
    if (ours == type) return theirs;
  return 0;
}

std::optional<ElementType> from_onnx_number(int number) {
  for (const auto& [ours, theirs] : kNumbers)
    if (theirs == number) return ours;
  return std::nullopt;
}

}  // namespace sparseloom::backend
