// Who runs a layer, ours and others, behind one interface. The libraries that we compare with are known here only.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "bench/kernels/layers.h"
#include "sparseloom/base/status.h"

namespace sparseloom::bench::kernels {

/// One layer with its numbers, which outlive whoever runs it; 64-byte aligned.
struct LayerData {
  const backend::LayerShape& shape;
  std::span<const float> weights;  ///< outputs x inputs, most of them zero
  std::span<const float> bias;
  std::span<const float> x;
  int threads = 1;
};

/// A layer made ready by one contender.
class Prepared {
 public:
  virtual ~Prepared() = default;
  virtual Status run() = 0;
  /// Called after a run, outside its time: threads that would go on spinning stop, so that others can use their CPUs.
  virtual void rest() {}
  /// What the last run computed, in the layout of sparse::Linear or sparse::Convolution; empty if in another.
  virtual std::span<const float> y() const = 0;
};

struct Contender {
  std::string_view name;
  /// Null if it has no kernel for such a layer, or none that uses so many threads.
  Result<std::unique_ptr<Prepared>> (*prepare)(const LayerData& data);
};

inline constexpr std::string_view kOurs = "sparseloom FP32";
inline constexpr std::string_view kOursInt8 = "sparseloom INT8";
inline constexpr std::string_view kDense = "OpenVINO FP32";
inline constexpr std::string_view kDenseInt8 = "OpenVINO INT8";

/// Ours; OpenVINO's dense ones; Eigen's and XNNPACK's sparse kernels, FP32.
std::span<const Contender> contenders();

Result<std::unique_ptr<Prepared>> prepare_eigen(const LayerData& data);
Result<std::unique_ptr<Prepared>> prepare_xnnpack(const LayerData& data);

/// Whether the layer is a product of the weights with a matrix as it lies in memory: linear, or a 1x1 convolution.
bool is_product(const backend::LayerShape& shape);

}  // namespace sparseloom::bench::kernels
