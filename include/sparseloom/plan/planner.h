#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/plan/slo.h"

namespace sparseloom::plan {

/// One place per stage: a processor or a gang (soc::Pools).
using Placement = std::vector<soc::ProcessorId>;

/// What a scheduler knows of one stage before it runs.
struct StageEstimate {
  Seconds latency{0};        ///< time it occupies its place: of this variant, hence of its sparsity pattern
  Seconds model_latency{0};  ///< the same, the mean over the task's variants: all that a policy blind to sparsity knows
  /// Mean share of zeros that the sparsity monitor sees in the stage output: less than 1; 0 also if the profile
  /// says nothing. That of the variant behind its own earlier stages, whatever variants σ puts there.
  double sparsity = 0;
};

/// What is chosen for one task.
struct TaskPlan {
  zoo::Sigma sigma;
  Placement placement;
  std::vector<backend::Provider> providers;  ///< one per stage, offered by every member of the placed one's pool
  /// A stage runs on whichever member of its placed one's pool (soc::Pools) is free first: the placed one if
  /// it is, else the one that ran the stage before if that is. Costs no memory: processors of a pool share their
  /// compiled subgraphs.
  bool pooled = false;
  /// The whole model runs on all processors of the placed one's device at once, whenever a request comes: nothing is
  /// scheduled, the operating system shares them (planner `shared`). The placement is then that which `latency` is of.
  bool shared = false;
  std::vector<StageEstimate> estimates;  ///< one per stage
  Seconds latency{0};                    ///< L(σ,π): run alone, transfers included, predicted from the profile
  double accuracy = 0;                   ///< on the profile split
  bool meets_latency = true;
  bool meets_accuracy = true;
  bool meets_slo() const { return meets_latency && meets_accuracy; }
};

/// What is chosen for all tasks. A value.
struct Plan {
  std::string planner;
  std::vector<TaskPlan> tasks;  ///< by zoo::TaskId
  /// Busy time of the busiest processor per round of one request for each task; tasks / bottleneck bounds throughput.
  Seconds bottleneck{0};
  bool optimal = false;  ///< proven that no plan has a smaller bottleneck among those that meet the SLOs as well
  double gap = 0;        ///< otherwise: (bottleneck - proven lower bound) / bottleneck
};

/// A request that comes.
struct TimedArrival {
  Seconds at{0};
  zoo::TaskId task;
};
using ArrivalSequence = std::vector<TimedArrival>;  ///< in order of time, on an idle machine

/// What a plan has to expect, besides its SLOs. sched::load_of() makes one.
struct Load {
  std::vector<ArrivalSequence> samples;  ///< of what may come; each is looked at by itself
  /// Share of a task's requests that shall be predicted to keep its latency bound, e.g. 0.99; none: as many as
  /// possible.
  std::optional<double> percentile{};
};

/// What planning needs; the referenced objects must outlive the call. With soc::confined() the SoC offers some
/// providers only, and the profile may be of all of them.
struct Problem {
  const zoo::Zoo& zoo;
  const soc::Soc& soc;
  const profile::Profile& profile;
  const SloConfig& slo;
  /// Memory that the plan's compiled subgraphs may take together (TaskCosts::bytes). None: all there is.
  std::optional<Bytes> memory_budget{};
  /// Requests that are to be expected. None: episodes, one request per task (docs/planning.md). Only `sparseloom` makes
  /// use of it.
  const Load* load = nullptr;
};

/// A rule that makes a plan. Stateless and thread-safe.
class Planner {
 public:
  virtual ~Planner() = default;
  virtual std::string_view name() const = 0;
  /// Never fails because an SLO cannot be met: it degrades (keeps accuracy, least latency) and marks which bound is
  /// missed. kFailedPrecondition if the profile lacks something it needs (named); kInvalidArgument for SLOs that
  /// nothing can be held to (check_slos); kResourceExhausted if the memory budget is too small: names the least that
  /// suffices.
  virtual Result<Plan> plan(const Problem& problem) const = 0;
};

/// All planners, in the order reports list them: sparseloom, paper, exact, sv-ao-np, sv-ao-p, sv-lo-np, sv-lo-p, av-np,
/// av-p, shared.
const std::vector<const Planner*>& planners();
/// kInvalidArgument lists the names.
Result<const Planner*> find_planner(std::string_view name);

/// What a stage may take more than it is estimated to, if it starts on a member of a gang whose time is reserved: it
/// has to end before, this many times its estimate from now (sched::Dispatcher).
inline constexpr double kReservationSlack = 1.1;

/// Time that a stage occupies its place: the transfer of its inputs (the receiver pays for it), then the run.
Seconds stage_time(const Problem& problem, zoo::TaskId task, const TaskPlan& plan, zoo::StageId stage);
/// L(σ,π): the sum of its stage times.
Seconds plan_latency(const Problem& problem, zoo::TaskId task, const TaskPlan& plan);
/// By processor: time per round of one request for each task, when every stage runs where it is placed; a gang's counts
/// for every member.
std::vector<Seconds> busy_times(const Problem& problem, const std::vector<TaskPlan>& tasks);

/// What a plan runs at one stage of a task, and all that it runs, by task and stage.
soc::SubgraphKey subgraph_of(zoo::TaskId task, const TaskPlan& plan, zoo::StageId stage);
std::vector<soc::SubgraphKey> subgraphs_of(const Plan& plan);

/// Memory that the plan's compiled subgraphs take, as the profile measured it.
Bytes resident_bytes(const profile::Profile& profile, const Plan& plan);

}  // namespace sparseloom::plan
