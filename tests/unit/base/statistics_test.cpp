#include "sparseloom/base/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sparseloom/base/units.h"

namespace sparseloom {
namespace {

TEST(Statistics, QuartilesInterpolateBetweenNeighbours) {
  const Quartiles<double> q = quartiles<double>({4, 1, 3, 2});
  EXPECT_DOUBLE_EQ(q.q1, 1.75);
  EXPECT_DOUBLE_EQ(q.median, 2.5);
  EXPECT_DOUBLE_EQ(q.q3, 3.25);
}

TEST(Statistics, QuartilesOfOneValueOrNone) {
  EXPECT_EQ(quartiles<Seconds>({Seconds(7)}).q3, Seconds(7));
  EXPECT_EQ(quartiles<Seconds>({}).median, Seconds(0));
}

TEST(Statistics, HowOneValueScattersIsNotKnown) {
  EXPECT_EQ(mean95({7}).mean, 7);
  EXPECT_TRUE(std::isnan(mean95({7}).half_width));
  EXPECT_EQ(mean95({7, 7}).half_width, 0);
  EXPECT_NEAR(mean95({6, 8}).half_width, 12.706, 1e-3);
}

// Agresti and Coull 1998: 95 % of 0 of 10 reaches 0.278.
TEST(Statistics, WilsonIntervalHoldsTheShareAndStaysWithinOne) {
  EXPECT_NEAR(wilson95(0.0, 10).second, 0.2775, 1e-4);
  EXPECT_EQ(wilson95(0.0, 10).first, 0.0);
  EXPECT_EQ(wilson95(1.0, 10).second, 1.0);
  const auto [low, high] = wilson95(0.8, 100);
  EXPECT_NEAR(low, 0.7112, 1e-4);
  EXPECT_NEAR(high, 0.8666, 1e-4);
}

}  // namespace
}  // namespace sparseloom
