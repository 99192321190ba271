#include <Eigen/SparseCore>

#include "bench/kernels/contenders.h"

namespace sparseloom::bench::kernels {
namespace {

// Rows of positions, Eigen's fastest way to multiply by a sparse matrix: what a linear layer would pay to transpose its
// tokens is not counted.
using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Sparse = Eigen::SparseMatrix<float, Eigen::RowMajor, int>;

class EigenProduct final : public Prepared {
 public:
  explicit EigenProduct(const LayerData& data) {
    const auto outputs = static_cast<Eigen::Index>(data.shape.outputs);
    const auto inputs = static_cast<Eigen::Index>(data.shape.inputs());
    const auto positions = static_cast<Eigen::Index>(data.shape.positions());
    weights_ = Eigen::Map<const Rows>(data.weights.data(), outputs, inputs).sparseView();
    x_ = Eigen::Map<const Rows>(data.x.data(), inputs, positions);
    bias_ = Eigen::Map<const Eigen::VectorXf>(data.bias.data(), outputs);
    y_.resize(outputs, positions);
  }
  Status run() override {
    y_.colwise() = bias_;
    y_.noalias() += weights_ * x_;
    return {};
  }
  std::span<const float> y() const override { return {}; }

 private:
  Sparse weights_;
  Rows x_, y_;
  Eigen::VectorXf bias_;
};

}  // namespace

Result<std::unique_ptr<Prepared>> prepare_eigen(const LayerData& data) {
  if (!is_product(data.shape) || data.threads > 1) return std::unique_ptr<Prepared>();
  return std::unique_ptr<Prepared>(std::make_unique<EigenProduct>(data));
}

}  // namespace sparseloom::bench::kernels
