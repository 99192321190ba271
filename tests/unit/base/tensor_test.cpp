#include "sparseloom/base/tensor.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace sparseloom {
namespace {

TEST(ElementType, NamesReadBack) {
  for (const ElementType type : {ElementType::kF32, ElementType::kU8, ElementType::kBool, ElementType::kBF16}) {
    EXPECT_EQ(element_type_from(to_string(type)), type);
  }
  EXPECT_EQ(element_type_from("float"), std::nullopt);
}

TEST(TensorSpec, KnowsItsBytesAndDescribesItself) {
  const TensorSpec spec{"logits", ElementType::kF32, {1, 10}};
  EXPECT_EQ(spec.bytes(), 40U);
  EXPECT_EQ(spec.describe(), "logits f32[1,10]");
}

TEST(ElementCount, AScalarHasOneElementAndAnEmptyTensorNone) {
  EXPECT_EQ(element_count({}).value(), 1U);
  EXPECT_EQ(element_count({4, 0, 2}).value(), 0U);
}

TEST(ElementCount, RefusesWhatCannotBeATensor) {
  EXPECT_EQ(element_count({2, -1}).status().message(), "shape [2,-1]: extent -1 is negative");
  EXPECT_EQ(element_count({INT64_MAX, INT64_MAX}).status().code(), Code::kInvalidArgument);
}

TEST(HostBuffer, IsAlignedAndZero) {
  HostBuffer buffer(100);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0U);
  for (const std::byte b : buffer.span()) EXPECT_EQ(b, std::byte{0});
}

}  // namespace
}  // namespace sparseloom
