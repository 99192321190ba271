#pragma once

#include "apps/setup.h"
#include "sparseloom/base/json.h"
#include "sparseloom/profile/estimate.h"

namespace sparseloom::apps {

/// What `profile --mode estimate` made, cost and is worth, for programs (docs/estimators.md has the keys).
Json estimate_json(const Setup& setup, profile::EstimatorKind estimator, const profile::Estimated& estimated);

/// The same for people, on standard output.
void print_estimates(const Setup& setup, const profile::Estimated& estimated);

}  // namespace sparseloom::apps
