#include "sparseloom/sched/standard_workloads.h"

#include <algorithm>

#include "sparseloom/plan/episodes.h"

namespace sparseloom::sched {
namespace {

// Of a load: enough for many of them to meet, even where few do.
constexpr std::size_t kDraws = 4, kRequestsPerDraw = 2500;

}  // namespace

Workload episode(const std::vector<zoo::TaskId>& order, const std::vector<plan::Slo>& slos, std::size_t processors) {
  Workload workload;
  workload.name = "episode";
  for (const auto& [at, task] : plan::episode_arrivals(order, slos, processors)) {
    workload.arrivals.push_back(
        {.task = task, .kind = Arrivals::Kind::kRecorded, .requests = 1, .offset = at, .recorded = {Seconds(0)}});
  }
  return workload;
}

Workload saturation(std::size_t tasks, Seconds duration, std::size_t outstanding) {
  Workload workload;
  workload.name = "saturation";
  workload.duration = duration;
  for (std::size_t t = 0; t < tasks; ++t) {
    workload.arrivals.push_back(
        {.task = zoo::TaskId(t), .kind = Arrivals::Kind::kClosedLoop, .outstanding = outstanding});
  }
  return workload;
}

Workload poisson(std::size_t tasks, double rate_per_s, std::size_t requests, std::uint64_t seed) {
  Workload workload;
  workload.name = "poisson";
  workload.seed = seed;
  workload.duration = Seconds(static_cast<double>(requests) / rate_per_s);
  for (std::size_t t = 0; t < tasks; ++t) {
    workload.arrivals.push_back({.task = zoo::TaskId(t),
                                 .kind = Arrivals::Kind::kPoisson,
                                 .rate_per_s = rate_per_s / static_cast<double>(tasks)});
  }
  return workload;
}

plan::Load load_of(const Workload& workload) {
  Workload drawn = workload;
  for (Arrivals& entry : drawn.arrivals) {
    entry.requests = entry.requests == 0 ? kRequestsPerDraw : std::min(entry.requests, kRequestsPerDraw);
  }
  plan::Load load;
  for (std::size_t k = 0; k < kDraws; ++k) {
    drawn.seed = workload.seed + 1 + k;
    plan::ArrivalSequence& sample = load.samples.emplace_back();
    for (const Arrival& arrival : open_loop_arrivals(drawn)) {
      if (sample.size() < kRequestsPerDraw) sample.push_back({arrival.at, arrival.task});
    }
  }
  return load;
}

}  // namespace sparseloom::sched
