// Private to profile: the estimated accuracies of one task.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "sparseloom/profile/estimate/conformal.h"
#include "sparseloom/profile/estimate/estimator.h"
#include "sparseloom/profile/measure/accuracy.h"

namespace sparseloom::profile {

/// Samples that output distances are measured on.
inline constexpr std::size_t kProbeSamples = 32;
/// Stitched variants of the calibration that are run in one walk, so that workers have something to share.
inline constexpr std::size_t kCalibrationBatch = 3;

/// How many stitched variants are run, and for what; originals come on top.
struct SampleSizes {
  std::size_t design = 0;       ///< chosen before anything is known, to cover
  std::size_t active = 0;       ///< chosen by what is unsure and near the front
  std::size_t calibration = 0;  ///< drawn from what planners pick, for the lower bound
};

/// Fewest stitched variants per task that divide_budget() accepts.
std::size_t least_budget(std::size_t variants, double level);

/// Divides a budget of stitched variants per task (originals included). kInvalidArgument if `budget` cannot hold the
/// originals, one design sample per variant and the calibration of `level`, or is not less than V^S; it names what is
/// allowed, or that nothing is.
Result<SampleSizes> divide_budget(std::size_t budget, std::size_t variants, std::size_t stages, double level);

struct EstimationOptions {
  EstimatorKind estimator = EstimatorKind::kLogits;
  SampleSizes sizes;
  double level = 0.9;      ///< with which the lower bound shall hold
  std::uint64_t seed = 1;  ///< of the calibration's draw
};

/// What the estimation of one task asks for and knows. The referenced objects must outlive the call.
struct EstimationInput {
  const zoo::Task& task;
  const OutputDistances& distances;
  const std::vector<std::int32_t>& labels;     ///< by sample
  std::vector<std::vector<double>> latency_s;  ///< by σ and stage: run alone where it is fastest
  /// Runs stitched variants that were not asked for before (one walk of the prefix tree).
  std::function<Result<std::vector<Observation>>(const std::vector<zoo::Sigma>&)> observe;
};

struct Estimation {
  std::vector<Observation> observed;         ///< in the order of running: originals, design, active, calibration
  std::vector<EstimatedAccuracy> estimates;  ///< by σ's index, made before calibration
  std::vector<bool> measured;                ///< by σ's index
  std::vector<zoo::Sigma> calibration;
  double from = 0, to = 0;  ///< accuracies of the worst and the best original
  double quantile = 0;      ///< the lower bound is value - quantile · scale

  double lower(std::size_t index) const;
};

/// Originals and a covering design; with what they show the active samples; with all of them the estimates; last the
/// calibration, which no estimate has seen (docs/estimators.md). Deterministic but for what `observe` returns.
Result<Estimation> estimate_task(const EstimationInput& input, const EstimationOptions& options);

/// Every σ of a task, in the order of TaskProfile::index_of().
std::vector<zoo::Sigma> all_sigmas(std::size_t variants, std::size_t stages);

/// What may be chosen to run, of `all`: all; of more than 2,000 (between which covariances are kept) the originals,
/// which are run and so must be known to be, and a seeded part of the others.
std::vector<zoo::Sigma> candidates_of(const std::vector<zoo::Sigma>& all, std::uint64_t seed);

/// What coverage is tried on once the truth is known, by σ's index.
CoverageTrial coverage_trial(const EstimationInput& input, const EstimationOptions& options, const Estimation& made,
                             std::vector<double> truth);

}  // namespace sparseloom::profile
