#include "sparseloom/plan/predict.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <utility>

namespace sparseloom::plan {

std::vector<std::vector<zoo::TaskId>> episode_orders(std::size_t tasks, std::size_t limit) {
  std::vector<std::size_t> order(tasks);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::size_t count = 1;
  for (std::size_t k = 2; k <= tasks && count <= limit; ++k) count *= k;
  std::vector<std::vector<zoo::TaskId>> orders;
  if (count <= limit) {
    do orders.emplace_back(order.begin(), order.end());
    while (std::next_permutation(order.begin(), order.end()));
    return orders;
  }
  std::mt19937_64 random(20260309);  // any fixed number
  for (std::size_t n = 0; n < limit; ++n) {
    for (std::size_t k = tasks; k > 1; --k) std::swap(order[k - 1], order[random() % k]);  // Fisher and Yates
    orders.emplace_back(order.begin(), order.end());
  }
  return orders;
}

/// One request being played, and what the episodes so far sum up to.
struct EpisodeModel::Scratch {
  struct Request {
    const Stages* stages = nullptr;
    double bound = 0;
    double arrival = 0;
    double deadline = 0;
    std::size_t stage = 0;  ///< next to run
    double ready = 0;
  };
  std::vector<Request> requests;  ///< those that still have stages, in order of arrival
  std::vector<double> free_at;    ///< by processor
  Prediction sum;

  /// When the processor is free that would run the request's next stage.
  double& free_for(const Request& request, const soc::Pools& pools) {
    const soc::ProcessorId placed = request.stages->processor[request.stage];
    double& there = free_at[placed.index()];
    if (!request.stages->late_binding || there <= request.ready) return there;
    const auto& members = pools.members[pools.of[placed.index()]];
    const auto first = std::min_element(members.begin(), members.end(), [&](soc::ProcessorId a, soc::ProcessorId b) {
      return free_at[a.index()] < free_at[b.index()];
    });
    return free_at[first->index()];
  }

  /// A request finished after `ratio` times its latency bound.
  void count(double ratio, bool accurate, double scatter) {
    sum.violation_rate += ratio > 1 + 1e-9 || !accurate ? 1 : 0;
    sum.expected_violation_rate += accurate ? 1 / (1 + std::exp((1 - ratio) / scatter)) : 1;
    sum.worst_ratio = std::max(sum.worst_ratio, ratio);
    sum.mean_ratio += ratio;
  }
};

EpisodeModel::EpisodeModel(const std::vector<Slo>& slos, soc::Pools pools, const PredictOptions& options)
    : pools_(std::move(pools)), options_(options), orders_(episode_orders(slos.size(), options.max_orders)) {
  for (const Slo& slo : slos) bounds_.push_back(slo.latency.count());
}

Prediction EpisodeModel::predict(const std::vector<const Stages*>& tasks) const {
  if (tasks.empty()) return {};
  Scratch scratch;
  for (const auto& order : orders_) play(order, tasks, scratch);
  const double requests = static_cast<double>(orders_.size() * tasks.size());
  scratch.sum.violation_rate /= requests;
  scratch.sum.expected_violation_rate /= requests;
  scratch.sum.mean_ratio /= requests;
  return scratch.sum;
}

void EpisodeModel::play(const std::vector<zoo::TaskId>& order, const std::vector<const Stages*>& tasks,
                        Scratch& scratch) const {
  auto& requests = scratch.requests;
  requests.clear();
  const std::size_t processors = pools_.of.size();
  scratch.free_at.assign(processors, 0.0);
  double arrival = 0;
  for (const zoo::TaskId id : order) {
    const std::size_t task = id.index();
    const double bound = bounds_[task];
    requests.push_back({tasks[task], bound, arrival, arrival + bound, 0, arrival});
    arrival += bound / static_cast<double>(processors);
  }
  // The stage that starts next, over all processors, is fixed one at a time: whatever starts later finishes later, so
  // it cannot make ready anything that would have competed for this start.
  while (!requests.empty()) {
    std::size_t next = 0;
    double next_start = std::numeric_limits<double>::infinity();
    for (std::size_t r = 0; r < requests.size(); ++r) {
      const double start = std::max(requests[r].ready, scratch.free_for(requests[r], pools_));
      // Of stages that could start at the same moment on one processor the earlier deadline goes first; on different
      // processors the choice does not matter.
      if (start < next_start || (start == next_start && requests[r].deadline < requests[next].deadline)) {
        next = r;
        next_start = start;
      }
    }
    Scratch::Request& request = requests[next];
    const Stages& stages = *request.stages;
    request.ready = next_start + stages.seconds[request.stage] * options_.slowdown;
    scratch.free_for(request, pools_) = request.ready;
    if (++request.stage < stages.seconds.size()) continue;
    scratch.count((request.ready - request.arrival) / request.bound, stages.accurate, options_.scatter);
    requests.erase(requests.begin() + static_cast<std::ptrdiff_t>(next));
  }
}

Prediction predict_episodes(const Problem& problem, const Plan& plan, const PredictOptions& options) {
  const std::vector<TaskPlan>& tasks = plan.tasks;
  std::vector<EpisodeModel::Stages> stages(tasks.size());
  std::vector<const EpisodeModel::Stages*> pointers;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    for (std::size_t i = 0; i < tasks[t].sigma.size(); ++i) {
      stages[t].seconds.push_back(stage_time(problem, zoo::TaskId(t), tasks[t], zoo::StageId(i)).count());
    }
    stages[t].processor = tasks[t].placement;
    stages[t].late_binding = tasks[t].late_binding;
    stages[t].accurate = tasks[t].meets_accuracy;
    pointers.push_back(&stages[t]);
  }
  return EpisodeModel(problem.slo.slos, soc::find_pools(problem.soc), options).predict(pointers);
}

}  // namespace sparseloom::plan
