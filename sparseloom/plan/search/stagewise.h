#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/plan/search/option_source.h"

namespace sparseloom::plan {

/// A task whose accuracy is the dense one less what each stage's variant loses: a(σ) = a_dense - Σ_i loss(σ_i, i). Then
/// V^S stitched variants need no table, however many they are.
struct StagewiseTask {
  std::size_t variants = 0, stages = 0, processors = 0;
  std::vector<double> run;       ///< seconds, [variant][stage][processor]
  std::vector<double> bytes;     ///< of the compiled subgraph, as `run`
  std::vector<double> loss;      ///< [variant][stage]; may be negative
  std::vector<double> transfer;  ///< seconds, [stage - 1][from][to]
  double latency_bound = 0;      ///< seconds
  double loss_bound = 0;         ///< a_dense - the accuracy bound

  std::size_t index(std::size_t v, std::size_t i, std::size_t p) const { return (v * stages + i) * processors + p; }
};

/// A sum keeps an upper bound; rounding is forgiven.
inline bool keeps(double value, double bound) { return value <= bound * (1 + 1e-9) + 1e-15; }

/// All (σ, π) of such a task that keep its bounds. The cheapest are shortest paths with two side constraints: through
/// the stages, over processors and variants, at most so long (latency) and at most so lossy. The constraints are priced
/// first, by the Lagrangian dual; the paths are then searched stage by stage, keeping those that may still be among the
/// cheapest; each is also completed at once as the prices suggest. At most a fixed number per stage is kept: with more,
/// `rest` becomes the best bound of what was dropped.
/// (Handler, Zang: A dual algorithm for the constrained shortest path problem, Networks 1980.)
/// `choice` is, per stage, variant * processors + processor. Thread-safe.
class StagewiseOptions : public OptionSource {
 public:
  explicit StagewiseOptions(StagewiseTask task);
  PricedOptions cheapest(const Prices& prices, const PriceLimits& limits) const override;

 private:
  /// A variant at one stage and processor that no other is better than in time, loss and bytes.
  struct Arc {
    double run, loss, bytes;
    std::size_t variant;
  };
  /// What the two bounds cost: per second of latency, and per unit of loss.
  struct Multipliers {
    double latency = 0, loss = 0;
  };
  struct Path {
    double cost = 0, latency = 0, loss = 0;
  };
  /// The stages behind one, at their cheapest: what they take, and where the next of them runs by which variant.
  struct Rest {
    double price = 0, latency = 0, loss = 0;
    std::size_t processor = 0, variant = 0;
  };
  /// Where the cheapest path begins.
  struct First {
    double price = 0;  ///< of the whole path
    std::size_t processor = 0;
    const Arc* arc = nullptr;
  };
  class Search;  ///< stagewise_search.cpp

  const std::vector<Arc>& arcs(std::size_t i, std::size_t p) const { return arcs_[i * task_.processors + p]; }
  double transfer(std::size_t i, std::size_t from, std::size_t to) const {
    return i == 0 ? 0 : task_.transfer[((i - 1) * task_.processors + from) * task_.processors + to];
  }
  double price(const Prices& prices, const Multipliers& m, std::size_t p, const Arc& arc) const {
    return (prices.per_second[p] + m.latency) * arc.run + m.loss * arc.loss + prices.per_byte * arc.bytes;
  }
  std::vector<Rest> to_go(const Prices& prices, const Multipliers& m) const;
  First first_of(const std::vector<Rest>& rest, const Prices& prices, const Multipliers& m) const;
  Path shortest(const Prices& prices, const Multipliers& m) const;
  std::vector<std::size_t> shortest_choice(const Prices& prices, const Multipliers& m) const;
  Path path_of(const std::vector<std::size_t>& choice, const Prices& prices) const;
  Multipliers best_multipliers(const Prices& prices) const;
  BusyOption option_of(std::vector<std::size_t> choice) const;
  PricedOptions search(const Prices& prices, const Multipliers& m, const PriceLimits& limits) const;

  StagewiseTask task_;
  double loss_bound_;                   ///< with the least loss of every stage taken for 0
  std::vector<std::vector<Arc>> arcs_;  ///< by stage and processor
  std::vector<Rest> fastest_rest_;      ///< by stage and processor: the stages behind it, at their fastest
  std::vector<std::size_t> fastest_, most_accurate_;  ///< choices
};

}  // namespace sparseloom::plan
