#include "sparseloom/profile/estimate/estimator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "sparseloom/base/names.h"

namespace sparseloom::profile {
namespace {

constexpr double kLeastScale = 0.001;  // a tenth of a point

// A margin is a difference of two logits, each with the process's deviation: at least √2 of them if they are
// independent. Its errors have heavier tails than normal ones; from 1 to 2.5, more was more accurate on the profile
// splits of image and speech.
constexpr double kMarginDeviations = 2;

// The logit of the right class less the largest other one.
double margin_of(std::span<const double> logits, std::size_t label) {
  double other = -std::numeric_limits<double>::infinity();
  for (std::size_t c = 0; c < logits.size(); ++c) {
    if (c != label) other = std::max(other, logits[c]);
  }
  return logits[label] - other;
}

double normal_density(double z) { return std::exp(-z * z / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2; }
double normal_probability(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }

}  // namespace

std::string_view to_string(EstimatorKind kind) { return kind == EstimatorKind::kLogits ? "logits" : "trees"; }

Result<EstimatorKind> parse_estimator(std::string_view name) {
  std::vector<std::string_view> names;
  for (const EstimatorKind kind : {EstimatorKind::kLogits, EstimatorKind::kTrees}) {
    if (to_string(kind) == name) return kind;
    names.push_back(to_string(kind));
  }
  return unknown_name("estimator", name, names);
}

Observations targets_of(std::span<const Observation> observed, std::size_t classes) {
  Observations observations;
  for (const Observation& one : observed) {
    observations.sigmas.push_back(one.sigma);
    std::vector<float>& targets = observations.targets.emplace_back(one.logits);
    for (auto first = targets.begin(); first != targets.end(); first += static_cast<std::ptrdiff_t>(classes)) {
      const auto end = first + static_cast<std::ptrdiff_t>(classes);
      const float mean = std::accumulate(first, end, 0.0F) / static_cast<float>(classes);
      for (auto logit = first; logit != end; ++logit) *logit -= mean;
    }
  }
  return observations;
}

Result<std::vector<EstimatedAccuracy>> estimate_by_logits(const GaussianProcess& process,
                                                          std::span<const zoo::Sigma> wanted,
                                                          const std::vector<std::int32_t>& labels,
                                                          std::size_t classes) {
  std::vector<EstimatedAccuracy> estimates;
  std::vector<double> means(labels.size() * classes);
  for (const zoo::Sigma& sigma : wanted) {
    const double deviation = kMarginDeviations * process.predict(sigma, means);
    EstimatedAccuracy estimate;
    for (std::size_t n = 0; n < labels.size(); ++n) {
      const std::span logits(means.data() + n * classes, classes);
      const double z = margin_of(logits, static_cast<std::size_t>(labels[n])) / deviation;
      estimate.value += normal_probability(z);
      // If all margins were off by one deviation together, the accuracy would be off by about the sum of these.
      estimate.scale += normal_density(z);
    }
    estimate.value /= static_cast<double>(labels.size());
    estimate.scale = std::max(estimate.scale / static_cast<double>(labels.size()), kLeastScale);
    estimates.push_back(estimate);
  }
  return estimates;
}

}  // namespace sparseloom::profile
