#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace sparseloom {

/// The value below which a share `q` (0..1) of `sorted` lies: linear interpolation between neighbours (Hyndman and Fan
/// 1996, type 7). `sorted` is ascending and not empty; T is a number or a duration.
template <typename T>
T quantile(const std::vector<T>& sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(position);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (position - static_cast<double>(low));
}

template <typename T>
struct Quartiles {
  T median{};
  T q1{};
  T q3{};
};

/// Of `values` in any order; none: all zero.
template <typename T>
Quartiles<T> quartiles(std::vector<T> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {quantile(values, 0.5), quantile(values, 0.25), quantile(values, 0.75)};
}

/// Mean of repeated measurements with its 95 % confidence interval (Student's t).
struct Mean {
  double mean = 0;
  double half_width = 0;  ///< the interval is mean ± half_width; NaN for one value: how it scatters is not known
  double low() const { return mean - half_width; }
  double high() const { return mean + half_width; }
};

/// The 97.5 % quantile of Student's t with `degrees` of freedom, at least 1: exact for 1 and 2, Hill's expansion (1970)
/// from 3 on, off by less than 0.1 %.
inline double t975(double degrees) {
  if (degrees < 2) return 12.706204736;
  if (degrees < 3) return 4.302652730;
  constexpr double z = 1.959963984540054;
  const double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z, d = degrees;
  return z + (z3 + z) / (4 * d) + (5 * z5 + 16 * z3 + 3 * z) / (96 * d * d) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * d * d * d) +
         (79 * z7 * z * z + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / (92160 * d * d * d * d);
}

/// Of independent values. None: all zero.
inline Mean mean95(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  const double mean = sum / n;
  for (const double v : values) squares += (v - mean) * (v - mean);
  if (values.size() < 2) return {mean, std::numeric_limits<double>::quiet_NaN()};
  return {mean, t975(n - 1) * std::sqrt(squares / (n - 1) / n)};
}

/// The 95 % score interval (Wilson 1927) of a share seen in `n` independent observations, n > 0: it holds `share` and
/// lies within 0..1. `n` need not be whole, as an effective sample size is not.
inline std::pair<double, double> wilson95(double share, double n) {
  constexpr double kZ = 1.959963984540054;
  const double centre = (share + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
  const double half = kZ / (1 + kZ * kZ / n) * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
  return {std::max(0.0, std::min(share, centre - half)), std::min(1.0, std::max(share, centre + half))};
}

}  // namespace sparseloom
