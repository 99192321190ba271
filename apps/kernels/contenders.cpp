#include "apps/kernels/contenders.h"

#include <array>

#include "sparseloom/backend/sparse/layers.h"

namespace sparseloom::apps::kernels {
namespace {

namespace sparse = backend::sparse;

template <typename SparseLayer>
class Sparseloom final : public Prepared {
 public:
  Sparseloom(const LayerData& data, SparseLayer layer, std::size_t count)
      : layer_(std::move(layer)), bias_(data.bias), x_(data.x), count_(count), y_(data.shape.y_elements()) {}
  Status run() override {
    layer_.run(x_.data(), count_, {.bias = bias_.data()}, y_.data(), scratch_);
    return {};
  }
  std::span<const float> y() const override { return y_; }

 private:
  SparseLayer layer_;
  std::span<const float> bias_, x_;
  std::size_t count_;  // of positions, or of images
  std::vector<float> y_;
  sparse::Scratch scratch_;
};

Result<std::unique_ptr<Prepared>> prepare_sparseloom(const LayerData& data) {
  const backend::LayerShape& shape = data.shape;
  const std::size_t width = sparse::kernels::layout();
  SL_ASSIGN_OR_RETURN(auto matrix, sparse::Matrix::compress(data.weights, shape.outputs, shape.inputs(), width));
  if (const auto* linear = std::get_if<sparse::LinearShape>(&shape.of)) {
    sparse::Linear layer(std::move(matrix));
    return std::unique_ptr<Prepared>(
        std::make_unique<Sparseloom<sparse::Linear>>(data, std::move(layer), linear->positions));
  }
  SL_ASSIGN_OR_RETURN(auto layer,
                      sparse::Convolution::make(std::move(matrix), std::get<sparse::ConvolutionShape>(shape.of)));
  return std::unique_ptr<Prepared>(std::make_unique<Sparseloom<sparse::Convolution>>(data, std::move(layer), 1));
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
    Contender{"sparseloom", Kind::kOurs, prepare_sparseloom}, Contender{kDense, Kind::kDense, prepare_fp32},
    Contender{kDenseInt8, Kind::kDense, prepare_int8},        Contender{"Eigen", Kind::kSparse, prepare_eigen},
    Contender{"XNNPACK", Kind::kSparse, prepare_xnnpack},
};

}  // namespace

std::span<const Contender> contenders() { return kContenders; }

bool is_product(const backend::LayerShape& shape) {
  const auto* c = std::get_if<sparse::ConvolutionShape>(&shape.of);
  return c == nullptr || (c->kernel_height == 1 && c->kernel_width == 1 && c->stride == 1);
}

}  // namespace sparseloom::apps::kernels
