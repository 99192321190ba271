#include "sparseloom/base/tensor.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

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

template <typename T>
std::optional<std::size_t> not_finite(ElementType type, const std::vector<T>& numbers) {
  return first_not_finite(type, std::as_bytes(std::span(numbers)));
}

TEST(FirstNotFinite, FindsNanAndInfinityInEveryFloatingPointType) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(not_finite<float>(ElementType::kF32, {1, -2, std::numeric_limits<float>::quiet_NaN()}), 2U);
  EXPECT_EQ(not_finite<float>(ElementType::kF32, {-infinity, 1}), 0U);
  EXPECT_EQ(not_finite<double>(ElementType::kF64, {1, std::numeric_limits<double>::quiet_NaN()}), 1U);
  EXPECT_EQ(not_finite<std::uint16_t>(ElementType::kF16, {0x3c00, 0xfc00}), 1U) << "1 and -infinity";
  EXPECT_EQ(not_finite<std::uint16_t>(ElementType::kBF16, {0x3f80, 0x7fc0}), 1U) << "1 and NaN";
}

TEST(FirstNotFinite, FindsNothingInFiniteNumbersAndIntegers) {
  EXPECT_EQ(not_finite<float>(ElementType::kF32, {0, std::numeric_limits<float>::max()}), std::nullopt);
  EXPECT_EQ(not_finite<std::int32_t>(ElementType::kI32, {-1, 0x7f800000}), std::nullopt);
}

TEST(HostBuffer, IsAlignedAndZero) {
  HostBuffer buffer(100);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0U);
  for (const std::byte b : buffer.span()) EXPECT_EQ(b, std::byte{0});
}

}  // namespace
}  // namespace sparseloom
