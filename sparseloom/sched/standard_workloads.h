#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sparseloom/sched/workload.h"

namespace sparseloom::sched {

/// An episode (docs/planning.md), as plan::episode_arrivals() has it.
Workload episode(const std::vector<zoo::TaskId>& order, const std::vector<plan::Slo>& slos, std::size_t processors);

/// `outstanding` requests of each of `tasks` tasks, all the time for `duration`.
Workload saturation(std::size_t tasks, Seconds duration, std::size_t outstanding = 2);

/// About `requests` Poisson arrivals, `rate_per_s` > 0 in all, every one of `tasks` tasks equally likely.
Workload poisson(std::size_t tasks, double rate_per_s, std::size_t requests, std::uint64_t seed);

}  // namespace sparseloom::sched
