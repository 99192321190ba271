#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {

/// A plan and what it was asked to keep, as a plan file holds them (docs/plan-format.md). A value.
struct PlanFile {
  Plan plan;
  SloConfig slo;
  /// How the plan counts accuracies that were estimated and not measured, whatever the profile at hand says.
  profile::EstimateUse estimates = profile::EstimateUse::kValue;
  std::optional<Seconds> planning{};  ///< time that the planner took
};

/// What a plan is made for, and means nothing without. The referenced objects must outlive the call.
struct PlanTarget {
  const zoo::Zoo& zoo;
  const soc::Soc& soc;
  const profile::Profile& profile;
};

/// The text of a plan file: JSON, by names, ended by a newline. `file.plan` must be a plan for `target`. O(the
/// profile's entries), for its digest.
std::string format_plan(const PlanFile& file, const PlanTarget& target);

/// The reverse. Durations may differ from those written in the last bit, everything else is equal. `where` names the
/// file in messages. Thread-safe; same complexity.
/// kMalformed: not of the format (place, what arrived, what is allowed), or names that zoo and machine do not have.
/// kFailedPrecondition: of another format version, zoo, machine or profile; figures that are not the profile's; more
/// than one rung, or batches, which are of a later release.
Result<PlanFile> parse_plan(std::string_view text, const std::string& where, const PlanTarget& target);

}  // namespace sparseloom::plan
