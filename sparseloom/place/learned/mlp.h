// learned: reinforcement learning that places operators (our reading of SparOA's scheduler, arXiv 2511.19457). Nothing
// here knows Eigen but what includes this header.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <random>
#include <vector>

namespace sparseloom::place {

/// A multi-layer perceptron: linear layers, all but the last followed by a rectifier. Samples are columns. `Real` is
/// float where it learns and double where a test compares gradients with finite differences.
template <typename Real>
class Mlp {
 public:
  using Matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<Real, Eigen::Dynamic, 1>;

  /// Inputs, neurons of every hidden layer, outputs; at least two numbers. All parameters are 0.
  explicit Mlp(std::vector<Eigen::Index> widths);

  /// Weights evenly from ±√(6 / inputs) (He et al. 2015), of the last layer a hundredth of that; biases 0.
  void initialise(std::mt19937_64& random);

  /// What backward() needs of a forward(): what each layer reads, and at last the outputs.
  struct Pass {
    std::vector<Matrix> layers;
    const Matrix& outputs() const { return layers.back(); }
  };
  /// O(parameters · samples).
  void forward(const Matrix& inputs, Pass& pass) const;

  /// From ∂loss/∂outputs to ∂loss/∂inputs; adds ∂loss/∂parameters to `gradient` unless that is null.
  Matrix backward(const Pass& pass, Matrix slope, Vector* gradient) const;

  /// Layer by layer the weights, by input and then output, then the biases.
  const Vector& parameters() const { return parameters_; }
  Vector& parameters() { return parameters_; }
  const std::vector<Eigen::Index>& widths() const { return widths_; }

 private:
  std::size_t layers() const { return widths_.size() - 1; }

  std::vector<Eigen::Index> widths_;
  std::vector<Eigen::Index> offsets_;  // by layer: of its first parameter
  Vector parameters_;
};

/// Numbers of the parameters of such a network.
Eigen::Index parameter_count(const std::vector<Eigen::Index>& widths);

/// Stochastic gradient descent with moments (Adam: Kingma, Ba 2015).
template <typename Real>
class Adam {
 public:
  using Vector = typename Mlp<Real>::Vector;
  Adam(Eigen::Index parameters, Real rate);
  void step(const Vector& gradient, Vector& parameters);

 private:
  Real rate_;
  Real first_power_ = 1, second_power_ = 1;
  Vector first_, second_;
};

extern template class Mlp<float>;
extern template class Mlp<double>;
extern template class Adam<float>;
extern template class Adam<double>;

}  // namespace sparseloom::place
