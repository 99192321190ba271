#pragma once

#include <vector>

namespace sparseloom {

/// Spearman's rank correlation, -1..1; equal values share the mean of their ranks. `a` and `b` of one length. 0 if all
/// values of one are equal. O(n log n).
double spearman(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace sparseloom
