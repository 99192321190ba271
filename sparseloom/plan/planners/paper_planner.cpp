#include "sparseloom/plan/planners/paper_planner.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "sparseloom/plan/costs.h"
#include "sparseloom/plan/search/infinity.h"

namespace sparseloom::plan {

namespace {

/// A stitched variant that is accurate enough (or, where none is, as accurate as can be).
struct Candidate {
  zoo::Sigma sigma;
  double accuracy = 0;
};

Result<std::vector<Candidate>> accurate_candidates(const Problem& problem, const TaskCosts& costs, zoo::TaskId task) {
  SL_ASSIGN_OR_RETURN(const std::vector<double> accuracies, read_accuracies(problem.zoo, problem.profile, task, costs));
  const double best = *std::max_element(accuracies.begin(), accuracies.end());
  const double floor = std::min(best, problem.slo.slos[task.index()].accuracy);
  std::vector<Candidate> candidates;
  for (std::size_t s = 0; s < accuracies.size(); ++s) {
    if (within(floor, accuracies[s])) candidates.push_back({problem.profile.task(task).sigma_at(s), accuracies[s]});
  }
  return candidates;
}

void add_orders(std::size_t length, std::size_t processors, Placement& begun, std::vector<Placement>& orders) {
  if (begun.size() == length) {
    orders.push_back(begun);
    return;
  }
  for (std::size_t p = 0; p < processors; ++p) {
    if (std::find(begun.begin(), begun.end(), soc::ProcessorId(p)) != begun.end()) continue;
    begun.emplace_back(p);
    add_orders(length, processors, begun, orders);
    begun.pop_back();
  }
}

/// Every order, as long as the longest task has stages or there are processors.
std::vector<Placement> all_orders(std::size_t stages, std::size_t processors) {
  std::vector<Placement> orders;
  Placement begun;
  add_orders(std::min(stages, processors), processors, begun, orders);
  return orders;
}

Placement placed(const Placement& order, std::size_t stages) {
  Placement placement;
  for (std::size_t i = 0; i < stages; ++i) placement.push_back(order[i % order.size()]);
  return placement;
}

/// Latencies of feasible σ under one order: their sum, and of how many.
struct Feasible {
  double sum = 0;
  std::size_t count = 0;
  double mean() const { return count == 0 ? sum : sum / static_cast<double>(count); }
};

/// Adds the task's feasible σ to every order under which they run.
void add_feasible(const TaskCosts& costs, const std::vector<Candidate>& candidates, const Slo& slo,
                  const std::vector<Placement>& orders, std::vector<Feasible>& sums) {
  std::vector<Placement> placements;
  for (const Placement& order : orders) placements.push_back(placed(order, costs.stages()));
  std::vector<double> latencies(orders.size());
  for (const Candidate& candidate : candidates) {
    if (!within(slo.accuracy, candidate.accuracy)) continue;
    for (std::size_t o = 0; o < orders.size(); ++o) latencies[o] = costs.latency(candidate.sigma, placements[o]);
    if (!within(*std::min_element(latencies.begin(), latencies.end()), slo.latency.count())) continue;
    for (std::size_t o = 0; o < orders.size(); ++o) {
      if (latencies[o] == kInfinity) continue;
      sums[o].sum += latencies[o];
      ++sums[o].count;
    }
  }
}

/// Whether some of the task's candidates runs under the placement.
bool runs(const TaskCosts& costs, const std::vector<Candidate>& candidates, const Placement& placement) {
  return std::any_of(candidates.begin(), candidates.end(),
                     [&](const Candidate& candidate) { return costs.latency(candidate.sigma, placement) < kInfinity; });
}

/// The fastest within the bound, or of all if none is; of those within a tie of it the most accurate, then the faster.
const Candidate& fastest(const TaskCosts& costs, const std::vector<Candidate>& candidates, const Placement& placement,
                         double bound) {
  std::vector<double> latencies;
  double least = kInfinity;
  for (const Candidate& candidate : candidates) {
    latencies.push_back(costs.latency(candidate.sigma, placement));
    least = std::min(least, latencies.back());
  }
  const double most = within(least, bound) ? std::min(bound, least * (1 + kTie)) : least * (1 + kTie);
  std::size_t best = candidates.size();
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    if (!within(latencies[c], most)) continue;
    if (best == candidates.size() ||
        std::pair(-candidates[c].accuracy, latencies[c]) < std::pair(-candidates[best].accuracy, latencies[best])) {
      best = c;
    }
  }
  return candidates[best];
}

}  // namespace

Result<Plan> PaperPlanner::plan(const Problem& problem) const {
  SL_RETURN_IF_ERROR(check_slos(problem));
  SL_ASSIGN_OR_RETURN(const std::vector<TaskCosts> costs,
                      read_costs(problem.zoo, problem.soc, problem.profile, Gangs::kWithout));
  std::size_t stages = 0;
  for (const TaskCosts& task : costs) stages = std::max(stages, task.stages());
  const std::vector<Placement> orders = all_orders(stages, problem.soc.processors.size());
  std::vector<bool> impossible(orders.size());
  std::vector<std::vector<Candidate>> candidates;
  std::vector<Feasible> sums(orders.size());
  for (std::size_t t = 0; t < costs.size(); ++t) {
    SL_ASSIGN_OR_RETURN(std::vector<Candidate> task, accurate_candidates(problem, costs[t], zoo::TaskId(t)));
    add_feasible(costs[t], task, problem.slo.slos[t], orders, sums);
    for (std::size_t o = 0; o < orders.size(); ++o) {
      if (!runs(costs[t], task, placed(orders[o], costs[t].stages()))) impossible[o] = true;
    }
    candidates.push_back(std::move(task));
  }
  for (std::size_t o = 0; o < orders.size(); ++o) {
    if (impossible[o]) sums[o] = {kInfinity, 1};
  }
  const auto least = std::min_element(sums.begin(), sums.end(),
                                      [](const Feasible& a, const Feasible& b) { return a.mean() < b.mean(); }) -
                     sums.begin();
  const Placement& order = orders[static_cast<std::size_t>(least)];
  Plan plan;
  plan.planner = name();
  for (std::size_t t = 0; t < costs.size(); ++t) {
    Placement placement = placed(order, costs[t].stages());
    const Candidate& chosen = fastest(costs[t], candidates[t], placement, problem.slo.slos[t].latency.count());
    SL_ASSIGN_OR_RETURN(TaskPlan task,
                        make_task_plan(problem, costs[t], zoo::TaskId(t), chosen.sigma, std::move(placement)));
    plan.tasks.push_back(std::move(task));
  }
  plan.bottleneck = bottleneck_of(busy_times(problem, plan.tasks));
  plan.gap = 1;  // it looks for no bound
  SL_RETURN_IF_ERROR(check_memory(problem, costs, plan));
  return plan;
}

}  // namespace sparseloom::plan
