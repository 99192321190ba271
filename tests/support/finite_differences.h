// Gradients that were derived by hand against differences of the loss.
#pragma once

#include <gtest/gtest.h>

#include <Eigen/Core>
#include <functional>
#include <random>

#include "sparseloom/base/uniform.h"

namespace sparseloom::testing {

/// Evenly from -1..1.
inline Eigen::MatrixXd random_matrix(Eigen::Index rows, Eigen::Index columns, unsigned seed) {
  std::mt19937_64 random(seed);
  return Eigen::MatrixXd::NullaryExpr(rows, columns, [&] { return 2 * uniform(random) - 1; });
}

/// `loss` reads the numbers at `values`; each of them is moved a little and put back.
inline void expect_gradient(double* values, const Eigen::VectorXd& gradient, const std::function<double()>& loss) {
  constexpr double kStep = 1e-6, kRelative = 1e-5, kAbsolute = 1e-8;
  EXPECT_GT(gradient.cwiseAbs().maxCoeff(), 1e-3) << "nothing to compare";
  for (Eigen::Index i = 0; i < gradient.size(); ++i) {
    const double kept = values[i];
    values[i] = kept + kStep;
    const double above = loss();
    values[i] = kept - kStep;
    const double below = loss();
    values[i] = kept;
    const double difference = (above - below) / (2 * kStep);
    EXPECT_NEAR(gradient[i], difference, kRelative * std::abs(difference) + kAbsolute) << "number " << i;
  }
}

}  // namespace sparseloom::testing
