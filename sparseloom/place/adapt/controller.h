#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "sparseloom/place/adapt/state_estimate.h"
#include "sparseloom/place/evaluate.h"

namespace sparseloom::place {

struct ControllerOptions {
  CostModel model = CostModel::kMakespan;
  std::size_t window = 5;      ///< inferences that the state is estimated from
  double gain = 0.05;          ///< the share of its latency by which another placement must be predicted to be faster
  std::size_t agreeing = 3;    ///< inferences in a row that must say so, at least 1
  double probing = 0.01;       ///< the share of the time that may go into probing
  std::size_t most_kept = 64;  ///< placements; then no others are wanted
};

/// Chooses the placement of the next inference on a machine that changes, by what the ones before have kept busy.
/// It estimates the state (StateEstimate), predicts every placement's latency in it, and switches when another one has
/// been better for some inferences in a row. Knows no clock: an inference is the unit of time. The same observations
/// give the same choices.
///
/// Going back to a placement that was left less than kQuiet inferences ago takes twice as many agreeing inferences the
/// next time, up to kMostAgreeing. From four times as many on the machine counts as restless: what is compared then is
/// the mean of what was predicted over the last inferences, kMemory of them counting most. Each kQuiet inferences in
/// which neither the placement nor the state has changed halve the number again.
///
/// A processor that is slow and has nothing to do would never be seen to recover. So it is *probed* if that could bring
/// another placement: an inference runs by the best placement that tells about it. Is it as slow as believed, the
/// placement before comes back at once; else the probe goes on as long as the others agree. The first probe comes
/// kLeastPatience inferences after the processor was seen last, each later one after twice as many, until they are so
/// seldom that they cost no more than the share `probing` of the time.
class PlacementController {
 public:
  static constexpr std::size_t kQuiet = 100, kMemory = 50, kMostAgreeing = 48, kLeastPatience = 8;

  /// The first of `placements` is in use in the beginning, the others are at hand. kInvalidArgument: no placement, or
  /// one that the processors cannot run; errors of check(table).
  static Result<PlacementController> create(CostTable table, std::vector<Placement> placements,
                                            const ControllerOptions& options = {});

  /// Without offers always the same, so that all can be compiled beforehand.
  const std::vector<Placement>& placements() const { return placements_; }
  /// By which the next inference is to run.
  std::size_t active() const { return active_; }
  /// What an inference that ran by `placement`, an index of placements(), has kept busy. Returns the placement for the
  /// next ones if it is another. An inference that was under way while placements changed tells about the machine only.
  /// O(1), and O(placements · table) where the state has changed.
  std::optional<std::size_t> observe(std::size_t placement, const Busy& measured);

  const MachineState& state() const { return estimate_.state(); }

  /// The state that a placement might be made anew for: it differs by a tenth from the usual one, and from the last one
  /// that a placement was offered for. nullopt: none, or so many are kept as may be. For hosts that place while they
  /// serve, beside the inferences, which need not wait.
  std::optional<MachineState> wanted() const;
  /// A placement that was made for `state`; it is one more of placements(), unless it was there already. None: no other
  /// could be made. kInvalidArgument: the processors cannot run it.
  Status offer(const MachineState& state, std::optional<Placement> placement);

  struct Counts {
    std::size_t switches = 0;  ///< from a placement to another that is better
    std::size_t probes = 0;    ///< begun
    std::size_t offers = 0;    ///< for states that were wanted
  };
  const Counts& counts() const { return counts_; }

 private:
  struct Probe {
    Part part = 0;
    double believed = 1;  ///< its slow-down before
    double slowest = 0;   ///< seen since
  };
  /// How a part would be probed.
  struct ProbePlan {
    std::size_t placement = 0;
    double patience = kCannot;  ///< inferences between two probes in the long run; without end: it is not worthwhile
  };

  PlacementController(CostTable table, const ControllerOptions& options);
  Status add(Placement placement);
  void predict();
  void look(const Busy& measured);
  void decide();
  void switch_to(std::size_t placement);
  void start_probe();
  double patience_with(Part part) const;
  ProbePlan plan_probe(Part part) const;
  bool restless() const { return needed_ >= 4 * options_.agreeing; }

  CostTable table_;
  ControllerOptions options_;
  StateEstimate estimate_;
  MachineState predicted_for_, offered_for_;
  std::vector<Placement> placements_;
  std::vector<Telltale> telltales_;               // by placement
  std::vector<double> latencies_;                 // by placement, in the state predicted_for_
  std::vector<double> means_;                     // by placement, of the latencies in the last inferences
  std::vector<std::optional<std::size_t>> left_;  // by placement: in which inference
  std::size_t settled_ = 0, active_ = 0;          // others during a probe
  std::optional<Probe> probe_;
  std::vector<std::size_t> probes_;              // by part, since it was in use
  std::vector<std::optional<ProbePlan>> plans_;  // by part, for latencies_ and settled_; made when asked for
  std::size_t now_ = 0, changed_ = 0;            // inferences; the last one in which the placement or the state changed
  std::size_t needed_, agreed_ = 0;              // inferences in a row
  Counts counts_;
};

}  // namespace sparseloom::place
