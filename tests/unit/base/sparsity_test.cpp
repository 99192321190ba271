#include "sparseloom/base/sparsity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace sparseloom {
namespace {

template <typename T>
double sparsity_of(ElementType type, const std::vector<T>& values) {
  return sparsity(type, std::as_bytes(std::span(values)));
}

TEST(Sparsity, IsTheShareOfZeros) {
  EXPECT_EQ(sparsity_of<float>(ElementType::kF32, {0, 1, -0.0F, 1e-40F, NAN, 0, 2, 3}), 3.0 / 8);
  EXPECT_EQ(sparsity_of<float>(ElementType::kF32, {}), 0.0) << "no elements";
  EXPECT_EQ(sparsity_of<float>(ElementType::kF32, {0}), 1.0);
}

TEST(Sparsity, OfEveryElementType) {
  EXPECT_EQ(sparsity_of<double>(ElementType::kF64, {0.0, -0.0, 1.0, -1.0}), 0.5);
  for (const ElementType half : {ElementType::kF16, ElementType::kBF16}) {
    EXPECT_EQ(sparsity_of<std::uint16_t>(half, {0x0000, 0x8000, 0x3C00, 0x0001}), 0.5) << to_string(half);
  }
  for (const ElementType byte : {ElementType::kI8, ElementType::kU8, ElementType::kBool}) {
    EXPECT_EQ(sparsity_of<std::uint8_t>(byte, {0, 1, 0, 128}), 0.5) << to_string(byte) << ": 128 is no second zero";
  }
  for (const ElementType type : {ElementType::kI16, ElementType::kU16}) {
    EXPECT_EQ(sparsity_of<std::uint16_t>(type, {0, 0x8000, 1, 2}), 0.25) << to_string(type);
  }
  for (const ElementType type : {ElementType::kI32, ElementType::kU32}) {
    EXPECT_EQ(sparsity_of<std::uint32_t>(type, {0, 0x80000000, 1, 2}), 0.25) << to_string(type);
  }
  for (const ElementType type : {ElementType::kI64, ElementType::kU64}) {
    EXPECT_EQ(sparsity_of<std::uint64_t>(type, {0, std::uint64_t{1} << 63, 1, 2}), 0.25) << to_string(type);
  }
}

TEST(Sparsity, IsExactUpToTheSample) {
  for (const std::size_t elements : {std::size_t{31}, std::size_t{32}, std::size_t{100}, kSparsitySample}) {
    std::vector<float> values(elements, 1);
    for (std::size_t i = 0; i < elements; i += 3) values[i] = 0;
    const auto zeros = static_cast<double>((elements + 2) / 3);
    EXPECT_DOUBLE_EQ(sparsity_of(ElementType::kF32, values), zeros / static_cast<double>(elements)) << elements;
  }
}

TEST(Sparsity, OfLargeTensorsLiesWithinItsErrorOfTheExactOne) {
  constexpr double kError = 0.05;
  std::mt19937 random(1);
  for (const std::size_t elements : {kSparsitySample + 1, std::size_t{64 * 56 * 56}, std::size_t{1 << 20}}) {
    for (const std::size_t percent : {0, 10, 50, 90, 100}) {
      SCOPED_TRACE(::testing::Message() << elements << " elements, " << percent << " %");
      const double share = static_cast<double>(percent) / 100;
      std::vector<float> anywhere(elements), first(elements), by_plane(elements), by_row(elements);
      for (std::size_t i = 0; i < elements; ++i) {
        anywhere[i] = random() % 100 < percent ? 0.0F : 1.0F;
        first[i] = static_cast<double>(i) < share * static_cast<double>(elements) ? 0.0F : 1.0F;
        by_plane[i] = i / 3136 * 37 % 100 < percent ? 0.0F : 1.0F;  // whole channels of 56 x 56
        by_row[i] = i % 56 * 100 < percent * 56 ? 0.0F : 1.0F;      // the left of every row
      }
      for (const auto& values : {anywhere, first, by_plane, by_row}) {
        double zeros = 0;
        for (const float v : values) zeros += v == 0 ? 1 : 0;
        EXPECT_NEAR(sparsity_of(ElementType::kF32, values), zeros / static_cast<double>(elements), kError);
      }
    }
  }
}

TEST(Sparsity, OfLargeTensorsOfEveryWidth) {
  const std::size_t elements = 100'000;
  for (const ElementType type : {ElementType::kU8, ElementType::kF16, ElementType::kF32, ElementType::kF64}) {
    HostBuffer data(elements * element_bytes(type));
    EXPECT_EQ(sparsity(type, data.span()), 1.0) << to_string(type);
    std::memset(data.data(), 1, data.size());
    EXPECT_EQ(sparsity(type, data.span()), 0.0) << to_string(type);
  }
}

TEST(Sparsity, OfSeveralTensorsWeighsThemByTheirElements) {
  const std::vector<TensorSpec> tensors{{"a", ElementType::kF32, {1, 3}}, {"b", ElementType::kU8, {1, 9}}};
  std::vector<HostBuffer> buffers;
  for (const TensorSpec& tensor : tensors) buffers.emplace_back(tensor.bytes());
  std::memset(buffers[1].data(), 1, buffers[1].size());
  EXPECT_DOUBLE_EQ(sparsity(tensors, buffers), 3.0 / 12);
  EXPECT_EQ(sparsity({}, {}), 0.0);
}

}  // namespace
}  // namespace sparseloom
