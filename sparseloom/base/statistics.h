#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
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

/// The 95 % score interval (Wilson 1927) of a share seen in `n` independent observations, n > 0: it holds `share` and
/// lies within 0..1. `n` need not be whole, as an effective sample size is not.
inline std::pair<double, double> wilson95(double share, double n) {
  constexpr double kZ = 1.959963984540054;
  const double centre = (share + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
  const double half = kZ / (1 + kZ * kZ / n) * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
  return {std::max(0.0, std::min(share, centre - half)), std::min(1.0, std::max(share, centre + half))};
}

}  // namespace sparseloom
