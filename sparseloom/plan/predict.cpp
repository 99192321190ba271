#include "sparseloom/plan/predict.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <utility>

#include "sparseloom/plan/episodes.h"

namespace sparseloom::plan {

/// One request being played, and what the episodes so far sum up to.
struct ResponseModel::Scratch {
  struct Request {
    const Stages* stages = nullptr;
    std::size_t task = 0;
    double bound = 0;
    double arrival = 0;
    double deadline = 0;
    std::size_t stage = 0;  ///< next to run
    double ready = 0;
  };
  std::vector<Request> requests;  ///< those that still have stages, in order of arrival
  std::vector<double> free_at;    ///< by processor
  const soc::Pools& pools;
  explicit Scratch(const soc::Pools& of) : pools(of) {}
  std::vector<double> counted;  ///< by task: its requests that have finished
  double weight = 1;            ///< of a request: for how many it stands
  Prediction sum;

  /// When the place, every member of it if it is a gang, has nothing more to do.
  double free(soc::ProcessorId place) const {
    if (!pools.is_gang(place)) return free_at[place.index()];
    double all = 0;
    pools.each_taken(place, [&](soc::ProcessorId p) { all = std::max(all, free_at[p.index()]); });
    return all;
  }

  /// The place that would run the request's next stage, when, and for how long.
  struct Next {
    soc::ProcessorId place;
    double start = 0, seconds = 0;
  };
  Next next_of(const Request& request, double slowdown) const {
    soc::ProcessorId place = request.stages->processor[request.stage];
    if (request.stages->pooled && free(place) > request.ready) {
      const auto& members = pools.pool(place);
      place = *std::min_element(members.begin(), members.end(),
                                [&](soc::ProcessorId a, soc::ProcessorId b) { return free(a) < free(b); });
    }
    const Stages& stages = *request.stages;
    const double seconds =
        stages.on_processor.empty() ? stages.seconds[request.stage] : stages.on_processor[request.stage][place.index()];
    return {place, std::max(request.ready, free(place)), seconds * slowdown};
  }

  /// Of the requests the one with the earliest deadline, if its next stage is a gang's; requests.size() if it is not.
  std::size_t reserving() const {
    if (pools.gangs.empty() || requests.empty()) return requests.size();
    std::size_t first = 0;
    for (std::size_t r = 1; r < requests.size(); ++r) {
      if (requests[r].deadline < requests[first].deadline) first = r;
    }
    const Request& urgent = requests[first];
    return pools.is_gang(urgent.stages->processor[urgent.stage]) ? first : requests.size();
  }

  /// A request of a task finished after `ratio` times its latency bound.
  void count(std::size_t task, double ratio, bool accurate, double variability) {
    const double late = accurate ? 1 / (1 + std::exp((1 - ratio) / variability)) : 1;
    sum.violation_rate += ratio > 1 + 1e-9 || !accurate ? weight : 0;
    sum.expected_violation_rate += weight * late;
    sum.expected_by_task[task] += weight * late;
    sum.worst_ratio = std::max(sum.worst_ratio, ratio);
    sum.mean_ratio += weight * ratio;
    counted[task] += weight;
  }
};

ResponseModel::ResponseModel(const std::vector<Slo>& slos, soc::Pools pools, ExpectedArrivals arrivals,
                             const PredictOptions& options)
    : pools_(std::move(pools)), options_(options), arrivals_(std::move(arrivals)) {
  for (const Slo& slo : slos) bounds_.push_back(slo.latency.count());
}

Prediction ResponseModel::predict(const std::vector<const Stages*>& tasks) const {
  Scratch scratch(pools_);
  scratch.sum.expected_by_task.assign(tasks.size(), 0.0);
  scratch.counted.assign(tasks.size(), 0.0);
  for (const ArrivalSequence& sequence : arrivals_.together) play(sequence, tasks, scratch);
  for (std::size_t t = 0; t < arrivals_.alone.size(); ++t) {
    scratch.weight = arrivals_.alone[t];
    if (scratch.weight > 0) play({{Seconds(0), zoo::TaskId(t)}}, tasks, scratch);
  }
  const double requests = std::accumulate(scratch.counted.begin(), scratch.counted.end(), 0.0);
  if (requests == 0) return scratch.sum;
  scratch.sum.violation_rate /= requests;
  scratch.sum.expected_violation_rate /= requests;
  scratch.sum.mean_ratio /= requests;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    scratch.sum.expected_by_task[t] /= std::max(scratch.counted[t], 1.0);
  }
  return scratch.sum;
}

void ResponseModel::play(const ArrivalSequence& arrivals, const std::vector<const Stages*>& tasks,
                         Scratch& scratch) const {
  auto& requests = scratch.requests;
  requests.clear();
  scratch.free_at.assign(pools_.processors(), 0.0);
  // The stage that starts next, over all processors, is fixed one at a time: whatever starts later finishes later, so
  // it cannot make ready anything that would have competed for this start.
  for (auto arrival = arrivals.begin(); !requests.empty() || arrival != arrivals.end();) {
    std::size_t next = 0;
    double next_start = std::numeric_limits<double>::infinity();
    const std::size_t reserving = scratch.reserving();
    Scratch::Next reserved;
    if (reserving < requests.size()) reserved = scratch.next_of(requests[reserving], options_.slowdown);
    for (std::size_t r = 0; r < requests.size(); ++r) {
      const auto [place, start, seconds] = scratch.next_of(requests[r], options_.slowdown);
      // A gang's stage that is the most urgent has a reservation (sched::Dispatcher).
      const bool in_the_way = reserving < requests.size() && r != reserving && start >= requests[reserving].ready &&
                              start + kReservationSlack * seconds > reserved.start &&
                              pools_.overlap(place, reserved.place);
      if (in_the_way) continue;
      // Of stages that could start at the same moment on one processor the earlier deadline goes first; on different
      // processors the choice does not matter.
      if (start < next_start || (start == next_start && requests[r].deadline < requests[next].deadline)) {
        next = r;
        next_start = start;
      }
    }
    if (arrival != arrivals.end() && arrival->at.count() <= next_start) {  // it may start as early
      const std::size_t task = arrival->task.index();
      const double at = arrival->at.count();
      requests.push_back({tasks[task], task, bounds_[task], at, at + bounds_[task], 0, at});
      ++arrival;
      continue;
    }
    Scratch::Request& request = requests[next];
    const Stages& stages = *request.stages;
    const Scratch::Next run = scratch.next_of(request, options_.slowdown);
    request.ready = run.start + run.seconds;
    pools_.each_taken(run.place, [&](soc::ProcessorId p) { scratch.free_at[p.index()] = request.ready; });
    if (++request.stage < stages.seconds.size()) continue;
    scratch.count(request.task, (request.ready - request.arrival) / request.bound, stages.accurate,
                  options_.variability);
    requests.erase(requests.begin() + static_cast<std::ptrdiff_t>(next));
  }
}

namespace {

/// Of a load: enough for one request in a hundred to show, few enough to be played for thousands of plans.
constexpr std::size_t kMostTogether = 300, kMostInARow = 75;
/// Requests that are as many of the largest latency bound apart do not meet.
constexpr double kApart = 4;

ExpectedArrivals arrivals_of(const Load& load, const std::vector<Slo>& slos) {
  Seconds apart{0};
  for (const Slo& slo : slos) apart = std::max(apart, kApart * slo.latency);
  ExpectedArrivals expected{.alone = std::vector<double>(slos.size())};
  std::size_t together = 0;
  for (const ArrivalSequence& sample : load.samples) {
    for (auto first = sample.begin(); first != sample.end() && together < kMostTogether;) {
      auto next = std::next(first);
      const auto most = [&] { return std::min(kMostInARow, kMostTogether - together); };
      while (next != sample.end() && next->at - std::prev(next)->at < apart &&
             static_cast<std::size_t>(next - first) < most()) {
        ++next;
      }
      if (next - first == 1) {
        ++expected.alone[first->task.index()];
      } else {
        expected.together.emplace_back(first, next);
        together += expected.together.back().size();
      }
      first = next;
    }
  }
  return expected;
}

}  // namespace

PredictOptions margins_of(const Problem& problem) {
  if (!problem.soc.modelled) return {.slowdown = 1.05};
  if (problem.load != nullptr) return {};
  return {.variability = 0.005};
}

ExpectedArrivals arrivals_of(const Problem& problem) {
  if (problem.load != nullptr) return arrivals_of(*problem.load, problem.slo.slos);
  return {.together = episodes(problem.slo.slos, std::max<std::size_t>(problem.soc.processors.size(), 1))};
}

namespace {

std::size_t pool_of_first_member(const soc::Pools& pools, soc::ProcessorId gang) {
  return pools.of[pools.gangs[gang.index() - pools.processors()].front().index()];
}

}  // namespace

TimesByPool idle_between(const Problem& problem, const soc::Pools& pools, const TimesByPool& busy) {
  TimesByPool idle(busy.size(), std::vector<Seconds>(pools.members.size()));
  if (problem.load == nullptr) return idle;
  const std::size_t of_processors = pools.of_processors();
  std::vector<double> requests(busy.size());
  Seconds all{0};
  for (const ArrivalSequence& sample : problem.load->samples) {
    for (const TimedArrival& arrival : sample) ++requests[arrival.task.index()];
    if (!sample.empty()) all += sample.back().at;
  }
  for (std::size_t p = 0; p < pools.members.size(); ++p) {
    // A gang idles while its first member does.
    const std::size_t own = p < of_processors ? p : pool_of_first_member(pools, pools.members[p].front());
    Seconds used{0};
    for (std::size_t t = 0; t < busy.size(); ++t) {
      used += requests[t] * busy[t][own] / static_cast<double>(pools.members[own].size());
    }
    for (std::size_t t = 0; t < busy.size(); ++t) {
      idle[t][p] = std::max(all - used, Seconds(0)) / std::max(requests[t], 1.0);
    }
  }
  return idle;
}

namespace {

/// A stage's time, and what it takes more after idling.
double seconds_of(const Problem& problem, zoo::TaskId task, const TaskPlan& plan, zoo::StageId stage, Seconds idle) {
  const Seconds cold = problem.profile.contention.cold_penalty({task, stage, plan.placement[stage.index()]}, idle);
  return (stage_time(problem, task, plan, stage) + cold).count();
}

/// By stage and processor: what the stage takes there if only it were moved there. `idle`: by pool.
std::vector<std::vector<double>> seconds_on_processors(const Problem& problem, zoo::TaskId task, const TaskPlan& plan,
                                                       const std::vector<Seconds>& idle) {
  const soc::Pools& pools = problem.soc.pools();
  std::vector<std::vector<double>> seconds(plan.sigma.size());
  for (std::size_t i = 0; i < plan.sigma.size(); ++i) {
    const std::size_t pool = pools.of[plan.placement[i].index()];
    for (std::size_t p = 0; p < pools.places(); ++p) {
      TaskPlan moved = plan;
      if (pools.of[p] == pool) moved.placement[i] = soc::ProcessorId(p);
      seconds[i].push_back(seconds_of(problem, task, moved, zoo::StageId(i), idle[pool]));
    }
  }
  return seconds;
}

}  // namespace

Prediction predict_responses(const Problem& problem, const Plan& plan, const PredictOptions& options) {
  const std::vector<TaskPlan>& tasks = plan.tasks;
  std::vector<ResponseModel::Stages> stages(tasks.size());
  std::vector<const ResponseModel::Stages*> pointers;
  const soc::Pools& pools = problem.soc.pools();
  TimesByPool busy(tasks.size(), std::vector<Seconds>(pools.members.size()));
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    for (std::size_t i = 0; i < tasks[t].sigma.size(); ++i) {
      const Seconds time = stage_time(problem, zoo::TaskId(t), tasks[t], zoo::StageId(i));
      pools.each_taken(tasks[t].placement[i], [&](soc::ProcessorId p) { busy[t][pools.of[p.index()]] += time; });
    }
  }
  const TimesByPool idle = idle_between(problem, pools, busy);
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    for (std::size_t i = 0; i < tasks[t].sigma.size(); ++i) {
      const Seconds before = idle[t][pools.of[tasks[t].placement[i].index()]];
      stages[t].seconds.push_back(seconds_of(problem, zoo::TaskId(t), tasks[t], zoo::StageId(i), before));
    }
    stages[t].processor = tasks[t].placement;
    if (tasks[t].pooled) {
      stages[t].on_processor = seconds_on_processors(problem, zoo::TaskId(t), tasks[t], idle[t]);
    }
    stages[t].pooled = tasks[t].pooled;
    stages[t].accurate = tasks[t].meets_accuracy;
    pointers.push_back(&stages[t]);
  }
  return ResponseModel(problem.slo.slos, pools, arrivals_of(problem), options).predict(pointers);
}

}  // namespace sparseloom::plan
