#pragma once

#include <vector>

namespace sparseloom::report {

/// Maps values to pixels, linearly or by logarithm.
class Axis {
 public:
  /// `low` at pixel `from`, `high` at `to`; an empty range (low > high) shows 0..1.
  Axis(double low, double high, double from, double to, bool log = false);

  /// False: not finite, or not positive on a logarithmic axis.
  bool shows(double value) const;
  double pixel(double value) const { return from_ + (scaled(value) - low_) / (high_ - low_) * (to_ - from_); }
  /// Round values within the range: powers of ten, or steps of 1, 2 or 5 times one; `steps` of them, more or less.
  std::vector<double> ticks(double steps = 6) const;

 private:
  double scaled(double value) const;
  double unscaled(double value) const;
  double low_ = 0, high_ = 1, from_, to_;
  bool log_;
};

}  // namespace sparseloom::report
