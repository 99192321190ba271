// How much of a tensor is zero: by element, and by panels of neighbouring positions.
#include "sparseloom/profile/measure/activations.h"

#include <gtest/gtest.h>

#include <vector>

namespace sparseloom::profile {
namespace {

ActivationZeros of(const Shape& shape, const std::vector<float>& values) {
  return zeros_of({"x", ElementType::kF32, shape}, std::as_bytes(std::span(values)));
}

TEST(ActivationZeros, OfAnImageArePanelsOfAChannel) {
  std::vector<float> image(2 * 32, 1.0F);     // two channels of 4 x 8
  std::fill_n(image.begin() + 32, 16, 0.0F);  // the first half of the second channel
  image[3] = -0.0F;
  const ActivationZeros zeros = of({1, 2, 4, 8}, image);
  EXPECT_DOUBLE_EQ(zeros.elements, 17.0 / 64);
  EXPECT_DOUBLE_EQ(zeros.panels, 1.0 / 4);
}

TEST(ActivationZeros, OfASequenceArePanelsOfAFeature) {
  std::vector<float> sequence(20 * 3, 1.0F);                      // 20 positions of 3 features
  for (std::size_t t = 0; t < 16; ++t) sequence[t * 3 + 1] = 0;   // the first panel of the second feature
  for (std::size_t t = 16; t < 20; ++t) sequence[t * 3 + 2] = 0;  // the last, shorter one of the third
  const ActivationZeros zeros = of({1, 20, 3}, sequence);
  EXPECT_DOUBLE_EQ(zeros.elements, 20.0 / 60);
  EXPECT_DOUBLE_EQ(zeros.panels, 2.0 / 6);
}

TEST(ActivationZeros, OfScalarsAndIntegers) {
  EXPECT_DOUBLE_EQ(of({}, {0.0F}).panels, 1);
  const std::vector<std::int64_t> ids{0, 7, 0, 3};
  EXPECT_DOUBLE_EQ(zeros_of({"ids", ElementType::kI64, {1, 4}}, std::as_bytes(std::span(ids))).elements, 0.5);
}

}  // namespace
}  // namespace sparseloom::profile
