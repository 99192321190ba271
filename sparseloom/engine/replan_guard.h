#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "sparseloom/base/units.h"

namespace sparseloom::engine {

/// Requests that have completed since some start, and how many of them were late or failed.
struct LateCount {
  std::uint64_t requests = 0, late = 0;
};

/// Counts them, but for those of plans that have been replaced. Wait-free; any thread.
class LateCounter {
 public:
  void add(std::size_t plan_version, bool late) {
    if (plan_version < from_.load(std::memory_order_relaxed)) return;
    if (late) late_.fetch_add(1, std::memory_order_relaxed);
    requests_.fetch_add(1, std::memory_order_relaxed);
  }
  /// Requests of earlier plans are not counted any more.
  void from(std::size_t plan_version) { from_.store(plan_version, std::memory_order_relaxed); }
  LateCount count() const {
    return {.requests = requests_.load(std::memory_order_relaxed), .late = late_.load(std::memory_order_relaxed)};
  }

 private:
  std::atomic<std::size_t> from_{0};
  std::atomic<std::uint64_t> requests_{0}, late_{0};
};

/// Sees to it that re-planning does no harm: predictions know a slow processor by its mean, but one that a neighbour
/// takes away now and then is mostly as fast as ever. After a plan has been replaced the share of late requests is
/// compared with what it was before; if it has risen beyond chance the old plan is to be taken up again, and
/// re-planning pauses, twice as long each time, until a new plan has proven itself. Holds no thread and reads no clock.
/// Not thread-safe.
class ReplanGuard {
 public:
  /// Requests that a share is taken over, before and after; fewer if they take longer than kLongest to come.
  static constexpr std::uint64_t kWindow = 200;
  static constexpr Seconds kLongest{10};
  /// With fewer than these nothing can be said, and a new plan stays.
  static constexpr std::uint64_t kLeast = 20;
  static constexpr Seconds kFirstPause{1}, kLongestPause{64};

  /// What comes from now on is the machine as it is: what was seen before it is forgotten, as is a trial.
  void restart(const LateCount& count, Seconds now);
  /// Now and then: how many there have been.
  void see(const LateCount& count);
  /// Whether another plan may be tried: enough has been seen of the active one, none is on trial, and no pause lasts.
  bool may_replan(Seconds now) const;
  /// Another plan serves from now on, and is on trial.
  void replanned(const LateCount& count, Seconds now);
  /// Whether the plan before is to be taken up again, asked now and then; true once.
  bool go_back(const LateCount& count, Seconds now);

  /// A new plan has failed, one way or another: none is tried for a while.
  void pause(Seconds now);

  /// Shares of late requests before the last trial, and in it.
  double before() const { return before_; }
  double after() const { return after_; }

 private:
  std::uint64_t seen() const { return seen_.empty() ? 0 : seen_.back().requests - seen_.front().requests; }

  std::deque<LateCount> seen_;  // the last kWindow requests, and one entry before
  Seconds since_{0};            // of what is seen, or of the trial
  bool on_trial_ = false;
  LateCount at_start_;              // of the trial
  std::uint64_t before_count_ = 0;  // requests that before_ was taken over
  double before_ = 0, after_ = 0;
  Seconds pause_ = kFirstPause, pause_ends_{0};
};

}  // namespace sparseloom::engine
