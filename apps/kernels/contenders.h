// Who runs a layer, ours and others, behind one interface. The libraries that we compare with are known here only.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "apps/kernels/layers.h"
#include "sparseloom/base/status.h"

namespace sparseloom::apps::kernels {

/// One layer with its numbers, which outlive whoever runs it; 64-byte aligned.
struct LayerData {
  const backend::LayerShape& shape;
  std::span<const float> weights;  ///< outputs x inputs, most of them zero
  std::span<const float> bias;
  std::span<const float> x;
};

/// A layer made ready by one contender.
class Prepared {
 public:
  virtual ~Prepared() = default;
  virtual Status run() = 0;
  /// What the last run computed, in the layout of sparse::Linear or sparse::Convolution; empty if in another.
  virtual std::span<const float> y() const = 0;
};

enum class Kind { kOurs, kDense, kSparse };

struct Contender {
  std::string_view name;
  Kind kind;
  /// Null if it has no kernel for such a layer.
  Result<std::unique_ptr<Prepared>> (*prepare)(const LayerData& data);
};

inline constexpr std::string_view kDense = "OpenVINO FP32";
inline constexpr std::string_view kDenseInt8 = "OpenVINO INT8";

/// sparseloom; OpenVINO's dense FP32 and INT8; Eigen's and XNNPACK's sparse kernels. Ours first.
std::span<const Contender> contenders();

Result<std::unique_ptr<Prepared>> prepare_eigen(const LayerData& data);
Result<std::unique_ptr<Prepared>> prepare_xnnpack(const LayerData& data);

/// Whether the layer is a product of the weights with a matrix as it lies in memory: linear, or a 1x1 convolution.
bool is_product(const backend::LayerShape& shape);

}  // namespace sparseloom::apps::kernels
