#include "sparseloom/sched/outlook.h"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

namespace sparseloom::sched {

StageTimes stage_times(std::vector<Seconds> next) {
  StageTimes times{std::move(next), {}};
  for (std::size_t first = 0; first < times.next.size(); ++first) {
    Seconds sum{0};
    for (std::size_t i = first; i < times.next.size(); ++i) sum += times.next[i];
    times.remaining.push_back(sum);
  }
  return times;
}

Outlook::Outlook(const plan::TaskPlan& plan) {
  if (plan.estimates.size() != plan.sigma.size()) {
    throw std::out_of_range(fmt::format("{} estimates for {} stages", plan.estimates.size(), plan.sigma.size()));
  }
  std::vector<Seconds> model, pattern;
  for (const plan::StageEstimate& estimate : plan.estimates) {
    model.push_back(estimate.model_latency);
    pattern.push_back(estimate.latency);
    usual_density_.push_back(1 - estimate.sparsity);
  }
  model_ = stage_times(std::move(model));
  pattern_ = stage_times(std::move(pattern));
  for (const StageTimes* times : {&model_, &pattern_}) {  // scores divide by it
    const double isolated = times->remaining.front().count();
    if (!(isolated > 0 && std::isfinite(isolated))) {
      throw std::out_of_range(fmt::format("estimates that add up to {} s", isolated));
    }
  }
}

}  // namespace sparseloom::sched
