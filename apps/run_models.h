#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sparseloom/base/status.h"

namespace sparseloom::apps {

/// `sparseloom run --model NAME=FILE ...`: plain model files, served once for every sample they are given.
struct RunModelsOptions {
  std::vector<std::string> models;     ///< NAME=FILE
  std::vector<std::string> shapes;     ///< NAME.INPUT=1,3,224,224
  std::vector<std::string> latencies;  ///< NAME=MS
  std::vector<std::string> inputs;     ///< NAME.INPUT=FILE.npy, or NAME=FILE.npy for a model's only input
  std::string outputs;                 ///< folder
  std::size_t requests = 0;            ///< of each model; 0: one per sample
  std::string memory;                  ///< empty: no limit
  std::string policy, json, trace;
  bool adapt = true, check = true;
  double grace_s = 5;
};

Status run_models(const RunModelsOptions& options);

}  // namespace sparseloom::apps
