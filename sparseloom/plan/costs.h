#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/plan/planner.h"

namespace sparseloom::plan {

/// Latencies closer than this share are ties: what lies between them is noise.
constexpr double kTie = 0.02;

/// True if `value` keeps the upper bound `bound`; rounding is forgiven, ties are not.
inline bool within(double value, double bound) { return value <= bound * (1 + 1e-9); }

/// σ's accuracy keeps the bound: the one rule for planners and reports.
inline bool accurate(const TaskPlan& plan, const Slo& slo) { return within(slo.accuracy, plan.accuracy); }

/// Two numbers that differ by rounding alone.
inline bool about(double a, double b) { return within(a, b) && within(b, a); }

/// Whether gangs are places where stages may run. What the papers define counts processors: SLO grids and baselines.
enum class Gangs { kWithout, kWith };

/// One task's costs as planners read them: plain seconds in flat arrays, checked to be complete. They are those of the
/// provider that is fastest for each subgraph, so planners need not look at providers at all: all give the same
/// answers, so on one processor a faster one is better in every way.
class TaskCosts {
 public:
  /// Of the providers that a pool offers, a subgraph takes the one with the least mean over the pool's members (they
  /// share what is compiled); of those within kTie of it, the one offered first. What no provider of a place
  /// runs costs infinitely much there. kFailedPrecondition names the measurement that the profile lacks, or the
  /// stage that no processor runs of any variant.
  static Result<TaskCosts> read(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile,
                                zoo::TaskId task, Gangs gangs = Gangs::kWith);

  /// The same costs with pools in the place of places: a stage takes the mean over the pool's members, and its busy
  /// time is shared among the processors of their pool.
  TaskCosts pooled(const soc::Pools& pools) const;
  /// The reverse: every place costs what its pool does.
  TaskCosts of_members(const soc::Pools& pools) const;

  /// Whether a processor runs every stage of σ. Planners choose among those σ alone.
  bool runs(const zoo::Sigma& sigma) const;

  std::size_t variants() const { return variants_; }
  std::size_t stages() const { return stages_; }
  /// The same costs without gangs.
  TaskCosts on_processors() const;

  /// Where a stage may run: the processors, and the gangs behind them.
  std::size_t places() const { return taken_.size(); }
  std::size_t processors() const { return processors_; }

  /// Seconds that stage i of variant v takes on place p, its inputs being there.
  double run(std::size_t v, std::size_t i, std::size_t p) const { return run_[(v * stages_ + i) * places() + p]; }
  /// The provider that those seconds are of.
  backend::Provider provider(std::size_t v, std::size_t i, std::size_t p) const {
    return provider_[(v * stages_ + i) * places() + p];
  }
  /// Memory of the compiled subgraph, by that provider. The members of a pool share it: the most measured on one of
  /// them.
  Bytes bytes(std::size_t v, std::size_t i, std::size_t p) const { return bytes_[(v * stages_ + i) * places() + p]; }
  /// Seconds that moving the inputs of stage i > 0 from one place to the next takes.
  double transfer(std::size_t i, std::size_t from, std::size_t to) const {
    return transfer_[((i - 1) * places() + from) * places() + to];
  }
  /// Seconds that stage i of σ occupies π_i: the transfer of its inputs, then the run. The receiver pays the transfer.
  double stage(const zoo::Sigma& sigma, const Placement& placement, std::size_t i) const;

  /// L(σ,π).
  double latency(const zoo::Sigma& sigma, const Placement& placement) const;
  /// Seconds added to each processor (of a pool: to each of its members, evenly) per request. A stage on a gang adds
  /// its time to every member.
  std::vector<double> busy(const zoo::Sigma& sigma, const Placement& placement) const;
  /// Memory of all its subgraphs.
  Bytes bytes(const zoo::Sigma& sigma, const Placement& placement) const;
  /// The placement of σ with the least latency; of equals the one with the lowest indices. O(S·places²).
  Placement best_placement(const zoo::Sigma& sigma) const;

 private:
  Status choose_providers(const zoo::Task& task, const soc::Soc& soc, const profile::TaskProfile& measured);
  bool runs(std::size_t v, std::size_t i) const;

  /// A processor that a stage keeps busy, for what share of its time.
  struct Taken {
    std::size_t processor = 0;
    double share = 1;
  };

  std::size_t variants_ = 0, stages_ = 0, processors_ = 0;
  std::vector<double> run_;
  std::vector<backend::Provider> provider_;
  std::vector<Bytes> bytes_;
  std::vector<double> transfer_;
  std::vector<std::vector<Taken>> taken_;  // by place
};

/// σ that is variant v at every stage.
zoo::Sigma original(std::size_t variant, std::size_t stages);

/// Costs of every task of the zoo. Checks that profile and SLO list fit the zoo.
Result<std::vector<TaskCosts>> read_costs(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile,
                                          Gangs gangs = Gangs::kWith);

/// One original (not stitched) variant of a task: latency is its best over placements, alone.
struct OriginalVariant {
  std::size_t variant = 0;
  double latency = 0;
  double accuracy = 0;
};

/// Those that run, in the zoo's order. kFailedPrecondition: none does, or an accuracy is not known.
Result<std::vector<OriginalVariant>> read_originals(const zoo::Zoo& zoo, const profile::Profile& profile,
                                                    zoo::TaskId task, const TaskCosts& costs);

/// Profile-split accuracy of σ: measured, else estimated (profile::Profile::use_estimates says which of the two
/// figures). kFailedPrecondition if it is neither.
Result<double> read_accuracy(const zoo::Zoo& zoo, const profile::Profile& profile, zoo::TaskId task,
                             const zoo::Sigma& sigma);
/// The same of all V^S, by TaskProfile::index_of(σ); of those that do not run kRunsNowhere, which keeps no bound.
Result<std::vector<double>> read_accuracies(const zoo::Zoo& zoo, const profile::Profile& profile, zoo::TaskId task,
                                            const TaskCosts& costs);
constexpr double kRunsNowhere = -1;

/// kInvalidArgument if there is not one SLO per task, or if nothing can be held to one: an accuracy bound that is not
/// in 0..1, a latency bound that is not positive and finite. Names the task.
Status check_slos(const Problem& problem);

/// The plan of one task with providers, latency, accuracy and what it misses filled in. kFailedPrecondition: a stage is
/// placed where nothing runs it.
Result<TaskPlan> make_task_plan(const Problem& problem, const TaskCosts& costs, zoo::TaskId task, zoo::Sigma sigma,
                                Placement placement);

/// For planners that do not choose by memory. kResourceExhausted if the plan's subgraphs do not fit the budget.
Status check_memory(const Problem& problem, const std::vector<TaskCosts>& costs, const Plan& plan);

/// Busiest processor's time per round.
Seconds bottleneck_of(const std::vector<Seconds>& busy);

}  // namespace sparseloom::plan
