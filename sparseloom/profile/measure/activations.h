#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/zoo/dataset.h"

namespace sparseloom::profile {

/// Positions next to each other that a vector instruction works on at once.
inline constexpr std::size_t kPanel = 16;

/// Zeros in a tensor, as shares of 0..1.
struct ActivationZeros {
  double elements = 0;  ///< of its numbers
  /// Of its panels those that are zero throughout: kPanel neighbouring positions of one channel or feature. Of a tensor
  /// of four axes or more positions are what follows the channels, of others what stands before the last axis; a
  /// last panel may be shorter.
  double panels = 0;
};

/// The same of one tensor's data, whole. Both zeros of floating-point types count. O(elements).
ActivationZeros zeros_of(const TensorSpec& spec, std::span<const std::byte> data);

/// Runs the model (as OpenVINO's own kernels compute it, on one core) on the first `samples` of `data`, whose inputs
/// are the model's `inputs` in that order, and looks at `tensors`, any of its graph. By tensor the mean over samples.
/// kCancelled if `stopped` says so between samples.
Result<std::vector<ActivationZeros>> measure_activations(const backend::Runtime& runtime, const backend::Model& model,
                                                         const std::vector<backend::EdgeId>& inputs,
                                                         const std::vector<backend::EdgeId>& tensors,
                                                         const zoo::Dataset& data, std::size_t samples,
                                                         const std::function<bool()>& stopped);

}  // namespace sparseloom::profile
