#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/place/evaluate.h"
#include "sparseloom/place/threshold_features.h"
#include "sparseloom/place/thresholds.h"
#include "sparseloom/zoo/chain.h"

namespace sparseloom::profile {

/// How features are brought to one scale before the network sees them: (x - mean) / scale.
template <std::size_t N>
struct Scaling {
  std::array<float, N> mean{}, scale{};
};

/// Predicts the thresholds of SparOA (our reading of arXiv 2511.19457) by a network that reads the groups of a model in
/// order (docs/hybrid.md). It scores the values that either threshold may take (place::ThresholdValues), spread
/// by rank; the two of the highest scores are the prediction. Not thread-safe.
class ThresholdPredictor {
 public:
  /// Reads a predictor: a JSON file (tools/place writes it) that names the network's file beside it. kNotFound;
  /// kMalformed; kFailedPrecondition: of another version or feature set, or a network of other shapes.
  static Result<ThresholdPredictor> load(const backend::Runtime& runtime, const std::filesystem::path& file);

  /// For a table that place::check() accepts. Errors: those of place::threshold_features() and of running the network.
  Result<place::Thresholds> predict(const place::CostTable& table, place::CostModel model);

 private:
  explicit ThresholdPredictor(zoo::Chain network) : network_(std::move(network)) {}

  Scaling<place::kGroupFeatures.size()> groups_;
  Scaling<place::kMachineFeatures.size()> machine_;
  zoo::Chain network_;
};

}  // namespace sparseloom::profile
