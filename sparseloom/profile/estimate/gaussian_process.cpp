#include "sparseloom/profile/estimate/gaussian_process.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace sparseloom::profile {
namespace {

// The samples are answers to like questions: thousands of them say about as much as ten independent draws.
constexpr double kIndependentSamples = 10;
constexpr double kPriorDeviation = 1.0;  // of a logarithm: a factor of e either way
constexpr double kFirstStep = 0.8, kLastStep = 0.1;

double square(double x) { return x * x; }

// Yᵀ Y over samples, n x n: all that the likelihood needs of the targets.
std::vector<double> products(const std::vector<std::vector<float>>& targets) {
  const std::size_t n = targets.size();
  std::vector<double> gram(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (std::size_t s = 0; s < targets[i].size(); ++s) {
        sum += static_cast<double>(targets[i][s]) * static_cast<double>(targets[j][s]);
      }
      gram[i * n + j] = gram[j * n + i] = sum / static_cast<double>(targets[i].size());
    }
  }
  return gram;
}

std::optional<Cholesky> factor_of(const StitchKernel& kernel, const StitchKernel::Parameters& p,
                                  const std::vector<zoo::Sigma>& sigmas) {
  std::vector<double> covariance = kernel.matrix(p, sigmas, sigmas);
  for (std::size_t i = 0; i < sigmas.size(); ++i) covariance[i * sigmas.size() + i] += StitchKernel::noise(p);
  return Cholesky::of(std::move(covariance), sigmas.size());
}

// Negative logarithm of the posterior density of `p`, up to a constant (Rasmussen and Williams, eq. 2.30).
double loss(const StitchKernel& kernel, const StitchKernel::Parameters& p, const std::vector<zoo::Sigma>& sigmas,
            const std::vector<double>& gram) {
  const auto factor = factor_of(kernel, p, sigmas);
  if (!factor) return std::numeric_limits<double>::infinity();
  const std::size_t n = sigmas.size();
  double trace = 0;  // of K⁻¹ G
  std::vector<double> column(n);
  for (std::size_t j = 0; j < n; ++j) {
    std::copy_n(gram.begin() + static_cast<std::ptrdiff_t>(j * n), n, column.begin());
    factor->solve(column);
    trace += column[j];
  }
  double sum = kIndependentSamples * (trace + factor->log_determinant()) / 2;
  const auto prior = kernel.prior();
  for (std::size_t k = 0; k < p.size(); ++k) sum += square((p[k] - prior[k]) / kPriorDeviation) / 2;
  return sum;
}

StitchKernel::Parameters most_probable(const StitchKernel& kernel, const std::vector<zoo::Sigma>& sigmas,
                                       const std::vector<double>& gram) {
  StitchKernel::Parameters best = kernel.prior();
  double least = loss(kernel, best, sigmas, gram);
  for (double step = kFirstStep; step >= kLastStep;) {
    bool improved = false;
    for (std::size_t k = 0; k < best.size(); ++k) {
      for (const double by : {step, -step}) {
        StitchKernel::Parameters tried = best;
        tried[k] += by;
        if (const double its = loss(kernel, tried, sigmas, gram); its < least) {
          least = its;
          best = std::move(tried);
          improved = true;
          break;
        }
      }
    }
    if (!improved) step /= 2;
  }
  return best;
}

}  // namespace

Result<GaussianProcess> GaussianProcess::fit(const StitchKernel& kernel, Observations observations) {
  auto& targets = observations.targets;
  const std::size_t samples = targets.front().size();
  std::vector<double> mean(samples);
  double squares = 0;
  for (const auto& row : targets) {
    for (std::size_t s = 0; s < samples; ++s) {
      mean[s] += static_cast<double>(row[s]) / static_cast<double>(targets.size());
      squares += square(static_cast<double>(row[s]));
    }
  }
  const double scale = squares > 0 ? std::sqrt(squares / static_cast<double>(targets.size() * samples)) : 1.0;
  for (auto& row : targets) {
    for (std::size_t s = 0; s < samples; ++s) {
      row[s] = static_cast<float>((static_cast<double>(row[s]) - mean[s]) / scale);
    }
  }
  auto parameters = most_probable(kernel, observations.sigmas, products(targets));
  auto factor = factor_of(kernel, parameters, observations.sigmas);
  if (!factor) return Status(Code::kInternal, "estimator: the covariance of what was measured is singular");
  GaussianProcess process(kernel, std::move(observations), std::move(parameters), *std::move(factor));
  process.mean_ = std::move(mean);
  process.scale_ = scale;
  return process;
}

double GaussianProcess::predict(const zoo::Sigma& sigma, std::span<double> means) const {
  std::vector<double> along = kernel_->matrix(parameters_, {sigma}, observed_.sigmas);
  std::vector<double> weights = along;
  factor_.solve(weights);
  double explained = 0;
  for (std::size_t i = 0; i < along.size(); ++i) explained += along[i] * weights[i];
  std::copy(mean_.begin(), mean_.end(), means.begin());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    for (std::size_t s = 0; s < means.size(); ++s) {
      means[s] += scale_ * weights[i] * static_cast<double>(observed_.targets[i][s]);
    }
  }
  const double variance = kernel_->variance(parameters_) - explained;
  return scale_ * std::sqrt(std::max(variance, 1e-9));
}

}  // namespace sparseloom::profile
