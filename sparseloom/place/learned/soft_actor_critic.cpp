#include "sparseloom/place/learned/soft_actor_critic.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "sparseloom/base/uniform.h"

namespace sparseloom::place {
namespace {

constexpr double kLeastLogDeviation = -5, kMostLogDeviation = 1;

std::vector<Eigen::Index> widths_of(Eigen::Index inputs, const std::vector<Eigen::Index>& hidden,
                                    Eigen::Index outputs) {
  std::vector<Eigen::Index> widths{inputs};
  widths.insert(widths.end(), hidden.begin(), hidden.end());
  widths.push_back(outputs);
  return widths;
}

template <typename Real>
typename Mlp<Real>::Matrix noise_of(Eigen::Index samples, std::mt19937_64& random) {
  typename Mlp<Real>::Matrix noise(1, samples);
  for (Eigen::Index i = 0; i < samples; ++i) noise(0, i) = static_cast<Real>(normal(random));
  return noise;
}

}  // namespace

double normal(std::mt19937_64& random) {
  const double radius = std::sqrt(-2 * std::log(uniform(random)));
  return radius * std::cos(2 * std::numbers::pi * uniform(random));
}

template <typename Real>
SquashedActions<Real> squash(const typename Mlp<Real>::Matrix& outputs, const typename Mlp<Real>::Matrix& noise) {
  using Matrix = typename Mlp<Real>::Matrix;
  const auto least = static_cast<Real>(kLeastLogDeviation), most = static_cast<Real>(kMostLogDeviation);
  SquashedActions<Real> made;
  const Matrix log_deviations = outputs.row(1).cwiseMax(least).cwiseMin(most);
  made.clamped = (outputs.row(1).array() != log_deviations.array()).template cast<Real>();
  made.deviations = log_deviations.array().exp();
  const Matrix before = outputs.row(0) + made.deviations.cwiseProduct(noise);
  made.actions = before.array().tanh();
  // log(1 - tanh²u) = 2·(log 2 - u - log(1 + exp(-2u))), of |u|, so that nothing overflows.
  const Matrix size = before.cwiseAbs();
  const Matrix log_slope = 2 * (std::numbers::ln2_v<Real> - size.array() - (-2 * size.array()).exp().log1p());
  const auto log_root = static_cast<Real>(0.5 * std::log(2 * std::numbers::pi));
  made.log_probabilities = -noise.array().square() / 2 - log_deviations.array() - log_root - log_slope.array();
  return made;
}

template <typename Real>
typename Mlp<Real>::Matrix TwinCritics<Real>::inputs(const Matrix& observations, const Matrix& actions) const {
  Matrix made(observations.rows() + 1, observations.cols());
  made.topRows(observations.rows()) = observations;
  made.bottomRows(1) = actions.cwiseMax(-most_action).cwiseMin(most_action);
  return made;
}

template <typename Real>
typename Mlp<Real>::Matrix TwinCritics<Real>::values(const Matrix& observations, const Matrix& actions) const {
  const Matrix read = inputs(observations, actions);
  std::array<typename Mlp<Real>::Pass, 2> passes;
  for (std::size_t c = 0; c < 2; ++c) networks[c].forward(read, passes[c]);
  return passes[0].outputs().cwiseMin(passes[1].outputs());
}

template <typename Real>
Real critic_loss(const Mlp<Real>& critic, const typename Mlp<Real>::Matrix& inputs,
                 const typename Mlp<Real>::Matrix& targets, typename Mlp<Real>::Vector* gradient) {
  typename Mlp<Real>::Pass pass;
  critic.forward(inputs, pass);
  const typename Mlp<Real>::Matrix difference = pass.outputs() - targets;
  const auto samples = static_cast<Real>(targets.cols());
  if (gradient != nullptr) critic.backward(pass, difference / samples, gradient);
  return difference.squaredNorm() / (2 * samples);
}

template <typename Real>
ActorLoss<Real> actor_loss(const Mlp<Real>& actor, const TwinCritics<Real>& critics,
                           const typename Mlp<Real>::Matrix& observations, const typename Mlp<Real>::Matrix& noise,
                           Real temperature, typename Mlp<Real>::Vector* gradient) {
  using Matrix = typename Mlp<Real>::Matrix;
  typename Mlp<Real>::Pass pass;
  actor.forward(observations, pass);
  const SquashedActions<Real> drawn = squash<Real>(pass.outputs(), noise);
  const Matrix inputs = critics.inputs(observations, drawn.actions);
  std::array<typename Mlp<Real>::Pass, 2> judged;
  for (std::size_t c = 0; c < 2; ++c) critics.networks[c].forward(inputs, judged[c]);
  const Matrix &first = judged[0].outputs(), &second = judged[1].outputs();
  const auto samples = static_cast<Real>(observations.cols());
  const ActorLoss<Real> result{.loss = (temperature * drawn.log_probabilities - first.cwiseMin(second)).sum() / samples,
                               .log_probability = drawn.log_probabilities.sum() / samples};
  if (gradient == nullptr) return result;

  // ∂ min Q / ∂ action is that of the critic which is lower, and 0 where more of the action means no more.
  const Matrix first_is_lower = (first.array() <= second.array()).template cast<Real>();
  const Matrix second_is_lower = 1 - first_is_lower.array();
  Matrix of_action = critics.networks[0].backward(judged[0], first_is_lower, nullptr).bottomRows(1) +
                     critics.networks[1].backward(judged[1], second_is_lower, nullptr).bottomRows(1);
  of_action = (drawn.actions.array().abs() < critics.most_action).select(of_action, Real(0));
  // action = tanh(u), u = μ + σ·noise; ∂ log π / ∂u = 2 tanh u, and log σ is subtracted once.
  const Matrix of_u =
      2 * temperature * drawn.actions.array() - of_action.array() * (1 - drawn.actions.array().square());
  Matrix slope(2, observations.cols());
  slope.row(0) = of_u;
  slope.row(1) = (of_u.array() * drawn.deviations.array() * noise.array() - temperature) * (1 - drawn.clamped.array());
  actor.backward(pass, slope / samples, gradient);
  return result;
}

template <typename Real>
Real actor_pull(const Mlp<Real>& actor, const TwinCritics<Real>& critics,
                const typename Mlp<Real>::Matrix& observations, const std::vector<double>& candidates,
                typename Mlp<Real>::Vector* gradient) {
  using Matrix = typename Mlp<Real>::Matrix;
  typename Mlp<Real>::Pass pass;
  actor.forward(observations, pass);
  const Matrix mean = pass.outputs().row(0);
  const Matrix own = critics.values(observations, mean.array().tanh());
  Matrix best = own, wanted = mean;
  for (const double candidate : candidates) {
    const auto action = static_cast<Real>(candidate);
    const Matrix value = critics.values(observations, Matrix::Constant(1, own.cols(), action));
    wanted = (value.array() > best.array()).select(std::atanh(action), wanted);
    best = best.cwiseMax(value);
  }
  const auto samples = static_cast<Real>(own.cols());
  const Matrix away = mean - wanted, weight = (best - own) / samples;
  if (gradient != nullptr) {
    Matrix slope = Matrix::Zero(2, own.cols());
    slope.row(0) = weight.cwiseProduct(away);
    actor.backward(pass, std::move(slope), gradient);
  }
  return weight.cwiseProduct(away.cwiseAbs2()).sum() / 2;
}

template <typename Real>
SoftActorCritic<Real>::SoftActorCritic(Eigen::Index observations, SoftActorCriticOptions options,
                                       std::mt19937_64& random)
    : options_(std::move(options)),
      actor_(widths_of(observations, options_.hidden, 2)),
      critics_{{Mlp<Real>(widths_of(observations + 1, options_.hidden, 1)),
                Mlp<Real>(widths_of(observations + 1, options_.hidden, 1))},
               static_cast<Real>(options_.most_action)},
      target_critics_(critics_),
      actor_descent_(actor_.parameters().size(), static_cast<Real>(options_.rate)),
      critic_descents_{Adam<Real>(critics_.networks[0].parameters().size(), static_cast<Real>(options_.rate)),
                       Adam<Real>(critics_.networks[1].parameters().size(), static_cast<Real>(options_.rate))},
      temperature_descent_(1, static_cast<Real>(options_.rate)),
      log_temperature_(Vector::Constant(1, static_cast<Real>(std::log(options_.first_temperature)))) {
  actor_.initialise(random);
  for (Mlp<Real>& critic : critics_.networks) critic.initialise(random);
  target_critics_ = critics_;
}

template <typename Real>
Real SoftActorCritic<Real>::temperature() const {
  return std::exp(log_temperature_[0]);
}

// r + γ·(min Q̄(s', a') - α·log π(a'|s')), equations 2 and 5, a' drawn from the policy.
template <typename Real>
typename SoftActorCritic<Real>::Matrix SoftActorCritic<Real>::targets(const Transitions<Real>& batch,
                                                                      std::mt19937_64& random) const {
  typename Mlp<Real>::Pass pass;
  actor_.forward(batch.next_observations, pass);
  const auto drawn = squash<Real>(pass.outputs(), noise_of<Real>(batch.rewards.cols(), random));
  const auto target = static_cast<Real>(options_.target_entropy);
  const Matrix beyond = -drawn.log_probabilities.array() - target;
  const Matrix values = target_critics_.values(batch.next_observations, drawn.actions) + temperature() * beyond;
  return batch.rewards + static_cast<Real>(options_.discount) * batch.goes_on.cwiseProduct(values);
}

template <typename Real>
void SoftActorCritic<Real>::update_critics(const Transitions<Real>& batch, std::mt19937_64& random) {
  const Matrix wanted = targets(batch, random);
  const Matrix inputs = critics_.inputs(batch.observations, batch.actions);
  const auto rate = static_cast<Real>(options_.target_rate);
  for (std::size_t c = 0; c < 2; ++c) {
    Mlp<Real>& critic = critics_.networks[c];
    Vector gradient = Vector::Zero(critic.parameters().size());
    critic_loss<Real>(critic, inputs, wanted, &gradient);
    critic_descents_[c].step(gradient, critic.parameters());
    Vector& followers = target_critics_.networks[c].parameters();
    followers += rate * (critic.parameters() - followers);
  }
}

template <typename Real>
void SoftActorCritic<Real>::update_actor(const Matrix& observations, std::mt19937_64& random) {
  Vector gradient = Vector::Zero(actor_.parameters().size());
  const ActorLoss<Real> loss = actor_loss<Real>(actor_, critics_, observations,
                                                noise_of<Real>(observations.cols(), random), temperature(), &gradient);
  if (!options_.candidates.empty()) actor_pull<Real>(actor_, critics_, observations, options_.candidates, &gradient);
  actor_descent_.step(gradient, actor_.parameters());
  // The slope over log α of -log α·(log π + target): implementations have it in place of equation 18's over α.
  const Real above = loss.log_probability + static_cast<Real>(options_.target_entropy);
  temperature_descent_.step(Vector::Constant(1, -above), log_temperature_);
}

template <typename Real>
void SoftActorCritic<Real>::update(const Transitions<Real>& batch, std::mt19937_64& random) {
  update_critics(batch, random);
  update_actor(batch.observations, random);
}

// What tests compare with finite differences.
using Doubles = Mlp<double>::Matrix;
using Gradient = Mlp<double>::Vector;
template struct TwinCritics<double>;
template SquashedActions<double> squash<double>(const Doubles&, const Doubles&);
template double critic_loss<double>(const Mlp<double>&, const Doubles&, const Doubles&, Gradient*);
template ActorLoss<double> actor_loss<double>(const Mlp<double>&, const TwinCritics<double>&, const Doubles&,
                                              const Doubles&, double, Gradient*);
template double actor_pull<double>(const Mlp<double>&, const TwinCritics<double>&, const Doubles&,
                                   const std::vector<double>&, Gradient*);
template class SoftActorCritic<float>;
template class SoftActorCritic<double>;
template SquashedActions<float> squash<float>(const Mlp<float>::Matrix&, const Mlp<float>::Matrix&);

}  // namespace sparseloom::place
