#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "sparseloom/plan/costs.h"
#include "sparseloom/plan/search/bottleneck.h"

namespace sparseloom::plan {

/// One (σ, π) for one task.
struct StitchedOption {
  zoo::Sigma sigma;
  Placement placement;
  double latency = 0;
  double accuracy = 0;
  std::vector<double> busy;  ///< by processor
  Bytes bytes;               ///< of its compiled subgraphs
  bool pooled = false;
};

/// What one task may choose from, and which bound it cannot keep however it chooses.
struct TaskOptions {
  /// Per placement, the σ of which no other allowed σ keeps every processor as little busy (and takes as little memory,
  /// if there is a budget). Those that are pooled first; by placement, then latency.
  std::vector<StitchedOption> options;
  /// Out of the others' way: for every placement under which nothing is allowed, the fastest σ that is accurate enough.
  /// Later than its latency bound even when it runs alone.
  std::vector<StitchedOption> aside;
  bool meets_accuracy = true;
  bool meets_latency = true;

  std::size_t count() const { return options.size() + aside.size(); }
  /// `options`, then `aside`.
  const StitchedOption& at(std::size_t k) const { return k < options.size() ? options[k] : aside[k - options.size()]; }
};

/// Processors of a pool are interchangeable in planning if none is more than this many times as fast as another, in the
/// median over subgraphs. Above, the system hides a difference (a virtual machine shows no core's frequency).
constexpr double kAlike = 1.2;

/// What planning knows of every task: its costs when stages are pinned to processors, and when they are pooled.
/// What the measurements of interchangeable processors differ in is taken for noise and averaged.
struct Costs {
  soc::Pools pools;                 ///< the SoC's, those with unlike members dissolved
  std::vector<TaskCosts> pinned;    ///< by task
  std::vector<TaskCosts> on_pools;  ///< by task; pools in the place of places
  /// Whether any stage may be left to a pool. Not where a pool is dissolved: what serves a plan knows only
  /// the SoC's pools, and would run stages on members that were measured to be slower than planned.
  bool may_pool = false;

  /// Seconds of stage i of an option for `task`.
  double stage(std::size_t task, const StitchedOption& option, std::size_t i) const;
};
Result<Costs> read_all_costs(const Problem& problem);

/// The next placement in lexicographic order; false after the last, which becomes the first.
bool advance(Placement& placement, std::size_t places);

/// `option`, which is placed on pools, placed on the `preferred`-th member of each; its work is shared by all members.
StitchedOption on_members(const soc::Pools& pools, StitchedOption option, std::size_t preferred);

/// Busiest processor's time per round under one option for each task. What is left to a pool goes to its less busy
/// members first, so the pool's mean counts for it, and what is pinned to a member for that member.
double bottleneck_of(const soc::Pools& pools, const std::vector<const StitchedOption*>& chosen);

/// Allowed are σ that keep both bounds. If no σ is accurate enough, the most accurate ones; if no accurate one is fast
/// enough, those within 2 % of the least latency: accuracy is kept before time.
/// With `pooled`, and if the costs allow it, also those that leave their stages to pools, once for every member
/// that a task may prefer.
/// O(V^S · S·V) to filter σ, then O(P^S) times those that are left. kFailedPrecondition if an accuracy is missing.
Result<TaskOptions> stitched_options(const Problem& problem, const Costs& costs, zoo::TaskId task, bool pooled);
/// The same for stages that are pinned to processors, with the costs as given.
Result<TaskOptions> pinned_options(const Problem& problem, const TaskCosts& costs, zoo::TaskId task);

/// The least bottleneck over the tasks' options within the memory budget, `choice` being indices into them. Errors:
/// those of the joint search (joint.h).
Result<BottleneckResult> least_bottleneck(const soc::Pools& pools, const std::vector<TaskOptions>& tasks,
                                          const std::optional<Bytes>& memory_budget);

/// The most accurate allowed σ under `option`'s placement that keeps every processor no more than 2 % busier than
/// `option` does, takes no more than `most_bytes` and meets the latency bound if `option` does. May be `option` itself.
/// O(V^S · S).
Result<StitchedOption> most_accurate_tie(const Problem& problem, const Costs& costs, zoo::TaskId task,
                                         const StitchedOption& option, Bytes most_bytes);

}  // namespace sparseloom::plan
