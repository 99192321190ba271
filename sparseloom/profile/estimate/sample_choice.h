#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/profile/estimate/stitch_kernel.h"

namespace sparseloom::profile {

/// Whether all stages are of one variant.
bool is_original(const zoo::Sigma& sigma);

/// What to measure next.
struct SampleQuestion {
  const StitchKernel& kernel;
  const StitchKernel::Parameters& parameters;
  std::size_t variants = 0;
  const std::vector<zoo::Sigma>& candidates;  ///< estimates of these matter, and of these is chosen
  const std::vector<double>& relevance;       ///< how much, by candidate, ≥ 0
  const std::vector<zoo::Sigma>& observed;    ///< measured, or certain to be; what is no candidate lowers no variance
  std::vector<zoo::Sigma> together;           ///< measured in the same walk: their prefixes cost nothing more
  std::size_t count = 0;                      ///< how many to choose
};

/// Chooses, one after another, the candidate that takes most of the relevance-weighted posterior variance per stage
/// pass that it costs (a prefix that the walk visits anyway is free). Until every variant has occurred at every stage
/// among the stitched (not original) ones, only those candidates compete that bring most new (stage, variant) pairs.
/// Deterministic. Returns fewer if the candidates run out. O((|observed| + count) · |candidates|²).
std::vector<zoo::Sigma> choose_samples(const SampleQuestion& question);

}  // namespace sparseloom::profile
