#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/base/json.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/engine/report.h"
#include "sparseloom/eval/comparison.h"
#include "sparseloom/eval/goodput.h"

namespace sparseloom::eval {

/// What one system did in one cell.
struct Row {
  std::string soc;
  bool modelled = false;
  std::string system;
  plan::GridCell cell;
  engine::Rate violation_rate;
  engine::Violations violations;
  double throughput_qps = 0;  ///< saturated; requests of tasks whose variant keeps the accuracy bound
  double completed_qps = 0;   ///< saturated; all requests
  double equal_qps = 0;       ///< of throughput_qps as many of every task as of the one that is served least
  /// What no plan of the system's kind exceeds in equal_qps that keeps the accuracy bounds, late or not, by the
  /// profile; none: the system proves nothing.
  std::optional<double> most_qps;
  std::optional<Mean> goodput_qps;  ///< over seeds; none: not measured in this cell
  Bytes resident;                   ///< of the plan's subgraphs, as profiled
};
Json to_json(const Row& row);
/// kMalformed, with `where`.
Result<Row> row_from_json(const Json& json, const std::string& where);

/// Makes a system's plan for given SLOs, and for a load if one is given.
struct System {
  std::string name;
  std::function<Result<plan::Plan>(const plan::SloConfig&, const plan::Load*)> plan;
};

struct GridOptions {
  std::size_t repeats = 5;
  Seconds saturated{1};  ///< per plan that differs; 0: throughput is not measured
  std::size_t goodput_seeds = 10;
  bool goodput_everywhere = false;  ///< else in the cells of the diagonal only
  GoodputOptions goodput;           ///< `highest` is found for every plan
};

/// One machine's part of the evaluation. Everything that is not owned must outlive it.
struct GridInput {
  std::string soc;
  bool modelled = false;
  Host& host;
  std::vector<System> systems;
  const std::vector<plan::GridRange>& ranges;
  const profile::Profile& profile;  ///< what the plans' bytes are counted by
  GridOptions options;
  std::function<void()> on_step{};  ///< called Grid::steps() times per cell; may be empty
};

/// Plays all systems against each other, cell by cell. The same plan is saturated once, in whichever cell it comes
/// first: what is served then does not depend on the SLOs (saturate()).
class Grid {
 public:
  explicit Grid(GridInput input) : in_(std::move(input)) {}
  /// One row per system. Empty if the host was stopped meanwhile, whatever else went wrong then. Errors: those of
  /// planning (kFailedPrecondition) and playing, with cell and system in front; and Host::failures(), since a failed
  /// request says nothing about a system.
  Result<std::vector<Row>> play(plan::GridCell cell);
  /// What playing a cell falls into, for showing how far it is: the episodes, and each stream of arrivals for goodput.
  std::size_t steps(plan::GridCell cell) const;

 private:
  bool with_goodput(plan::GridCell cell) const;
  void step() const;
  Result<std::vector<Row>> measure(plan::GridCell cell);
  Status measure_throughput(const std::vector<Contender>& contenders);
  Result<std::vector<Mean>> measure_goodput(const std::vector<Contender>& contenders, const plan::SloConfig& slo);

  GridInput in_;
  std::map<std::string, std::vector<double>> served_;  // requests/s by task, by what identifies a plan
};

}  // namespace sparseloom::eval
