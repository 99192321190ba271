#pragma once

#include <string>
#include <vector>

#include "sparseloom/base/json.h"
#include "sparseloom/profile/estimate/estimate.h"

namespace sparseloom::report {

/// A table's columns about an estimator's run, and their cells.
const std::vector<std::string>& estimator_header();
std::vector<std::string> estimator_cells(const profile::EstimatorReport& report);

/// What `profile --mode estimate` made, cost and is worth, for programs (docs/estimators.md has the keys).
Json estimate_json(const zoo::Zoo& zoo, const soc::Soc& soc, profile::EstimatorKind estimator,
                   const profile::Estimated& estimated);

/// The same for people, on standard output.
void print_estimates(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Estimated& estimated);

}  // namespace sparseloom::report
