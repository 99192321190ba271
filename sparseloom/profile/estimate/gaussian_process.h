#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sparseloom/profile/estimate/cholesky.h"
#include "sparseloom/profile/estimate/stitch_kernel.h"

namespace sparseloom::profile {

/// What a stitched variant was seen to do: one number per data sample, the same samples for every σ.
struct Observations {
  std::vector<zoo::Sigma> sigmas;
  std::vector<std::vector<float>> targets;  ///< by σ
};

/// Gaussian-process regression (Rasmussen and Williams 2006) of many targets at once with one covariance over σ. Every
/// sample's targets are a draw of their own around that sample's mean.
class GaussianProcess {
 public:
  /// Chooses the kernel's parameters that are most probable after the observations (maximum a posteriori: coordinate
  /// search from the prior, deterministic). Targets are scaled to mean square 1 inside. kInternal if the covariance is
  /// not positive definite. O(parameters · |σ|³ + |σ|² · samples). The kernel must outlive the object.
  static Result<GaussianProcess> fit(const StitchKernel& kernel, Observations observations);

  /// Fills `means` with the expected targets of σ and returns their common standard deviation.
  double predict(const zoo::Sigma& sigma, std::span<double> means) const;

  const StitchKernel::Parameters& parameters() const { return parameters_; }

 private:
  GaussianProcess(const StitchKernel& kernel, Observations observations, StitchKernel::Parameters parameters,
                  Cholesky factor)
      : kernel_(&kernel),
        observed_(std::move(observations)),
        parameters_(std::move(parameters)),
        factor_(std::move(factor)) {}

  const StitchKernel* kernel_;
  Observations observed_;  // targets less their sample's mean, over scale_
  StitchKernel::Parameters parameters_;
  Cholesky factor_;
  std::vector<double> mean_;  // by sample
  double scale_ = 1;
};

}  // namespace sparseloom::profile
