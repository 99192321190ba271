// The network's backpropagation against finite differences, and what descends by it.
#include "sparseloom/place/learned/mlp.h"

#include <gtest/gtest.h>

#include "tests/support/finite_differences.h"

namespace sparseloom::place {
namespace {

using Network = Mlp<double>;

// A network with random parameters, biases too, so that no rectifier stands at its corner.
Network some_network(const std::vector<Eigen::Index>& widths, unsigned seed) {
  Network network(widths);
  network.parameters() = testing::random_matrix(network.parameters().size(), 1, seed);
  return network;
}

// Any loss will do: the outputs weighted.
double weighted(const Network& network, const Network::Matrix& inputs, const Network::Matrix& weights) {
  Network::Pass pass;
  network.forward(inputs, pass);
  return pass.outputs().cwiseProduct(weights).sum();
}

TEST(Mlp, GradientsAreThoseOfFiniteDifferences) {
  Network network = some_network({3, 5, 4, 2}, 1);
  Network::Matrix inputs = testing::random_matrix(3, 6, 2);
  const Network::Matrix weights = testing::random_matrix(2, 6, 3);
  Network::Pass pass;
  network.forward(inputs, pass);
  Network::Vector of_parameters = Network::Vector::Zero(network.parameters().size());
  const Network::Matrix of_inputs = network.backward(pass, weights, &of_parameters);
  const auto loss = [&] { return weighted(network, inputs, weights); };
  testing::expect_gradient(network.parameters().data(), of_parameters, loss);
  testing::expect_gradient(inputs.data(), of_inputs.reshaped(), loss);
}

TEST(Mlp, GradientsAddUp) {
  const Network network = some_network({2, 3, 1}, 4);
  Network::Pass pass;
  network.forward(testing::random_matrix(2, 4, 5), pass);
  const Network::Matrix slope = Network::Matrix::Ones(1, 4);
  Network::Vector once = Network::Vector::Zero(network.parameters().size());
  network.backward(pass, slope, &once);
  Network::Vector twice = once;
  network.backward(pass, slope, &twice);
  EXPECT_TRUE(twice.isApprox(2 * once));
}

TEST(Mlp, HasWeightsAndBiasesOfEveryLayer) {
  EXPECT_EQ(parameter_count({3, 5, 2}), 3 * 5 + 5 + 5 * 2 + 2);
  EXPECT_EQ(Network({3, 5, 2}).parameters().size(), parameter_count({3, 5, 2}));
}

TEST(Mlp, BeginsWithSmallAnswersThatASeedDecides) {
  std::mt19937_64 random(6), same(6);
  Network one({4, 16, 2}), other({4, 16, 2});
  one.initialise(random);
  other.initialise(same);
  EXPECT_EQ(one.parameters(), other.parameters());
  Network::Pass pass;
  one.forward(testing::random_matrix(4, 10, 7), pass);
  EXPECT_LT(pass.outputs().cwiseAbs().maxCoeff(), 0.1);
  EXPECT_GT(pass.outputs().cwiseAbs().maxCoeff(), 0);
}

TEST(Adam, FindsTheBottomOfABowl) {
  const Network::Vector bottom{{1, -2, 0.5}};
  Network::Vector at = Network::Vector::Zero(3);
  Adam<double> descent(3, 0.05);
  for (int step = 0; step < 400; ++step) descent.step(at - bottom, at);
  EXPECT_TRUE(at.isApprox(bottom, 1e-3)) << at.transpose();
}

TEST(Adam, ItsFirstStepIsAsLongAsItsRateWhateverTheSlope) {
  Network::Vector at = Network::Vector::Zero(2);
  Adam<double>(2, 0.1).step(Network::Vector{{1e3, -1e-3}}, at);
  EXPECT_NEAR(at[0], -0.1, 1e-4);
  EXPECT_NEAR(at[1], 0.1, 1e-4);
}

}  // namespace
}  // namespace sparseloom::place
