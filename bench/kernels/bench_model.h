#pragma once

#include <string>

#include "sparseloom/base/status.h"

namespace sparseloom::bench::kernels {

struct ModelOptions {
  std::string model;
  std::string reference;  ///< a model that answers exactly as this one should; empty: none
  int rounds = 15;
  int threads = 1;
  std::string json;
};

/// Times a whole model with its pruned layers sparse where that is faster, beside OpenVINO alone, in one interleaved
/// run on the first cores allowed; checks that both answer the same; prints what came out.
Status bench_model(const ModelOptions& options);

}  // namespace sparseloom::bench::kernels
