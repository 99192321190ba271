// Private to profile: solving with a small positive definite matrix.
#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace sparseloom::profile {

/// The lower factor of a symmetric positive definite matrix, row-major n x n.
class Cholesky {
 public:
  /// None if `matrix` is not positive definite. O(n³).
  static std::optional<Cholesky> of(std::vector<double> matrix, std::size_t n) {
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k < j; ++k) {
        const double factor = matrix[j * n + k];
        for (std::size_t i = j; i < n; ++i) matrix[i * n + j] -= matrix[i * n + k] * factor;
      }
      const double pivot = matrix[j * n + j];
      if (!(pivot > 0)) return std::nullopt;
      for (std::size_t i = j; i < n; ++i) matrix[i * n + j] /= std::sqrt(pivot);
    }
    return Cholesky(std::move(matrix), n);
  }

  std::size_t size() const { return n_; }
  /// x with L x = b, in place.
  void forward(std::span<double> b) const {
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t k = 0; k < i; ++k) b[i] -= lower_[i * n_ + k] * b[k];
      b[i] /= lower_[i * n_ + i];
    }
  }
  /// x with L Lᵀ x = b, in place.
  void solve(std::span<double> b) const {
    forward(b);
    for (std::size_t i = n_; i-- > 0;) {
      for (std::size_t k = i + 1; k < n_; ++k) b[i] -= lower_[k * n_ + i] * b[k];
      b[i] /= lower_[i * n_ + i];
    }
  }
  double log_determinant() const {
    double sum = 0;
    for (std::size_t i = 0; i < n_; ++i) sum += 2 * std::log(lower_[i * n_ + i]);
    return sum;
  }

 private:
  Cholesky(std::vector<double> lower, std::size_t n) : lower_(std::move(lower)), n_(n) {}
  std::vector<double> lower_;  // above the diagonal: leftovers
  std::size_t n_;
};

}  // namespace sparseloom::profile
