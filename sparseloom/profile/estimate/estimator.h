#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "sparseloom/profile/estimate/gaussian_process.h"
#include "sparseloom/profile/estimate/output_distances.h"
#include "sparseloom/profile/profile.h"

namespace sparseloom::profile {

/// How the accuracy of a stitched variant that was not run is estimated.
enum class EstimatorKind {
  kLogits,  ///< ours: the answers to every sample, interpolated over σ (docs/estimators.md)
  kTrees    ///< the paper's: boosted trees over features of the chosen subgraphs
};
/// "logits", "trees".
std::string_view to_string(EstimatorKind kind);
/// kInvalidArgument lists the names.
Result<EstimatorKind> parse_estimator(std::string_view name);

/// One stitched variant that was run on a split.
struct Observation {
  zoo::Sigma sigma;
  Accuracy accuracy;
  std::vector<float> logits;  ///< of every class, sample by sample
};

/// Fractions 0..1. `scale` says how large an error is to be expected, in units that compare σ with each other.
struct EstimatedAccuracy {
  double value = 0;
  double scale = 0;
};

/// What is known of a task before anything is measured. The referenced objects must outlive the estimators.
struct EstimatorInput {
  const zoo::Task& task;
  const OutputDistances& distances;
};

/// Estimates every σ of `wanted` from what was observed, which must hold the original variants. Deterministic.
/// kInternal if XGBoost fails. By logits: O(|wanted| · |observed| · samples · classes).
Result<std::vector<EstimatedAccuracy>> estimate_by_logits(const GaussianProcess& process,
                                                          std::span<const zoo::Sigma> wanted,
                                                          const std::vector<std::int32_t>& labels, std::size_t classes);
Result<std::vector<EstimatedAccuracy>> estimate_by_trees(const EstimatorInput& input,
                                                         std::span<const Observation> observed,
                                                         std::span<const zoo::Sigma> wanted);

/// The logits of what was observed as targets; what all classes of a sample share says nothing and is taken out.
Observations targets_of(std::span<const Observation> observed, std::size_t classes);

}  // namespace sparseloom::profile
