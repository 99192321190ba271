#include "apps/kernels/contenders.h"

#include <array>

#include "sparseloom/backend/sparse/layers.h"

namespace sparseloom::apps::kernels {
namespace {

namespace sparse = backend::sparse;

class Sparseloom final : public Prepared {
 public:
  Sparseloom(const LayerData& data, sparse::Matrix matrix)
      : data_(data), matrix_(std::move(matrix)), y_(data.shape.y_elements()) {}

  Status run() override {
    if (const auto* shape = std::get_if<sparse::LinearShape>(&data_.shape.of)) {
      sparse::linear(matrix_, data_.bias, data_.x.data(), shape->positions, {}, y_.data(), scratch_);
    } else {
      const auto& convolution = std::get<sparse::ConvolutionShape>(data_.shape.of);
      sparse::convolve(matrix_, data_.bias, convolution, data_.x.data(), 1, {}, y_.data(), scratch_);
    }
    return {};
  }
  std::span<const float> y() const override { return y_; }

 private:
  LayerData data_;
  sparse::Matrix matrix_;
  std::vector<float> y_;
  sparse::Scratch scratch_;
};

Result<std::unique_ptr<Prepared>> prepare_sparseloom(const LayerData& data) {
  SL_ASSIGN_OR_RETURN(
      sparse::Matrix matrix,
      sparse::Matrix::compress(data.weights, data.shape.outputs, data.shape.inputs(), sparse::kernels::panel_width()));
  return std::unique_ptr<Prepared>(std::make_unique<Sparseloom>(data, std::move(matrix)));
}

class Dense final : public Prepared {
 public:
  static Result<std::unique_ptr<Prepared>> prepare(const LayerData& data, backend::LayerPrecision precision) {
    auto dense = std::make_unique<Dense>();
    SL_ASSIGN_OR_RETURN(dense->executable_,
                        backend::compile_dense_layer(data.shape, data.weights, data.bias, precision, {}));
    SL_ASSIGN_OR_RETURN(dense->session_, dense->executable_->new_session());
    dense->y_ = HostBuffer(data.shape.y_elements() * sizeof(float));
    SL_RETURN_IF_ERROR(dense->session_->bind_input(0, std::as_bytes(data.x)));
    SL_RETURN_IF_ERROR(dense->session_->bind_output(0, dense->y_.span()));
    return std::unique_ptr<Prepared>(std::move(dense));
  }
  Status run() override { return session_->run(); }
  std::span<const float> y() const override {
    return {reinterpret_cast<const float*>(y_.data()), y_.size() / sizeof(float)};
  }

 private:
  std::unique_ptr<backend::Executable> executable_;
  std::unique_ptr<backend::Session> session_;
  HostBuffer y_;
};

Result<std::unique_ptr<Prepared>> prepare_fp32(const LayerData& data) {
  return Dense::prepare(data, backend::LayerPrecision::kF32);
}

Result<std::unique_ptr<Prepared>> prepare_int8(const LayerData& data) {
  return Dense::prepare(data, backend::LayerPrecision::kI8);
}

constexpr std::array kContenders{
    Contender{"sparseloom", Kind::kOurs, prepare_sparseloom}, Contender{"OpenVINO FP32", Kind::kDense, prepare_fp32},
    Contender{"OpenVINO INT8", Kind::kDense, prepare_int8},   Contender{"Eigen", Kind::kSparse, prepare_eigen},
    Contender{"XNNPACK", Kind::kSparse, prepare_xnnpack},
};

}  // namespace

std::span<const Contender> contenders() { return kContenders; }

bool is_product(const backend::LayerShape& shape) {
  const auto* c = std::get_if<sparse::ConvolutionShape>(&shape.of);
  return c == nullptr || (c->kernel_height == 1 && c->kernel_width == 1 && c->stride == 1);
}

}  // namespace sparseloom::apps::kernels
