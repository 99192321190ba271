#include "sparseloom/place/learned/mlp.h"

#include <cmath>
#include <utility>

#include "sparseloom/base/uniform.h"

namespace sparseloom::place {

Eigen::Index parameter_count(const std::vector<Eigen::Index>& widths) {
  Eigen::Index count = 0;
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) count += (widths[l] + 1) * widths[l + 1];
  return count;
}

template <typename Real>
Mlp<Real>::Mlp(std::vector<Eigen::Index> widths) : widths_(std::move(widths)) {
  Eigen::Index offset = 0;
  for (std::size_t l = 0; l < layers(); ++l) {
    offsets_.push_back(offset);
    offset += (widths_[l] + 1) * widths_[l + 1];
  }
  parameters_ = Vector::Zero(offset);
}

template <typename Real>
void Mlp<Real>::initialise(std::mt19937_64& random) {
  constexpr double kOfLast = 0.01;  // so that it begins with even answers
  parameters_.setZero();
  for (std::size_t l = 0; l < layers(); ++l) {
    const double most = std::sqrt(6.0 / static_cast<double>(widths_[l])) * (l + 1 == layers() ? kOfLast : 1);
    for (Eigen::Index i = 0; i < widths_[l] * widths_[l + 1]; ++i)
      parameters_[offsets_[l] + i] = static_cast<Real>((2 * uniform(random) - 1) * most);
  }
}

template <typename Real>
void Mlp<Real>::forward(const Matrix& inputs, Pass& pass) const {
  pass.layers.resize(layers() + 1);
  pass.layers[0] = inputs;
  for (std::size_t l = 0; l < layers(); ++l) {
    const Eigen::Map<const Matrix> weights(parameters_.data() + offsets_[l], widths_[l + 1], widths_[l]);
    const Eigen::Map<const Vector> biases(weights.data() + weights.size(), widths_[l + 1]);
    Matrix& to = pass.layers[l + 1];
    to.noalias() = weights * pass.layers[l];
    to.colwise() += biases;
    if (l + 1 < layers()) to = to.cwiseMax(Real(0));
  }
}

template <typename Real>
typename Mlp<Real>::Matrix Mlp<Real>::backward(const Pass& pass, Matrix slope, Vector* gradient) const {
  for (std::size_t l = layers(); l-- > 0;) {
    const Eigen::Map<const Matrix> weights(parameters_.data() + offsets_[l], widths_[l + 1], widths_[l]);
    if (gradient != nullptr) {
      Eigen::Map<Matrix> of_weights(gradient->data() + offsets_[l], widths_[l + 1], widths_[l]);
      Eigen::Map<Vector> of_biases(of_weights.data() + of_weights.size(), widths_[l + 1]);
      of_weights.noalias() += slope * pass.layers[l].transpose();
      of_biases += slope.rowwise().sum();
    }
    Matrix before = weights.transpose() * slope;
    if (l > 0) before.array() *= (pass.layers[l].array() > Real(0)).template cast<Real>();
    slope = std::move(before);
  }
  return slope;
}

template <typename Real>
Adam<Real>::Adam(Eigen::Index parameters, Real rate)
    : rate_(rate), first_(Vector::Zero(parameters)), second_(Vector::Zero(parameters)) {}

template <typename Real>
void Adam<Real>::step(const Vector& gradient, Vector& parameters) {
  constexpr auto kFirst = Real(0.9), kSecond = Real(0.999), kLeast = Real(1e-8);
  first_power_ *= kFirst;
  second_power_ *= kSecond;
  first_ = kFirst * first_ + (1 - kFirst) * gradient;
  second_ = kSecond * second_ + (1 - kSecond) * gradient.cwiseAbs2();
  const Real rate = rate_ * std::sqrt(1 - second_power_) / (1 - first_power_);
  parameters.array() -= rate * first_.array() / (second_.array().sqrt() + kLeast);
}

template class Mlp<float>;
template class Mlp<double>;
template class Adam<float>;
template class Adam<double>;

}  // namespace sparseloom::place
