#include <algorithm>
#include <cmath>

#include "sparseloom/profile/estimate/boosted_trees.h"
#include "sparseloom/profile/estimate/estimator.h"

namespace sparseloom::profile {
namespace {

// Design: kind and level of compression and the original's accuracy per stage, outputs' distance from dense per part.
std::vector<float> features_of(const EstimatorInput& input, const std::vector<double>& originals,
                               const zoo::Sigma& sigma) {
  std::vector<float> features;
  const auto add = [&](double value) { features.push_back(static_cast<float>(value)); };
  double least = 1;
  for (const zoo::VariantId v : sigma) {
    const zoo::Compression& compression = input.task.variants[v.index()].compression;
    const auto is = [&](std::string_view kind) { return compression.kind.find(kind) != std::string::npos; };
    add(is("unstructured") ? compression.level : 0);
    add(is("structured") && !is("unstructured") ? compression.level : 0);
    add(is("int8") ? 1 : 0);
    add(originals[v.index()]);
    least = std::min(least, originals[v.index()]);
  }
  add(least);
  for (const OutputDistances::Part& part : input.distances.parts) {
    add(std::sqrt(part.between(0, part.choice(sigma, input.distances.variants))));
  }
  return features;
}

}  // namespace

Result<std::vector<EstimatedAccuracy>> estimate_by_trees(const EstimatorInput& input,
                                                         std::span<const Observation> observed,
                                                         std::span<const zoo::Sigma> wanted) {
  std::vector<double> originals(input.task.variants.size());
  for (const Observation& one : observed) {
    const bool original = std::all_of(one.sigma.begin(), one.sigma.end(), [&](auto v) { return v == one.sigma[0]; });
    if (original) originals[one.sigma[0].index()] = one.accuracy.fraction();
  }
  Rows rows;
  std::vector<float> targets;
  for (const Observation& one : observed) {
    rows.push_back(features_of(input, originals, one.sigma));
    targets.push_back(static_cast<float>(one.accuracy.fraction()));
  }
  SL_ASSIGN_OR_RETURN(const BoostedTrees trees, BoostedTrees::fit(rows, targets));
  rows.clear();
  for (const zoo::Sigma& sigma : wanted) rows.push_back(features_of(input, originals, sigma));
  SL_ASSIGN_OR_RETURN(const std::vector<float> values, trees.predict(rows));
  std::vector<EstimatedAccuracy> estimates;
  for (const float value : values) estimates.push_back({std::clamp(static_cast<double>(value), 0.0, 1.0), 0.01});
  return estimates;
}

}  // namespace sparseloom::profile
