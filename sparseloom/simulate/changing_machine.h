#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "sparseloom/base/units.h"
#include "sparseloom/place/adapt/ahead.h"
#include "sparseloom/place/adapt/controller.h"
#include "sparseloom/place/adapt/state_trace.h"

namespace sparseloom::simulate {

/// By what a host's measurements differ from what a processor is busy for.
struct MeasurementNoise {
  double spread = 0.03;    ///< standard deviation of a factor about 1
  double outliers = 0.01;  ///< share of the measurements that are `outlier` times as long besides
  double outlier = 3;
  std::uint64_t seed = 1;
};

/// Inferences of one way to place them, back to back from the beginning of a trace to its end, or kMost of them.
struct TraceRun {
  static constexpr std::size_t kMost = 1'000'000;

  std::size_t inferences = 0;  ///< at least one
  Seconds mean{0}, median{0};  ///< of their latencies, as the cost model predicts them, without noise
  /// For each change after which the placement in use took more than 5 % longer than the best one: inferences until one
  /// was in use that did not; kNever: not before the next change.
  std::vector<std::size_t> until_replaced;
  static constexpr std::size_t kNever = static_cast<std::size_t>(-1);
};

/// One model on a machine whose state changes as a trace says, on a virtual clock. An inference that is under way while
/// the state changes does what is left of it at the new pace. The same arguments give the same runs everywhere.
class ChangingMachine {
 public:
  /// `table` and `trace` must outlive it. `best`: by change of the trace, the best placement that is known for its
  /// state.
  ChangingMachine(const place::CostTable& table, const place::StateTrace& trace, std::vector<place::Placement> best,
                  place::CostModel model, const MeasurementNoise& noise);

  /// Always the same placement.
  TraceRun keep(const place::Placement& placement);
  /// The best one from the first inference after each change on: what a controller cannot know.
  TraceRun oracle();
  /// As the controller says, which sees what is measured, with noise.
  TraceRun control(place::PlacementController& controller);
  /// The same with placements that `anew` makes for states that the controller wants. Inferences go on meanwhile:
  /// it is offered them after `takes`.
  TraceRun control(place::PlacementController& controller, const place::PlaceFor& anew, Seconds takes);

 private:
  struct Played {
    double latency = 0;
    place::Busy busy;
  };
  template <typename Choose, typename Observe>
  TraceRun run(Choose choose, Observe observe);
  Played infer(std::size_t change, double now, const place::Placement& placement);
  const Played& play(std::size_t change, const place::Placement& placement);
  double best_latency(std::size_t change) { return play(change, best_[change]).latency; }
  place::Busy measure(place::Busy busy, std::mt19937_64& bits) const;

  const place::CostTable& table_;
  const place::StateTrace& trace_;
  std::vector<place::Placement> best_;
  place::CostModel model_;
  MeasurementNoise noise_;
  std::vector<std::map<place::Placement, Played>> played_;  // by change
};

/// By change of the trace: of the placement that `place` makes for its state, and of `others`, the fastest in it.
/// States that recur are placed once. Errors of `place`.
Result<std::vector<place::Placement>> best_by_change(const place::CostTable& table, const place::StateTrace& trace,
                                                     const place::PlaceFor& place,
                                                     const std::vector<place::Placement>& others,
                                                     place::CostModel model);

}  // namespace sparseloom::simulate
