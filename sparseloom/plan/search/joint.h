#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/plan/search/bottleneck.h"
#include "sparseloom/plan/search/option_source.h"

namespace sparseloom::plan {

struct JointLimits {
  /// Bytes of the chosen options together, at most.
  double budget_bytes = std::numeric_limits<double>::infinity();
  /// Relative: a choice that is proven to be no further from the least ends the search.
  double enough = 0;
  std::size_t max_rounds = 40;       ///< prices tried with each effort
  std::size_t max_effort = 4'096;    ///< PriceLimits::effort, in the end
  std::size_t max_options = 4'000;   ///< options per task that are joined
  std::size_t max_partial = 20'000;  ///< as BottleneckLimits
};

/// For problems that cannot be looked at whole in a tenth of a second: half a percent will do.
inline constexpr JointLimits kLargeProblem{.enough = 0.005, .max_options = 300, .max_partial = 500};

struct JointResult {
  std::vector<BusyOption> chosen;  ///< by task
  double bottleneck = 0;
  double lower_bound = 0;  ///< proven: no choice has a smaller bottleneck
};

/// One option per task such that the busiest processor's time per round is least, within a memory budget; what planners
/// that look for it stand on. Price and join:
///
/// 1. *Prices.* For any price λ_p >= 0 of a second of processor p with Σ λ_p = 1, and μ >= 0 of a byte, the bottleneck
///    is at least Σ_t min_o (λ · busy_o + μ bytes_o) - μ budget: a bound that needs each task's cheapest option alone.
///    The best prices are the duals of the linear relaxation, found by column generation (Dantzig, Wolfe 1960).
/// 2. *Join.* Given a choice with bottleneck U and prices with bound L, an option that costs more than U - L above its
///    task's cheapest is in no better choice. The others are joined exactly (min_bottleneck).
///
/// Where a source, or the join, is too large to be looked at whole, `lower_bound` is what remains proven. `tasks` is
/// not empty. kFailedPrecondition: a task has no option. kResourceExhausted: the budget is too small; the least is
/// named.
Result<JointResult> least_bottleneck(const std::vector<const OptionSource*>& tasks, std::size_t processors,
                                     const JointLimits& limits = {});

}  // namespace sparseloom::plan
