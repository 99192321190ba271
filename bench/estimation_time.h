#pragma once

#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/units.h"

namespace sparseloom::bench {

/// How long estimating takes by itself, per repetition: one made-up task of ten variants, three stages and 1,000
/// samples of ten classes, of which 50 stitched variants are observed, which costs nothing. One thread.
struct EstimationTime {
  std::vector<Seconds> task;         ///< all of it: choosing what to run, fitting, estimating, calibrating
  std::vector<Seconds> fit;          ///< the Gaussian process, once, on the 50
  std::vector<Seconds> per_variant;  ///< estimating one stitched variant by it, mean over all
  std::vector<Seconds> trees;        ///< boosted trees instead: training on the 50 and estimating all
  std::size_t stitched = 0;          ///< all
};

/// kInternal if an estimator fails. About five seconds per repetition.
Result<EstimationTime> measure_estimation_time(std::size_t repetitions);

}  // namespace sparseloom::bench
