#include <pthreadpool.h>
#include <xnnpack.h>

#include <limits>

#include "bench/kernels/contenders.h"
#include "bench/kernels/pinning.h"

namespace sparseloom::bench::kernels {
namespace {

struct Delete {
  void operator()(xnn_operator_t op) const { xnn_delete_operator(op); }
};
using Operator = std::unique_ptr<xnn_operator, Delete>;
struct Destroy {
  void operator()(pthreadpool_t pool) const { pthreadpool_destroy(pool); }
};
using Threads = std::unique_ptr<pthreadpool, Destroy>;

// None for one.
Threads make_threads(int count) {
  if (count == 1) return {};
  Threads threads(pthreadpool_create(static_cast<std::size_t>(count)));
  Places places(count);
  pthreadpool_parallelize_1d(
      threads.get(), [](void* context, std::size_t place) { static_cast<Places*>(context)->take(place); }, &places,
      static_cast<std::size_t>(count), 0);
  return threads;
}

// XNNPACK multiplies by sparse weights in 1x1 convolutions over images that are stored channel by channel. A linear
// layer is given to it as one, its tokens already transposed.
class XnnpackProduct final : public Prepared {
 public:
  XnnpackProduct(Operator op, std::vector<float> y, Threads threads)
      : op_(std::move(op)), y_(std::move(y)), threads_(std::move(threads)) {}
  Status run() override {
    if (xnn_run_operator(op_.get(), threads_.get()) == xnn_status_success) return {};
    return error(Code::kInternal, "XNNPACK: run failed");
  }
  void rest() override {
    if (threads_ == nullptr) return;
    pthreadpool_parallelize_1d(
        threads_.get(), [](void*, std::size_t) {}, nullptr, pthreadpool_get_threads_count(threads_.get()),
        PTHREADPOOL_FLAG_YIELD_WORKERS);
  }
  std::span<const float> y() const override { return {}; }

 private:
  Operator op_;
  std::vector<float> y_;
  Threads threads_;  // none for one
};

}  // namespace

Result<std::unique_ptr<Prepared>> prepare_xnnpack(const LayerData& data) {
  if (!is_product(data.shape)) return std::unique_ptr<Prepared>();
  if (xnn_initialize(nullptr) != xnn_status_success) return error(Code::kUnavailable, "XNNPACK: cannot start");
  const std::size_t inputs = data.shape.inputs(), outputs = data.shape.outputs;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  xnn_operator_t made = nullptr;
  auto status =
      xnn_create_convolution2d_nchw_f32(0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, inputs, outputs, inputs, outputs,
                                        data.weights.data(), data.bias.data(), -kInfinity, kInfinity, 0, &made);
  if (status != xnn_status_success) return std::unique_ptr<Prepared>();
  Operator op(made);
  std::vector<float> y(data.shape.y_elements());
  Threads threads = make_threads(data.threads);
  status =
      xnn_setup_convolution2d_nchw_f32(op.get(), 1, 1, data.shape.positions(), data.x.data(), y.data(), threads.get());
  if (status != xnn_status_success) return std::unique_ptr<Prepared>();
  return std::unique_ptr<Prepared>(std::make_unique<XnnpackProduct>(std::move(op), std::move(y), std::move(threads)));
}

}  // namespace sparseloom::bench::kernels
