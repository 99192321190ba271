#include "sparseloom/sched/standard_workloads.h"

namespace sparseloom::sched {

Workload episode(const std::vector<zoo::TaskId>& order, const std::vector<plan::Slo>& slos, std::size_t processors) {
  Workload workload;
  workload.name = "episode";
  Seconds at{0};
  for (const zoo::TaskId task : order) {
    workload.arrivals.push_back(
        {.task = task, .kind = Arrivals::Kind::kRecorded, .requests = 1, .offset = at, .recorded = {Seconds(0)}});
    at += slos[task.index()].latency / static_cast<double>(processors);
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

}  // namespace sparseloom::sched
