#pragma once

#include <filesystem>

#include "sparseloom/backend/runtime.h"

namespace sparseloom::bench::kernels {

/// What loading a model once costs a fresh process.
struct LoadCost {
  Seconds time{0};
  Bytes resident;  ///< kept after an inference: heap, and resident pages of the model's and the cache's files
  std::size_t sparse_layers = 0;
};

/// Loads `model` in a child process, on the first CPUs allowed. Call it while this process has one thread.
Result<LoadCost> measure_load(const std::filesystem::path& model, const backend::CompileOptions& options);

}  // namespace sparseloom::bench::kernels
