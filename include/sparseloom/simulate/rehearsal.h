#pragma once

#include <atomic>
#include <memory>
#include <string_view>
#include <vector>

#include "sparseloom/plan/slo.h"
#include "sparseloom/sched/workload.h"
#include "sparseloom/simulate/metrics.h"

namespace sparseloom::simulate {

/// What is rehearsed. Everything that is not owned must outlive the call.
struct RehearsalInput {
  const sched::Workload& workload;
  const std::vector<plan::Slo>& slos;  ///< by zoo::TaskId
  std::shared_ptr<const plan::Plan> plan;
  soc::Pools pools;
  std::size_t slots_per_task = 4;  ///< requests of one task that are inside at once, as in the real engine
  /// What running beside others does to a stage, and how run times vary; not owned. None, or nothing
  /// measured: every stage takes exactly what the plan estimates.
  const profile::Contention* contention = nullptr;
  std::uint64_t seed = 0;                   ///< of the latency variability
  Observer* observer = nullptr;             ///< not owned; hears of everything
  const std::atomic<bool>* stop = nullptr;  ///< set from outside: kCancelled
};

/// How a workload is predicted to go.
struct Rehearsal {
  Metrics all;
  std::vector<Metrics> tasks;  ///< by zoo::TaskId; of one without requests everything is 0
};

/// Plays a workload as the real player and engine do, on a virtual clock: the same arrivals, closed loops that send the
/// next request when one completes, requests beyond a task's slots waiting in the admission queue. Every stage takes
/// what the plan estimates, which is the profile's median with the transfer of its inputs; with `contention` that times
/// the slow-downs by what runs on the other processors when it starts, times a factor drawn from the latency
/// variability; and members of a pool that run the same subgraph take turns. Requests are numbered as they are let in.
/// kInvalidArgument: no such policy, no slot; kFailedPrecondition: the plan estimates that a task takes no time.
Result<Rehearsal> rehearse(const RehearsalInput& input, std::string_view policy);

}  // namespace sparseloom::simulate
