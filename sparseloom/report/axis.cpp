#include "sparseloom/report/axis.h"

#include <algorithm>
#include <cmath>

namespace sparseloom::report {

Axis::Axis(double low, double high, double from, double to, bool log) : from_(from), to_(to), log_(log) {
  if (low > high) low = log ? 0.1 : 0, high = 1;  // nothing to show
  low_ = scaled(low), high_ = scaled(high);
  if (high_ - low_ < 1e-9 * std::max({std::abs(low_), std::abs(high_), 1e-3})) low_ -= 0.5, high_ += 0.5;
}

bool Axis::shows(double value) const { return std::isfinite(value) && (!log_ || value > 0); }

std::vector<double> Axis::ticks(double steps) const {
  std::vector<double> values;
  if (log_) {
    for (double e = std::ceil(low_ - 1e-9); e <= high_ + 1e-9; ++e) values.push_back(std::pow(10, e));
    if (values.size() >= 2) return values;
    return {unscaled(low_), unscaled((low_ + high_) / 2), unscaled(high_)};
  }
  const double power = std::pow(10, std::floor(std::log10((high_ - low_) / 4)));
  double step = power;
  for (const double factor : {2.0, 5.0, 10.0}) {
    if ((high_ - low_) / step > steps) step = power * factor;
  }
  const double first = std::ceil(low_ / step - 1e-9);
  for (int k = 0; k <= 10 && (first + k) * step <= high_ + step * 1e-9; ++k) values.push_back((first + k) * step);
  return values;
}

double Axis::scaled(double value) const { return log_ ? std::log10(value) : value; }
double Axis::unscaled(double value) const { return log_ ? std::pow(10, value) : value; }

}  // namespace sparseloom::report
