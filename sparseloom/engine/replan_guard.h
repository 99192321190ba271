#pragma once

#include <cstdint>
#include <deque>

#include "sparseloom/base/units.h"

namespace sparseloom::engine {

/// Requests that were served since some start, and how many of them were late.
struct LateCount {
  std::uint64_t requests = 0, late = 0;
};

/// Sees to it that re-planning does no harm: predictions know a slow processor by its mean, but one that a neighbour
/// takes away now and then is mostly as fast as ever. After a plan has been replaced the share of late requests is
/// compared with what it was before; if it has risen beyond chance the old plan is to be taken up again, and
/// re-planning pauses, twice as long each time, until a new plan has proven itself. Holds no thread and reads no clock.
/// Not thread-safe.
class ReplanGuard {
 public:
  /// Requests that a share is taken over, before and after.
  static constexpr std::uint64_t kWindow = 200;
  static constexpr Seconds kFirstPause{1}, kLongestPause{64};

  /// Now and then: how many there have been by `now`.
  void see(const LateCount& count);
  /// Whether a new plan may be tried: none is on trial, and no pause lasts.
  bool may_replan(Seconds now) const { return !on_trial_ && now >= pause_ends_; }
  /// Another plan serves from now on.
  void replanned(const LateCount& count);
  /// Whether the plan before is to be taken up again, asked now and then; true once.
  bool go_back(const LateCount& count, Seconds now);
  /// Tasks, bounds or memory have changed: nothing is comparable any more.
  void reset();

  /// Shares of late requests before the last new plan, and under it.
  double before() const { return before_; }
  double after() const { return after_; }

 private:
  std::deque<LateCount> seen_;  // the last kWindow requests, and one entry before
  bool on_trial_ = false;
  LateCount at_start_;              // of the trial
  std::uint64_t before_count_ = 0;  // requests that before_ was taken over
  double before_ = 0, after_ = 0;
  Seconds pause_ = kFirstPause, pause_ends_{0};
};

}  // namespace sparseloom::engine
