#pragma once

#include <array>

#include "sparseloom/place/learned/mlp.h"

namespace sparseloom::place {

/// Transitions, a column each.
template <typename Real>
struct Transitions {
  using Matrix = typename Mlp<Real>::Matrix;
  Matrix observations, next_observations;
  Matrix actions;  ///< one row, -1..1
  Matrix rewards;  ///< one row
  Matrix goes_on;  ///< one row: 1, or 0 where the episode ended
};

struct SoftActorCriticOptions {
  std::vector<Eigen::Index> hidden;  ///< neurons of the hidden layers, of actor and critics alike
  double discount = 1;               ///< γ
  double rate = 1e-3;                ///< of Adam, for actor, critics and temperature
  double target_rate = 0.01;         ///< τ: how fast the target networks follow
  double target_entropy = -2;        ///< of the squashed action
  double first_temperature = 0.2;    ///< α
  double most_action = 1;            ///< TwinCritics::most_action
  std::vector<double> candidates{};  ///< of actor_pull(); none: nothing pulls
};

/// A squashed Gaussian's actions tanh(μ + σ·noise), and what backpropagation needs of them. Rows of one.
template <typename Real>
struct SquashedActions {
  using Matrix = typename Mlp<Real>::Matrix;
  Matrix actions, deviations, log_probabilities;
  Matrix clamped;  ///< 1 where log σ was out of its range, so that it has no slope
};

/// Of the actor's outputs, rows μ and log σ (Haarnoja et al. 2018, arXiv 1812.05905, appendix C).
template <typename Real>
SquashedActions<Real> squash(const typename Mlp<Real>::Matrix& outputs, const typename Mlp<Real>::Matrix& noise);

/// Two critics of which the lower counts.
template <typename Real>
struct TwinCritics {
  using Matrix = typename Mlp<Real>::Matrix;
  std::array<Mlp<Real>, 2> networks;
  /// Actions beyond ± that mean no more, so that nothing is to be gained there.
  Real most_action = 1;

  /// What a network reads.
  Matrix inputs(const Matrix& observations, const Matrix& actions) const;
  /// Row of the lower values.
  Matrix values(const Matrix& observations, const Matrix& actions) const;
};

/// Half the mean squared difference of a critic from `targets` (equation 5 there). Adds its slope to `gradient`.
template <typename Real>
Real critic_loss(const Mlp<Real>& critic, const typename Mlp<Real>::Matrix& inputs,
                 const typename Mlp<Real>::Matrix& targets, typename Mlp<Real>::Vector* gradient);

/// The mean of α·log π - min Q (equation 9), and the mean of log π.
template <typename Real>
struct ActorLoss {
  Real loss = 0, log_probability = 0;
};
template <typename Real>
ActorLoss<Real> actor_loss(const Mlp<Real>& actor, const TwinCritics<Real>& critics,
                           const typename Mlp<Real>::Matrix& observations, const typename Mlp<Real>::Matrix& noise,
                           Real temperature, typename Mlp<Real>::Vector* gradient);

/// A Gaussian climbs the hill that it stands on; this pulls it over to a higher one: the mean of ½·A·(μ - artanh a*)²,
/// where a* is the best of `candidates` by the critics and A what it is better by than the most likely action tanh μ,
/// or 0. A is a constant to the actor.
template <typename Real>
Real actor_pull(const Mlp<Real>& actor, const TwinCritics<Real>& critics,
                const typename Mlp<Real>::Matrix& observations, const std::vector<double>& candidates,
                typename Mlp<Real>::Vector* gradient);

/// Soft actor-critic for one bounded action: twin critics, target networks that follow them, a squashed Gaussian
/// policy, and a temperature that keeps the policy's entropy at a target (Haarnoja et al. 2018). Everything random
/// comes from the generators that are handed in. Not thread-safe.
template <typename Real>
class SoftActorCritic {
 public:
  using Matrix = typename Mlp<Real>::Matrix;
  using Vector = typename Mlp<Real>::Vector;
  SoftActorCritic(Eigen::Index observations, SoftActorCriticOptions options, std::mt19937_64& random);

  /// One step of gradient descent of critics, actor and temperature.
  void update(const Transitions<Real>& batch, std::mt19937_64& random);

  const Mlp<Real>& actor() const { return actor_; }
  Real temperature() const;

 private:
  Matrix targets(const Transitions<Real>& batch, std::mt19937_64& random) const;
  void update_critics(const Transitions<Real>& batch, std::mt19937_64& random);
  void update_actor(const Matrix& observations, std::mt19937_64& random);

  SoftActorCriticOptions options_;
  Mlp<Real> actor_;
  TwinCritics<Real> critics_, target_critics_;
  Adam<Real> actor_descent_;
  std::array<Adam<Real>, 2> critic_descents_;
  Adam<Real> temperature_descent_;
  Vector log_temperature_;
};

/// A draw from the standard normal distribution (Box, Muller 1958), the same on every machine but for the rounding of
/// its mathematical library.
double normal(std::mt19937_64& random);

extern template class SoftActorCritic<float>;
extern template class SoftActorCritic<double>;

}  // namespace sparseloom::place
