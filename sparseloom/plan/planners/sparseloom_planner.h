#pragma once

#include <optional>

#include "sparseloom/plan/planner.h"
#include "sparseloom/plan/predict.h"

namespace sparseloom::plan {

struct SparseloomOptions {
  enum class Objective {
    kResponses,   ///< fewest requests predicted late in episodes; of plans that tie in it, the least bottleneck
    kThroughput,  ///< least bottleneck, proven (Plan::optimal)
  };
  Objective objective = Objective::kResponses;
  /// A task may be left to pools of interchangeable processors (TaskPlan::pooled). False: all stages are bound.
  bool pooled = true;
  std::optional<PredictOptions> predict{};  ///< none: margins_of() the problem
  /// Plans whose expected violation rates differ by no more are ties; of those for a load, where one in a hundred
  /// counts.
  double tie = 0.005;
  double tie_under_load = 0.0005;
  /// Plans whose episodes are predicted, at most: bounds planning time however many tasks and processors there are.
  std::size_t max_predictions = 3000;
};

/// The product's planner: any σ, any placement. docs/planning.md says how it chooses. Thread-safe.
class SparseloomPlanner : public Planner {
 public:
  explicit SparseloomPlanner(SparseloomOptions options = {}) : options_(options) {}
  std::string_view name() const override { return "sparseloom"; }
  Result<Plan> plan(const Problem& problem) const override;

 private:
  SparseloomOptions options_;
};

}  // namespace sparseloom::plan
