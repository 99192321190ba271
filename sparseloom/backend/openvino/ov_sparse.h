// Private to this folder: layers with sparse weights inside OpenVINO's graphs.
#pragma once

#include <openvino/core/model.hpp>

#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {

/// Replaces linear layers and convolutions of `model` whose weights are at least 30 % zeros, each with the bias,
/// residual sum and ReLU that follow it, by operators that run backend/sparse; returns how many. kWhereFaster: only
/// those that were faster when measured now, beside OpenVINO's dense layer of the same shape with `threads` threads.
/// Quantized layers, grouped convolutions and weights that are no f32 or f16 constants stay as they are.
Result<std::size_t> use_sparse_layers(ov::Model& model, SparseLayers wanted, int threads);

}  // namespace sparseloom::backend
