#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
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
  /// shortfall is within `tie` of the least. One with gangs only if it is also better than the best without them when
  /// the machine is faster or slower than planned for.
  Choice run(const Choice& start, double tie);

 private:
  /// What a choice is judged by, the most important first; smaller is better.
  struct Score {
    std::uint64_t bytes_over_budget = 0;
    double shortfall = 0;
    double bottleneck = 0;
    friend auto operator<=>(const Score&, const Score&) = default;
  };

  /// Options that a search may take, by task.
  struct Options {
    std::vector<std::vector<std::size_t>> tried;    ///< those it changes to
    std::vector<std::vector<std::size_t>> fastest;  ///< of these the fastest of each placement: where it may begin
  };

  template <typename Wanted>
  const Choice* best_seen(double tie, const Wanted& wanted) const;
  double at_all_speeds(const Choice& choice) const;
  std::vector<const ResponseModel::Stages*> stages_of_choice(const Choice& choice) const;
  double shortfall(const Prediction& prediction) const;
  const Score& score(const Choice& choice);
  void search(const Options& among, const std::optional<Choice>& start);
  void descend(const Options& among, Choice choice);
  bool improve_task(const Options& among, std::size_t task, Choice& choice, Score& best);
  double bottleneck(const Choice& choice) const;
  std::uint64_t bytes_over_budget(const Choice& choice) const;

  const std::vector<TaskOptions>& tasks_;
  ResponseModel model_;
  std::vector<ResponseModel> other_speeds_;
  const std::optional<double> percentile_;
  const soc::Pools& pools_;
  const std::optional<Bytes> memory_budget_;
  std::size_t predictions_left_;
  std::vector<std::vector<ResponseModel::Stages>> stages_;  ///< by task and option
  Options all_, on_processors_;
  std::map<Choice, Score> seen_;
};

}  // namespace sparseloom::plan
