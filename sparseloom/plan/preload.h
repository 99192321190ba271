#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "sparseloom/plan/costs.h"

namespace sparseloom::plan {

/// What a preloader chooses from: the subgraphs that can be kept in memory, and what each set of them is good for.
struct PreloadProblem {
  struct Subgraph {
    soc::SubgraphKey key;  ///< for the first processor of the pool that shares it
    Bytes bytes;           ///< resident, as profiled
  };
  /// A stitched variant at its fastest placement, and the SLO configurations whose bounds for the task it keeps.
  struct Choice {
    std::vector<std::size_t> subgraphs;       ///< one per stage, indices
    std::vector<std::size_t> configurations;  ///< ascending, not empty
  };
  std::vector<Subgraph> subgraphs;
  std::vector<std::vector<Choice>> tasks;  ///< by zoo::TaskId
  std::size_t configurations = 0;
};

/// Reads a problem from the profile. Subgraphs that are in no choice are left out. O(T · V^S · (S·P² +
/// configurations)). kInvalidArgument: a configuration without one SLO per task; kFailedPrecondition names what is not
/// profiled.
Result<PreloadProblem> preload_problem(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile,
                                       const std::vector<SloConfig>& configurations);

/// The problem in which every configuration has but one choice per task: what its plan serves it with. What serves no
/// plan then has no worth, however many bounds it would keep.
PreloadProblem preload_problem(const soc::Soc& soc, const profile::Profile& profile, const std::vector<Plan>& plans);

/// All V·S subgraphs of every task on every pool, each by its fastest provider: what full preloading keeps. Errors:
/// those of read_costs().
Result<std::vector<PreloadProblem::Subgraph>> all_subgraphs(const zoo::Zoo& zoo, const soc::Soc& soc,
                                                            const profile::Profile& profile);

/// What a preloader keeps.
struct Preload {
  std::vector<std::size_t> subgraphs;  ///< indices, in the order in which they were taken
  Bytes bytes;                         ///< their sum, at most the budget
  /// Of all pairs of task and configuration that some choice serves, the share that one with all its subgraphs kept
  /// serves: their requests are never held up by loading. 1 if there are no such pairs.
  double attainment = 0;
};

/// Everything that some choice uses.
Preload preload_all(const PreloadProblem& problem);

/// Hotness of every subgraph (SparseLoom, arXiv 2603.09642): summed over the configurations, the share of its task's
/// choices for the configuration that contain it (frequency), plus one over the number of variants that those choices
/// have at its stage (uniqueness).
std::vector<double> hotness(const PreloadProblem& problem);

/// The paper's policy: the hottest first; what does not fit the rest of the budget is passed over.
Preload preload_hotness(const PreloadProblem& problem, Bytes budget);

/// Most attainment per byte. A pair of task and configuration counts once *all* subgraphs of one of its choices are
/// kept, so taking subgraphs one by one by any score leaves half-covered choices that serve nobody; here whole choices
/// are taken, by how many further pairs they serve per byte that they add; or hotness' choice, filled up in this way,
/// if that serves more. Then a local search: as long as it helps, one subgraph is given up for good, what became
/// useless with it goes too, and the room is filled again. A heuristic (the problem contains set cover). O(subgraphs² ·
/// choices) per round of the search, with few rounds.
Preload preload_knapsack(const PreloadProblem& problem, Bytes budget);

/// The preloaders by name: "hotness", "knapsack". kInvalidArgument lists the names.
using Preloader = std::function<Preload(const PreloadProblem& problem, Bytes budget)>;
Result<Preloader> find_preloader(std::string_view name);

/// Attainment of any set of subgraphs; `kept` by index.
double attainment(const PreloadProblem& problem, const std::vector<bool>& kept);

/// The least budget under which every task can be served in every configuration that some choice serves, one
/// configuration at a time: the largest, over configurations, of the tasks' cheapest choices together.
Bytes smallest_budget(const PreloadProblem& problem);

}  // namespace sparseloom::plan
