// plan: service-level objectives and the planners that choose, for every task, a stitched variant and a placement. Pure
// functions: no I/O, no clocks.
#pragma once

#include <string>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/units.h"
#include "sparseloom/profile/profile.h"
#include "sparseloom/soc/soc.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::plan {

/// What one task is promised.
struct Slo {
  double accuracy = 0;  ///< least accuracy, 0..1
  Seconds latency{0};   ///< greatest latency of a request
};

/// One bound pair per task, by zoo::TaskId.
struct SloConfig {
  std::string name;  ///< "C5", or "a3l7" for accuracy index 3 and latency index 7, or a file's name
  std::vector<Slo> slos;
};

/// Range of the original variants of one task, run alone at their best placement; from it the grid is made.
struct GridRange {
  double accuracy_min = 0, accuracy_max = 0;
  Seconds latency_min{0}, latency_max{0};
};

/// Accuracy index j, latency index k in 0..8: bound j = a_min + (j/9)(a_max - a_min), k = l_max - (k/9)(l_max - l_min).
SloConfig grid_config(const std::vector<GridRange>& ranges, int accuracy_index, int latency_index);

/// Ranges of every task from its original variants' profile, each at its fastest placement. kFailedPrecondition names
/// what is not profiled.
Result<std::vector<GridRange>> grid_ranges(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile);

/// "C1".."C8" (the diagonal j = k), "a<j>l<k>". kInvalidArgument says what is allowed.
Result<std::pair<int, int>> parse_grid_name(std::string_view name);

}  // namespace sparseloom::plan
