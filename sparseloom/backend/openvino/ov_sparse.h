// Private to this folder: layers with sparse weights inside OpenVINO's graphs.
#pragma once

#include <filesystem>
#include <openvino/core/model.hpp>

#include "sparseloom/backend/runtime.h"

namespace sparseloom::backend {

/// What use_sparse_layers() is to do.
struct SparseLayersWanted {
  SparseLayers which = SparseLayers::kWhereFaster;
  int threads = 1;               ///< that a layer may use
  std::filesystem::path folder;  ///< weights are kept here and mapped; empty: in memory
};

/// Replaces linear layers and convolutions of `model` whose weights are at least 30 % zeros, each with the quantization
/// of its input before it and the bias, residual sum and ReLU behind it, by operators that run backend/sparse; returns
/// how many. kWhereFaster: only those that were faster when measured now, beside OpenVINO's dense layer of the same
/// shape. Weights are floating-point constants, or i8 with one scale per output. Whatever does not fit stays as it is.
Result<std::size_t> use_sparse_layers(ov::Model& model, const SparseLayersWanted& wanted);

}  // namespace sparseloom::backend
