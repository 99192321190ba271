// eval: the evaluation of planners against each other: episodes, saturation and goodput over the grid of SLOs, on the
// real engine or on a virtual clock.
#pragma once

#include <memory>
#include <vector>

#include "sparseloom/engine/engine_player.h"
#include "sparseloom/eval/shared_cores.h"
#include "sparseloom/plan/planner.h"
#include "sparseloom/sched/workload.h"

namespace sparseloom::eval {

/// Serves workloads under one plan at a time. Not thread-safe.
class Host {
 public:
  virtual ~Host() = default;
  /// Serves under `plan` from now on.
  virtual Status adopt(std::shared_ptr<const plan::Plan> plan) = 0;
  /// Makes what `plan` needs resident, so that adopting it later costs nothing.
  virtual Status prepare(const plan::Plan& plan) = 0;
  /// The next request of every task takes this sample of its data, so that all systems can be given the same.
  virtual void seek(std::size_t sample) = 0;
  /// Plays a workload from idle and returns what became of its requests once all have finished. Errors: those of a
  /// rehearsal. A request that failed is a record that says so.
  virtual Result<std::vector<engine::Record>> play(const sched::Workload& workload,
                                                   const std::vector<plan::Slo>& slos) = 0;
  /// Somebody wants it to end: what play() returns may be incomplete.
  virtual bool stopped() const = 0;
  /// Not ok if requests failed so far: how many, and why the first did. Their records count as late, so what was
  /// measured says little.
  virtual Status failures() const = 0;
  /// The P of episodes.
  virtual std::size_t processors() const = 0;
  /// The same workload under the same plan gives the same records.
  virtual bool deterministic() const = 0;
};

/// On the real engine of `player`, which must outlive it. Plans that share all cores (TaskPlan::shared) are served by
/// `shared`; without it they are kFailedPrecondition. `processors` is the P of episodes, whoever serves.
std::unique_ptr<Host> engine_host(engine::EnginePlayer& player, std::size_t processors,
                                  std::unique_ptr<SharedCores> shared = nullptr);

/// What a simulated machine is.
struct VirtualMachine {
  soc::Pools pools;
  std::string policy = "edf";
  std::size_t slots_per_task = 4;
  const std::atomic<bool>* stop = nullptr;  ///< not owned
};

/// By simulation: every stage takes what the plan estimates. Samples play no part. Plans that share all cores are
/// kFailedPrecondition: how the operating system shares them is not modelled.
std::unique_ptr<Host> virtual_host(VirtualMachine machine);

}  // namespace sparseloom::eval
