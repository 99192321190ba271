#pragma once

#include <cstddef>
#include <vector>

namespace sparseloom::plan {

/// A small linear program that grows by columns: minimise Σ c_k x_k over x >= 0 with Σ_k a_ik x_k <= b_i in the first
/// rows and = b_i in the rest; every b_i >= 0. Solved by the primal simplex method with the basis inverse kept between
/// calls of solve(), which is what column generation needs. Made for a few dozen rows. Not thread-safe.
class ColumnLp {
 public:
  /// `equalities`: how many of the last rows are equalities. `penalty` is the cost of leaving one of them short by 1:
  /// choose it well above what columns cost.
  ColumnLp(std::vector<double> rhs, std::size_t equalities, double penalty);

  void add_column(double cost, std::vector<double> coefficients);

  /// False if it stopped at its limit of pivots before the optimum; duals() and value() are then those reached.
  bool solve();
  /// One per row: how much value() changes per unit of b_i; <= 0 for the inequalities at the optimum.
  const std::vector<double>& duals() const { return duals_; }
  double value() const;

 private:
  struct Column {
    double cost;
    std::vector<double> coefficients;
  };

  double reduced_cost(const Column& column) const;
  void compute_duals();
  bool pivot(std::size_t entering);

  std::size_t rows_;
  std::vector<Column> columns_;  ///< the slacks first, one per row; those of equalities cost the penalty
  std::vector<std::size_t> basis_;
  std::vector<double> inverse_;  ///< of the basis, rows_ x rows_
  std::vector<double> values_;   ///< of the basic variables
  std::vector<double> duals_;
};

}  // namespace sparseloom::plan
