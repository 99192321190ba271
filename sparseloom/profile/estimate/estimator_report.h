#pragma once

#include <span>
#include <string>

#include "sparseloom/base/json.h"
#include "sparseloom/profile/estimate/conformal.h"
#include "sparseloom/profile/estimate/profiling_cost.h"
#include "sparseloom/profile/estimate/quality.h"

namespace sparseloom::profile {

/// Latencies of stitched variants run whole, against sums of their stages' latencies.
struct ChainErrors {
  std::size_t chains = 0;
  double of_profile = 0;  ///< mean of |sum - whole| / whole, the sum taken from the profile
  double of_rounds = 0;   ///< the same with stages run alone in the same rounds
};

/// What an estimator's run on one task, or on several, cost and is worth.
struct EstimatorReport {
  ProfilingCost spent;            ///< distances and, where the truth was not known, held-out runs included
  Seconds elapsed{0};             ///< loading, measuring and estimating
  ProfilingCost exhaustive;       ///< what evaluating every stitched variant would take
  Seconds exhaustive_elapsed{0};  ///< projected: the walks' time x cost of the whole tree / cost of the walks
  double promised = 0;            ///< probability with which the lower bound of a picked σ holds
  double value_below = 0;         ///< mean of value - lower over σ not measured, 0..1
  bool truth_known = false;       ///< of every σ; else quality is of the held-out ones
  Quality quality;
  Coverage coverage;  ///< trials 0: the truth is not known
  ChainErrors chain_errors;
};

/// Over tasks: counts and times are added; errors are averaged over what was compared, `value_below`, rank correlation
/// and front recall over tasks. All must promise the same.
EstimatorReport total_of(std::span<const EstimatorReport> tasks);

/// With the keys of docs/estimators.md; what is not known is null.
Json to_json(const EstimatorReport& report);
/// What to_json() wrote. kMalformed, with `where`.
Result<EstimatorReport> estimator_report_from_json(const Json& json, const std::string& where);

}  // namespace sparseloom::profile
