// Measured zeros become the activation sparsity of a cost table, and change no time.
#include "sparseloom/profile/measure/group_zeros.h"

#include <gtest/gtest.h>

#include "tests/support/random_cost_table.h"

namespace sparseloom::profile {
namespace {

TEST(GroupZeros, BecomeActivationSparsityAndNothingElse) {
  std::mt19937_64 random(1);
  const place::CostTable before = sparseloom::testing::random_table({.groups = 2}, random);
  place::CostTable table = before;
  set_activation_sparsity(table, {.reads = {}, .groups = {ActivationZeros{.elements = 0.25, .panels = 0.1}, {}}});
  EXPECT_DOUBLE_EQ(table.groups[0].activation_sparsity, 0.25);
  EXPECT_DOUBLE_EQ(table.groups[1].activation_sparsity, 0);  // reads nothing
  EXPECT_EQ(table.groups[0].seconds, before.groups[0].seconds);
}

}  // namespace
}  // namespace sparseloom::profile
