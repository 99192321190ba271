#include "bench/kernels/contenders.h"

#include <tbb/task_arena.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <variant>

#include "sparseloom/backend/sparse/layers.h"

namespace sparseloom::bench::kernels {
namespace {

namespace sparse = backend::sparse;

class Sparseloom final : public Prepared {
 public:
  static Result<std::unique_ptr<Prepared>> prepare(const LayerData& data, sparse::Weights weights) {
    const auto* shape = std::get_if<sparse::ConvolutionShape>(&data.shape.of);
    if (shape == nullptr) {
      return std::unique_ptr<Prepared>(std::make_unique<Sparseloom>(data, sparse::Linear(std::move(weights))));
    }
    SL_ASSIGN_OR_RETURN(auto layer, sparse::Convolution::make(std::move(weights), *shape));
    return std::unique_ptr<Prepared>(std::make_unique<Sparseloom>(data, std::move(layer)));
  }
  Sparseloom(const LayerData& data, std::variant<sparse::Linear, sparse::Convolution> layer)
      : data_(data),
        layer_(std::move(layer)),
        y_(data.shape.y_elements()),
        arena_(data.threads),
        for_each_(backend::for_each_on(data.threads)) {}
  Status run() override {
    const sparse::kernels::Epilogue epilogue{.bias = data_.bias.data()};
    const auto run = [&] {
      if (const auto* linear = std::get_if<sparse::Linear>(&layer_)) {
        linear->run(data_.x.data(), data_.shape.positions(), epilogue, y_.data(), for_each_);
      } else {
        std::get<sparse::Convolution>(layer_).run(data_.x.data(), 1, epilogue, y_.data(), for_each_);
      }
    };
    data_.threads > 1 ? arena_.execute(run) : run();
    return {};
  }
  std::span<const float> y() const override { return y_; }

 private:
  const LayerData data_;
  std::variant<sparse::Linear, sparse::Convolution> layer_;
  std::vector<float> y_;
  tbb::task_arena arena_;
  sparse::ForEach for_each_;
};

Result<std::unique_ptr<Prepared>> prepare_sparseloom(const LayerData& data) {
  const backend::LayerShape& shape = data.shape;
  SL_ASSIGN_OR_RETURN(auto matrix,
                      sparse::Matrix::compress(data.weights, shape.outputs, shape.inputs(), sparse::kernels::layout()));
  SL_ASSIGN_OR_RETURN(auto weights, sparse::Weights::make(std::move(matrix)));
  return Sparseloom::prepare(data, std::move(weights));
}

// The least of some runs.
Result<Seconds> time_of(Prepared& prepared) {
  using Clock = std::chrono::steady_clock;
  constexpr int kRuns = 5;
  Seconds least{1e9};
  for (int run = 0; run < kRuns; ++run) {
    const auto start = Clock::now();
    SL_RETURN_IF_ERROR(prepared.run());
    least = std::min<Seconds>(least, Clock::now() - start);
  }
  return least;
}

// As bytes or as floats, whichever is faster: as the provider chooses.
Result<std::unique_ptr<Prepared>> prepare_sparseloom_int8(const LayerData& data) {
  const backend::LayerShape& shape = data.shape;
  const std::size_t outputs = shape.outputs, inputs = shape.inputs();
  const backend::QuantizedLayer quantized = backend::quantize_layer(shape, data.weights);
  std::vector<float> values(quantized.integers.size());
  for (std::size_t k = 0; k < values.size(); ++k)
    values[k] = quantized.scales[k / inputs] * static_cast<float>(quantized.integers[k]);
  const sparse::Layout layout = sparse::kernels::layout();
  std::vector<sparse::Matrix> matrices;
  SL_ASSIGN_OR_RETURN(auto floats, sparse::Matrix::compress(values, outputs, inputs, layout));
  matrices.push_back(std::move(floats));
  SL_ASSIGN_OR_RETURN(auto bytes,
                      sparse::Matrix::compress(quantized.integers, quantized.scales, outputs, inputs, layout));
  matrices.push_back(std::move(bytes));
  std::unique_ptr<Prepared> best;
  Seconds least{0};
  for (sparse::Matrix& matrix : matrices) {
    SL_ASSIGN_OR_RETURN(auto weights, sparse::Weights::make(std::move(matrix), quantized.x));
    SL_ASSIGN_OR_RETURN(auto prepared, Sparseloom::prepare(data, std::move(weights)));
    SL_ASSIGN_OR_RETURN(const Seconds taken, time_of(*prepared));
    if (best != nullptr && taken >= least) continue;
    least = taken;
    best = std::move(prepared);
  }
  return best;
}

class Dense final : public Prepared {
 public:
  static Result<std::unique_ptr<Prepared>> prepare(const LayerData& data, backend::LayerPrecision precision) {
    auto dense = std::make_unique<Dense>();
    backend::CompileOptions options;
    options.threads = data.threads;
    SL_ASSIGN_OR_RETURN(dense->executable_,
                        backend::compile_dense_layer(data.shape, data.weights, data.bias, precision, options));
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
    Contender{kOurs, prepare_sparseloom}, Contender{kOursInt8, prepare_sparseloom_int8},
    Contender{kDense, prepare_fp32},      Contender{kDenseInt8, prepare_int8},
    Contender{"Eigen", prepare_eigen},    Contender{"XNNPACK", prepare_xnnpack},
};

}  // namespace

std::span<const Contender> contenders() { return kContenders; }

bool is_product(const backend::LayerShape& shape) {
  const auto* c = std::get_if<sparse::ConvolutionShape>(&shape.of);
  return c == nullptr || (c->kernel_height == 1 && c->kernel_width == 1 && c->stride == 1);
}

}  // namespace sparseloom::bench::kernels
