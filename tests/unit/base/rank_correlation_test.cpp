#include "sparseloom/base/rank_correlation.h"

#include <gtest/gtest.h>

namespace sparseloom {
namespace {

TEST(Spearman, IsOfRanksAndSharesTies) {
  EXPECT_NEAR(spearman({1, 2, 3}, {10, 100, 1000}), 1, 1e-12);
  EXPECT_NEAR(spearman({1, 2, 3}, {3, 2, 1}), -1, 1e-12);
  EXPECT_NEAR(spearman({1, 1, 2}, {1, 2, 2}), 0.5, 1e-12);
}

TEST(Spearman, OfNothingOrOfOneValueIsNone) {
  EXPECT_EQ(spearman({}, {}), 0);
  EXPECT_EQ(spearman({1, 1, 1}, {1, 2, 3}), 0);
}

}  // namespace
}  // namespace sparseloom
