// The losses of soft actor-critic against finite differences, the squashed Gaussian against its own density, and that
// what descends by them learns.
#include "sparseloom/place/learned/soft_actor_critic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tests/support/finite_differences.h"

namespace sparseloom::place {
namespace {

using Matrix = Mlp<double>::Matrix;
using Vector = Mlp<double>::Vector;

constexpr Eigen::Index kSeen = 3, kSamples = 7;

Mlp<double> made_up(Eigen::Index inputs, Eigen::Index outputs, unsigned seed) {
  Mlp<double> network({inputs, 6, 5, outputs});
  network.parameters() = testing::random_matrix(network.parameters().size(), 1, seed);
  return network;
}

TEST(Squash, ActionsAndDensitiesAreThoseOfASquashedGaussian) {
  const Matrix outputs{{0.3, -1.2, 2.0}, {-0.5, 0.2, -1.0}};
  const Matrix noise{{0.7, -0.4, 1.5}};
  const auto squashed = squash<double>(outputs, noise);
  for (Eigen::Index i = 0; i < 3; ++i) {
    const double deviation = std::exp(outputs(1, i)), before = outputs(0, i) + deviation * noise(0, i);
    const double action = std::tanh(before);
    EXPECT_NEAR(squashed.actions(0, i), action, 1e-12);
    const double z = (before - outputs(0, i)) / deviation;
    const double gauss = std::exp(-z * z / 2) / (deviation * std::sqrt(2 * std::numbers::pi));
    EXPECT_NEAR(squashed.log_probabilities(0, i), std::log(gauss / (1 - action * action)), 1e-9);
  }
}

TEST(Squash, FarOutNothingOverflows) {
  const auto squashed = squash<double>(Matrix{{400.0, -400.0}, {90.0, -90.0}}, Matrix{{1.0, 1.0}});
  EXPECT_TRUE(squashed.actions.allFinite());
  EXPECT_TRUE(squashed.log_probabilities.allFinite());
}

TEST(CriticLoss, GradientIsThatOfFiniteDifferences) {
  Mlp<double> critic = made_up(kSeen + 1, 1, 1);
  const Matrix seen = testing::random_matrix(kSeen, kSamples, 2), actions = testing::random_matrix(1, kSamples, 3);
  const Matrix targets = testing::random_matrix(1, kSamples, 4);
  const Matrix inputs = TwinCritics<double>{{critic, critic}}.inputs(seen, actions);
  Vector gradient = Vector::Zero(critic.parameters().size());
  critic_loss<double>(critic, inputs, targets, &gradient);
  testing::expect_gradient(critic.parameters().data(), gradient,
                           [&] { return critic_loss<double>(critic, inputs, targets, nullptr); });
}

// Through both critics, the squashing, the noise and the density.
TEST(ActorLoss, GradientIsThatOfFiniteDifferences) {
  Mlp<double> actor = made_up(kSeen, 2, 5);
  const TwinCritics<double> critics{{made_up(kSeen + 1, 1, 6), made_up(kSeen + 1, 1, 7)}};
  const Matrix seen = testing::random_matrix(kSeen, kSamples, 8), noise = testing::random_matrix(1, kSamples, 9);
  for (const double temperature : {0.0, 0.3}) {
    Vector gradient = Vector::Zero(actor.parameters().size());
    actor_loss<double>(actor, critics, seen, noise, temperature, &gradient);
    testing::expect_gradient(actor.parameters().data(), gradient, [&] {
      return actor_loss<double>(actor, critics, seen, noise, temperature, nullptr).loss;
    });
  }
}

TEST(ActorLoss, ADeviationOutOfItsRangeHasNoSlope) {
  Mlp<double> actor = made_up(kSeen, 2, 10);
  actor.parameters().tail(1)[0] = 50;  // the bias of log σ
  const TwinCritics<double> critics{{made_up(kSeen + 1, 1, 11), made_up(kSeen + 1, 1, 12)}};
  Vector gradient = Vector::Zero(actor.parameters().size());
  const Matrix seen = testing::random_matrix(kSeen, kSamples, 13), noise = testing::random_matrix(1, kSamples, 14);
  actor_loss<double>(actor, critics, seen, noise, 0.1, &gradient);
  EXPECT_EQ(gradient.tail(1)[0], 0);
}

// Its slope takes what a candidate is better by for a constant, as the update does.
TEST(ActorPull, PullsTowardsTheBestCandidateAndNotWhereThereIsNoBetter) {
  Mlp<double> actor = made_up(kSeen, 2, 20);
  const TwinCritics<double> critics{{made_up(kSeen + 1, 1, 21), made_up(kSeen + 1, 1, 22)}};
  const Matrix seen = testing::random_matrix(kSeen, kSamples, 23);
  Vector gradient = Vector::Zero(actor.parameters().size());
  const double pull = actor_pull<double>(actor, critics, seen, {-0.9, 0.9}, &gradient);
  EXPECT_GT(pull, 0);
  actor.parameters() -= 1e-4 * gradient;
  EXPECT_LT(actor_pull<double>(actor, critics, seen, {-0.9, 0.9}, nullptr), pull);
  Vector none = Vector::Zero(actor.parameters().size());
  EXPECT_EQ(actor_pull<double>(actor, critics, seen, {}, &none), 0);
  EXPECT_TRUE(none.isZero());
}

TEST(Normal, HasTheMomentsOfTheStandardNormalDistribution) {
  std::mt19937_64 random(15);
  constexpr int kDraws = 20'000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = normal(random);
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.03);
  EXPECT_NEAR(squares / kDraws, 1, 0.05);
  EXPECT_NEAR(fourth / kDraws, 3, 0.3);
}

// Episodes of one step; the best action is 0.4 where 1 is seen, and -0.4 where -1 is.
Transitions<double> bandit(std::mt19937_64& random) {
  Transitions<double> batch;
  batch.observations.resize(1, 32);
  batch.actions.resize(1, 32);
  for (Eigen::Index i = 0; i < 32; ++i) {
    batch.observations(0, i) = random() % 2 == 0 ? 1 : -1;
    batch.actions(0, i) = 2 * uniform(random) - 1;
  }
  batch.next_observations = batch.observations;
  batch.rewards = -4 * (batch.actions - 0.4 * batch.observations).cwiseAbs2();
  batch.goes_on = Matrix::Zero(1, 32);
  return batch;
}

TEST(SoftActorCritic, LearnsTheBestActionOfWhatItSees) {
  std::mt19937_64 random(16);
  SoftActorCritic<double> agent(1, {.hidden = {16}, .rate = 1e-2, .target_entropy = -1}, random);
  for (int step = 0; step < 500; ++step) agent.update(bandit(random), random);
  for (const double seen : {1.0, -1.0}) {
    Mlp<double>::Pass pass;
    agent.actor().forward(Matrix::Constant(1, 1, seen), pass);
    EXPECT_NEAR(std::tanh(pass.outputs()(0, 0)), 0.4 * seen, 0.1);
  }
}

TEST(SoftActorCritic, TheTemperatureRisesWhileThereIsTooLittleEntropyAndFallsElse) {
  for (const double target : {-8.0, 8.0}) {  // below, and above what a squashed Gaussian has
    std::mt19937_64 random(17);
    SoftActorCritic<double> agent(1, {.hidden = {8}, .rate = 1e-2, .target_entropy = target}, random);
    const double before = agent.temperature();
    for (int step = 0; step < 20; ++step) agent.update(bandit(random), random);
    EXPECT_EQ(agent.temperature() > before, target > 0) << target;
  }
}

TEST(SoftActorCritic, TheSameSeedLearnsTheSame) {
  const auto learned = [](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    SoftActorCritic<double> agent(1, {.hidden = {8}}, random);
    for (int step = 0; step < 10; ++step) agent.update(bandit(random), random);
    return agent.actor().parameters();
  };
  EXPECT_EQ(learned(18), learned(18));
  EXPECT_NE(learned(18), learned(19));
}

}  // namespace
}  // namespace sparseloom::place
