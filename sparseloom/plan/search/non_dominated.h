#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace sparseloom::plan {

/// Rows of equal length, one behind the other.
struct Rows {
  std::size_t width = 0;
  std::vector<double> values;

  std::span<const double> operator[](std::size_t row) const { return {values.data() + row * width, width}; }
  std::size_t size() const { return width == 0 ? 0 : values.size() / width; }
};

/// Indices of the rows that no other row is no larger than everywhere; of equal ones, that with the smaller `tie`, then
/// the first. In lexicographic order. O(n log n) up to three columns, else O(n · kept).
std::vector<std::size_t> non_dominated(const Rows& rows, const std::vector<double>& ties);

}  // namespace sparseloom::plan
