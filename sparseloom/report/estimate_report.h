#pragma once

#include <string>
#include <vector>

#include "apps/setup.h"
#include "sparseloom/base/json.h"
#include "sparseloom/profile/estimate.h"

namespace sparseloom::apps {

/// A table's columns about an estimator's run, and their cells.
const std::vector<std::string>& estimator_header();
std::vector<std::string> estimator_cells(const profile::EstimatorReport& report);

/// What `profile --mode estimate` made, cost and is worth, for programs (docs/estimators.md has the keys).
Json estimate_json(const Setup& setup, profile::EstimatorKind estimator, const profile::Estimated& estimated);

/// The same for people, on standard output.
void print_estimates(const Setup& setup, const profile::Estimated& estimated);

}  // namespace sparseloom::apps
