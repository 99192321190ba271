#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "sparseloom/place/adapt/busy.h"
#include "sparseloom/place/state.h"

namespace sparseloom::place {

/// What of a machine slows down by itself: a processor, by its index, or, numbered behind them, its memory.
using Part = std::size_t;
inline Part memory_of(const MachineState& state) { return state.slow_down.size(); }
inline double slow_down(const MachineState& state, Part part) {
  return part < state.slow_down.size() ? state.slow_down[part] : state.memory_slow_down;
}
void set_slow_down(MachineState& state, Part part, double factor);

/// Whether a part of the machine is slower in one state than in the other by more than the share `by`.
bool differ(const MachineState& a, const MachineState& b, double by);

/// What inferences of one placement tell of a machine's state: what they keep busy, beside what the table says of it.
/// A part is told of if it is busy for 2 % of what all processors are; memory, besides, if half of what copies take is
/// for their bytes.
class Telltale {
 public:
  Telltale(const CostTable& table, const Placement& placement);
  /// Slow-down of the part in an inference; nullopt if the placement does not tell, or what was measured is no time.
  std::optional<double> slow_down(const Busy& measured, Part part) const;
  bool tells(Part part) const;

 private:
  Busy usual_;
  double fixed_ = 0;  ///< of the copies: what does not depend on bytes
};

/// The state of a machine, by the last inferences. Each part's slow-down is the median of what was seen of it since it
/// changed, of the last kLongest at most: exact while nothing changes. It has changed if the median of the last
/// `window` is another by more than kChange. So single inferences that were disturbed say nothing, and a step is seen
/// after half of the window and remains a step (running median: Tukey 1977). In the beginning all is as in the table. A
/// part that is not seen stays as it was seen last.
class StateEstimate {
 public:
  static constexpr std::size_t kLongest = 32;
  static constexpr double kChange = 0.1;

  /// `window`: inferences, 1 to kLongest.
  StateEstimate(const CostTable& table, std::size_t window);

  void observe(const Telltale& telltale, const Busy& measured);
  /// As if the part's slow-down had changed to that.
  void assume(Part part, double factor);

  const MachineState& state() const { return state_; }
  std::size_t parts() const { return seen_.size(); }
  /// How many inferences ago the part was seen; 0: in the last one.
  std::size_t unseen(Part part) const { return observed_ - last_seen_[part]; }

 private:
  std::size_t window_;
  std::vector<std::vector<double>> seen_;  // by part: since it changed, the last one behind
  std::vector<std::size_t> last_seen_;     // by part: in which inference
  std::size_t observed_ = 0;
  MachineState state_;
};

}  // namespace sparseloom::place
