#include "sparseloom/engine/replanner.h"

#include <algorithm>
#include <cmath>

#include "sparseloom/plan/predict.h"
#include "sparseloom/profile/change_latencies.h"

namespace sparseloom::engine {

Result<plan::Plan> plan_slowed(const plan::Problem& quiet, const plan::Planner& planner,
                               const std::vector<double>& slowdowns) {
  profile::Profile corrected = profile::slowed(quiet.profile, slowdowns);
  corrected.contention = {};  // what idling costs is in the slow-downs
  SL_ASSIGN_OR_RETURN(plan::Plan plan,
                      planner.plan({quiet.zoo, quiet.soc, corrected, quiet.slo, quiet.memory_budget, quiet.load}));
  for (plan::TaskPlan& task : plan.tasks) {
    for (std::size_t i = 0; i < task.estimates.size(); ++i) {
      const double slowdown = slowdowns[task.placement[i].index()];
      task.estimates[i].latency /= slowdown;
      task.estimates[i].model_latency /= slowdown;
    }
  }
  return plan;
}

Replanner::Replanner(ReplannerInput input, std::shared_ptr<const plan::Plan> active, ReplannerOptions options,
                     std::vector<double> slowdowns)
    : in_(input), active_(std::move(active)), options_(options), considered_(std::move(slowdowns)) {
  considered_.resize(input.soc.processors.places(), 1.0);
}

bool Replanner::drifted(const std::vector<double>& slowdowns) const {
  for (std::size_t p = 0; p < considered_.size(); ++p) {
    if (std::abs(slowdowns[p] / considered_[p] - 1) > options_.threshold) return true;
  }
  return false;
}

Result<std::shared_ptr<const plan::Plan>> Replanner::consider(const std::vector<double>& slowdowns) {
  std::shared_ptr<const plan::Plan> none;
  if (!drifted(slowdowns)) return none;
  considered_ = slowdowns;
  const plan::Problem quiet{in_.zoo, in_.soc, in_.profile, in_.slo, in_.memory_budget, in_.load};
  SL_ASSIGN_OR_RETURN(plan::Plan plan, plan_slowed(quiet, in_.planner, slowdowns));
  profile::Profile corrected = profile::slowed(in_.profile, slowdowns);
  corrected.contention = {};
  const plan::Problem problem{in_.zoo, in_.soc, corrected, in_.slo, in_.memory_budget, in_.load};
  const double now = plan::predict_responses(problem, *active_).expected_violation_rate;
  const double then = plan::predict_responses(problem, plan).expected_violation_rate;
  if (now - then < std::max(options_.worth, options_.worth_of_late * now)) return none;
  active_ = std::make_shared<const plan::Plan>(std::move(plan));
  return active_;
}

}  // namespace sparseloom::engine
