#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "sparseloom/plan/predict.h"
#include "sparseloom/plan/search/stitched_options.h"

namespace sparseloom::plan {

/// By task: which of its options (TaskOptions::at).
using Choice = std::vector<std::size_t>;

/// Looks for the choice under which the fewest of the requests that the problem expects are predicted to be late, or
/// the fewest beyond what its percentile allows: from several starts it changes one task's option at a time until no
/// change helps. A heuristic; deterministic (its random starts have a fixed seed).
class ResponseSearch {
 public:
  /// `tasks` and `costs` must outlive the search.
  ResponseSearch(const Problem& problem, const Costs& costs, const std::vector<TaskOptions>& tasks,
                 const PredictOptions& predict, std::size_t max_predictions);

  /// The choice with the least bottleneck among those seen within the memory budget, as `start` must be, whose
  /// shortfall is within `tie` of the least.
  Choice run(const Choice& start, double tie);

 private:
  /// What a choice is judged by, the most important first; smaller is better.
  struct Score {
    std::uint64_t bytes_over_budget = 0;
    double shortfall = 0;
    double bottleneck = 0;
    friend auto operator<=>(const Score&, const Score&) = default;
  };

  double shortfall(const Prediction& prediction) const;
  const Score& score(const Choice& choice);
  void descend(Choice choice);
  bool improve_task(std::size_t task, Choice& choice, Score& best);
  double bottleneck(const Choice& choice) const;
  std::uint64_t bytes_over_budget(const Choice& choice) const;

  const std::vector<TaskOptions>& tasks_;
  ResponseModel model_;
  const std::optional<double> percentile_;
  const soc::Pools& pools_;
  const std::optional<Bytes> memory_budget_;
  std::size_t predictions_left_;
  std::vector<std::vector<ResponseModel::Stages>> stages_;  ///< by task and option
  std::vector<std::vector<std::size_t>> tried_;             ///< by task: options the search changes to
  std::vector<std::vector<std::size_t>> fastest_;           ///< by task: the fastest option of each placement
  std::map<Choice, Score> seen_;
};

}  // namespace sparseloom::plan
