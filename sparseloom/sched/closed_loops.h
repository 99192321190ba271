#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "sparseloom/sched/workload.h"

namespace sparseloom::sched {

/// The closed loops of a workload that is played: a request that completes is followed by another one of its loop,
/// until the loop has sent all of its requests or the workload's duration is over. Told of what happens, in any order
/// of time; not thread-safe.
class ClosedLoops {
 public:
  ClosedLoops() = default;
  /// `first`: first_arrivals() of the workload, which is played from `start` on.
  ClosedLoops(const Workload& workload, std::span<const Arrival> first, Seconds start);

  /// A request of an entry of the workload has completed. Whether its loop sends another one now; an entry that is no
  /// closed loop never does.
  bool completed(std::size_t entry, Seconds at);
  /// A request could not be sent; none follows it.
  void dropped(std::size_t entry) { end_one(loops_[entry]); }
  /// Nothing is sent any more.
  void stop() { end_ = Seconds(-std::numeric_limits<double>::infinity()); }
  /// Every request of a closed loop has completed, and none follows.
  bool over() const { return running_ == 0; }

 private:
  struct Loop {
    std::size_t left = 0;    // requests still to send
    std::size_t inside = 0;  // sent and not completed; 0 in an entry that is no closed loop
  };
  void end_one(Loop& loop);

  std::vector<Loop> loops_;  // by entry
  std::size_t running_ = 0;  // those of them that have requests inside
  Seconds end_{std::numeric_limits<double>::infinity()};
};

}  // namespace sparseloom::sched
