#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "sparseloom/engine/drift.h"
#include "sparseloom/plan/planner.h"

namespace sparseloom::engine {

/// The plan that `planner` makes for a machine on which every latency of a processor is as many times as long as
/// `slowdowns` (by processor) says. `quiet` has the profile of the quiet machine, and so have the plan's stage
/// estimates, so that Drift goes on to compare with it. Errors: those of the planner.
Result<plan::Plan> plan_slowed(const plan::Problem& quiet, const plan::Planner& planner,
                               const std::vector<double>& slowdowns);

/// What decides whether to re-plan; the referenced objects must outlive the Replanner.
struct ReplannerInput {
  const zoo::Zoo& zoo;
  const soc::Soc& soc;
  const profile::Profile& profile;  ///< as measured on the quiet machine
  const plan::SloConfig& slo;
  const plan::Planner& planner;
  const plan::Load* load = nullptr;  ///< what is being served; none: episodes
  std::optional<Bytes> memory_budget{};
};

struct ReplannerOptions {
  /// A processor's slow-down has changed if it differs by more than this share from what the active plan was made for.
  double threshold = 0.15;
  /// A new plan is worth switching to if it is expected to save at least this share of all requests from being late.
  double worth = 0.01;
  /// And this share of those that would be late: predictions are no better than that.
  double worth_of_late = 0.25;
};

/// Corrects the profile by what the engine measures, and re-plans when that puts SLOs at risk: online feedback. Holds
/// no thread and reads no clock: whoever owns it asks now and then. Not thread-safe.
class Replanner {
 public:
  /// `active` was made for the profile as it is, or as slow as `slowdowns`.
  Replanner(ReplannerInput input, std::shared_ptr<const plan::Plan> active, ReplannerOptions options = {},
            std::vector<double> slowdowns = {});

  /// The plan to switch to, given the slow-downs of now; none if nothing has changed, no SLO is at greater risk than
  /// before, or no better plan is found. Its stage estimates are those of the quiet machine, so that Drift goes on to
  /// compare with it. What it returns counts as active from then on. Costs a comparison while
  /// nothing drifts, else two predictions and a plan. Errors: those of the planner.
  Result<std::shared_ptr<const plan::Plan>> consider(const std::vector<double>& slowdowns);

  /// Whether the slow-downs differ from those that the active plan was last judged by: consider() has something to do.
  bool drifted(const std::vector<double>& slowdowns) const;

  const std::shared_ptr<const plan::Plan>& active() const { return active_; }

 private:
  ReplannerInput in_;
  std::shared_ptr<const plan::Plan> active_;
  ReplannerOptions options_;
  std::vector<double> considered_;  // the slow-downs that the active plan was last judged by
};

}  // namespace sparseloom::engine
