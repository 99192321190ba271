#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/profile/estimate/output_distances.h"

namespace sparseloom::profile {

/// How alike two stitched variants are expected to answer: a covariance over σ, from how alike their parts' outputs
/// are.
///   k(σ,σ') = A · (c + Σ_front w κ(d/l)) · Π_later (1 + w κ(d/l)),   κ(r) = (1 + √3 r) exp(-√3 r)   (Matérn 3/2)
/// front: the parts of the first two stages (of two: of the first); later: one part per later stage; d: the root of a
/// part's squared distance. The sum lets a change act by itself or only together with the other one, the product lets a
/// later stage undo or amplify it. Additive interactions as in Duvenaud, Nickisch, Rasmussen 2011.
class StitchKernel {
 public:
  /// Logarithms: A, c, noise variance, then w and l of every part.
  using Parameters = std::vector<double>;

  /// `distances` must outlive the kernel.
  explicit StitchKernel(const OutputDistances& distances);

  /// What is assumed before anything is measured, for targets of mean square 1.
  Parameters prior() const;
  static double noise(const Parameters& p);

  /// k(σ,σ), the same for every σ.
  double variance(const Parameters& p) const;
  /// |a| x |b|, row-major.
  std::vector<double> matrix(const Parameters& p, const std::vector<zoo::Sigma>& a,
                             const std::vector<zoo::Sigma>& b) const;

 private:
  bool in_front(const OutputDistances::Part& part) const;
  const OutputDistances& distances_;
  std::size_t front_stages_;
};

}  // namespace sparseloom::profile
