#pragma once

#include <vector>

#include "sparseloom/profile/estimate/conformal.h"

namespace sparseloom::profile {

/// How good estimates are on stitched variants that nothing was trained or calibrated on.
struct Quality {
  std::size_t compared = 0;
  double mae_points = 0;     ///< mean absolute error, percentage points
  double spearman = 0;       ///< rank correlation, ties by mean rank
  double front_recall = -1;  ///< share of the true front met (front_recall()); -1: the truth is not known everywhere
};

/// Mean over `truth` of |estimate - truth| · 100 and Spearman's coefficient; vectors of one length.
Quality compare(const std::vector<double>& estimates, const std::vector<double>& truth);

/// Of the σ that a planner would pick for some bound in [from, to] if it knew the truth: the share for which it also
/// picks, going by `seen` and asked for that σ's accuracy, one at most 2 % slower and 0.5 points less accurate.
double front_recall(const std::vector<Candidate>& seen, const std::vector<double>& truth, double from, double to);

}  // namespace sparseloom::profile
