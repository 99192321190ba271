// Private to apps: methods of placing operators, with what those need that have learned something.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/place/learned/policy.h"
#include "sparseloom/place/placers.h"
#include "sparseloom/profile/threshold_predictor.h"

namespace sparseloom::apps {

/// A method that goes by predicted thresholds has them predicted: that is part of deciding. The predictor is read when
/// it is first needed; with none the method says why. Not thread-safe.
class LearnedMethods {
 public:
  /// `runtime` must outlive it.
  explicit LearnedMethods(const backend::Runtime& runtime) : runtime_(runtime) {}

  Result<place::Placed> place(const place::Placer& method, const place::CostTable& table, place::PlacerOptions options);

 private:
  const backend::Runtime& runtime_;
  std::optional<Result<profile::ThresholdPredictor>> predictor_;
};

/// What --policy names; null if it names none. Errors: those of read_file() and place::parse_policy().
Result<std::shared_ptr<const place::SacPolicy>> read_policy(const std::string& file);

}  // namespace sparseloom::apps
