#pragma once

#include <optional>

#include "sparseloom/engine/replan_guard.h"
#include "sparseloom/engine/replanner.h"
#include "sparseloom/serve/serving.h"

namespace sparseloom::serve {

/// What the adaptive loop remembers between its looks at how long stages take: which plan it watches, and whether a new
/// one is being switched to or on trial. One thread's.
class Serving::Adaptation {
 public:
  explicit Adaptation(Serving& serving) : serving_(serving) {}

  /// Re-plans if stages take longer or shorter than profiled and that puts SLOs at risk; takes a new plan back under
  /// which more requests are late.
  void look();

 private:
  enum class State { kWatching, kSwitching, kGoingBack };

  void watch(const Planned& planned);
  void settled(const engine::LateCount& count, Seconds now);
  void take_back();
  void try_another(const std::vector<double>& slowdowns);
  /// Has the plan taken over, unless somebody is changing tasks, bounds or memory: whoever does plans anyway.
  bool take_over(const Planned& next, State state);

  Serving& serving_;
  State state_ = State::kWatching;
  Planned watched_;  // what is served, or will be once it is loaded
  Planned before_;   // what the last new plan has replaced
  std::optional<engine::Replanner> replanner_;
  engine::ReplanGuard guard_;
  bool drifted_ = false;
  bool taking_back_ = false;  // as soon as nobody else changes anything
};

}  // namespace sparseloom::serve
