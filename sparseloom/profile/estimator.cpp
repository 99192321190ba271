#include "sparseloom/profile/estimator.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sparseloom::profile {
namespace {

constexpr double kLeastScale = 0.001;  // a tenth of a point

double normal_density(double z) { return std::exp(-z * z / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2; }
double normal_probability(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }

}  // namespace

std::string_view to_string(EstimatorKind kind) { return kind == EstimatorKind::kMargins ? "margins" : "trees"; }

Result<EstimatorKind> parse_estimator(std::string_view name) {
  for (const EstimatorKind kind : {EstimatorKind::kMargins, EstimatorKind::kTrees}) {
    if (to_string(kind) == name) return kind;
  }
  return error(Code::kInvalidArgument, "--estimator: '{}'; margins and trees are allowed", name);
}

Observations margins_of(std::span<const Observation> observed) {
  Observations observations;
  for (const Observation& one : observed) {
    observations.sigmas.push_back(one.sigma);
    observations.targets.push_back(one.margins);
  }
  return observations;
}

Result<std::vector<EstimatedAccuracy>> estimate_by_margins(const GaussianProcess& process,
                                                           std::span<const zoo::Sigma> wanted, std::size_t samples) {
  std::vector<EstimatedAccuracy> estimates;
  std::vector<double> means(samples);
  for (const zoo::Sigma& sigma : wanted) {
    const double deviation = process.predict(sigma, means);
    EstimatedAccuracy estimate;
    for (const double mean : means) {
      estimate.value += normal_probability(mean / deviation);
      // If all margins were off by one deviation together, the accuracy would be off by about the sum of these.
      estimate.scale += normal_density(mean / deviation);
    }
    estimate.value /= static_cast<double>(samples);
    estimate.scale = std::max(estimate.scale / static_cast<double>(samples), kLeastScale);
    estimates.push_back(estimate);
  }
  return estimates;
}

}  // namespace sparseloom::profile
