#include "sparseloom/plan/search/column_lp.h"

#include <utility>

namespace sparseloom::plan {

namespace {

constexpr double kTolerance = 1e-10;
constexpr std::size_t kMaxPivots = 500;
constexpr std::size_t kBlandAfter = 100;  // pivots in a row: Bland's rule cannot cycle

}  // namespace

ColumnLp::ColumnLp(std::vector<double> rhs, std::size_t equalities, double penalty)
    : rows_(rhs.size()), inverse_(rows_ * rows_, 0.0), values_(std::move(rhs)), duals_(rows_, 0.0) {
  for (std::size_t i = 0; i < rows_; ++i) {
    std::vector<double> unit(rows_, 0.0);
    unit[i] = 1;
    columns_.push_back({i + equalities < rows_ ? 0.0 : penalty, std::move(unit)});
    basis_.push_back(i);
    inverse_[i * rows_ + i] = 1;
  }
}

void ColumnLp::add_column(double cost, std::vector<double> coefficients) {
  columns_.push_back({cost, std::move(coefficients)});
}

double ColumnLp::value() const {
  double sum = 0;
  for (std::size_t i = 0; i < rows_; ++i) sum += columns_[basis_[i]].cost * values_[i];
  return sum;
}

double ColumnLp::reduced_cost(const Column& column) const {
  double reduced = column.cost;
  for (std::size_t i = 0; i < rows_; ++i) reduced -= duals_[i] * column.coefficients[i];
  return reduced;
}

void ColumnLp::compute_duals() {
  for (std::size_t j = 0; j < rows_; ++j) {
    duals_[j] = 0;
    for (std::size_t i = 0; i < rows_; ++i) duals_[j] += columns_[basis_[i]].cost * inverse_[i * rows_ + j];
  }
}

bool ColumnLp::solve() {
  for (std::size_t pivots = 0; pivots < kMaxPivots; ++pivots) {
    compute_duals();
    std::size_t entering = columns_.size();
    double least = -kTolerance;
    for (std::size_t k = 0; k < columns_.size(); ++k) {
      const double reduced = reduced_cost(columns_[k]);
      if (reduced >= least) continue;
      entering = k;
      if (pivots >= kBlandAfter) break;
      least = reduced;
    }
    if (entering == columns_.size()) return true;
    if (!pivot(entering)) return false;
  }
  return false;
}

/// False if nothing bounds the entering variable: not with the programs this is made for, but rounding may say so.
bool ColumnLp::pivot(std::size_t entering) {
  std::vector<double> direction(rows_, 0.0);
  for (std::size_t i = 0; i < rows_; ++i) {
    for (std::size_t j = 0; j < rows_; ++j) {
      direction[i] += inverse_[i * rows_ + j] * columns_[entering].coefficients[j];
    }
  }
  std::size_t leaving = rows_;
  for (std::size_t i = 0; i < rows_; ++i) {
    if (direction[i] <= kTolerance) continue;
    if (leaving == rows_) {
      leaving = i;
      continue;
    }
    const double ratio = values_[i] * direction[leaving] - values_[leaving] * direction[i];
    if (ratio < 0 || (ratio == 0 && basis_[i] < basis_[leaving])) leaving = i;
  }
  if (leaving == rows_) return false;
  const double step = values_[leaving] / direction[leaving];
  for (std::size_t j = 0; j < rows_; ++j) inverse_[leaving * rows_ + j] /= direction[leaving];
  for (std::size_t i = 0; i < rows_; ++i) {
    if (i == leaving) continue;
    values_[i] = values_[i] > step * direction[i] ? values_[i] - step * direction[i] : 0;
    for (std::size_t j = 0; j < rows_; ++j) {
      inverse_[i * rows_ + j] -= direction[i] * inverse_[leaving * rows_ + j];
    }
  }
  values_[leaving] = step;
  basis_[leaving] = entering;
  return true;
}

}  // namespace sparseloom::plan
