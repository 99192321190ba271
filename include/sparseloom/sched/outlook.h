#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/base/units.h"
#include "sparseloom/plan/planner.h"

namespace sparseloom::sched {

/// Times of a request's stages, and what is left of the request before each of them.
struct StageTimes {
  std::vector<Seconds> next;       ///< by stage
  std::vector<Seconds> remaining;  ///< by stage: that one and all after it, added in this order
};

/// O(stages²): every sum is made from its own start, so that it is the same as if it were made when it is asked for.
StageTimes stage_times(std::vector<Seconds> next);

/// How much a policy knows of the time a stage takes. In the words of Sparse-DySta (arXiv 2310.11096, Alg. 1 and 2).
enum class Knowledge {
  kModel,      ///< the mean over the task's variants
  kMonitored,  ///< the mean of this variant, scaled by γ, the sparsity seen in this request so far over the usual one
  kTruth,      ///< what will really happen: an oracle
};

/// What a plan lets a scheduler expect of one task.
class Outlook {
 public:
  /// std::out_of_range unless there is an estimate per stage and they add up to a finite time of more than 0.
  explicit Outlook(const plan::TaskPlan& plan);

  /// Times without γ. `knowledge` is not kTruth.
  const StageTimes& times(Knowledge knowledge) const { return knowledge == Knowledge::kModel ? model_ : pattern_; }
  /// What one stage, having shown `sparsity`, adds to the sum whose mean is γ: (1 - seen) / (1 - usual).
  double gamma_term(std::size_t stage, double sparsity) const { return (1 - sparsity) / usual_density_[stage]; }

 private:
  StageTimes model_, pattern_;
  std::vector<double> usual_density_;  // by stage; more than 0
};

}  // namespace sparseloom::sched
