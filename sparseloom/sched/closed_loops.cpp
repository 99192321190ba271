#include "sparseloom/sched/closed_loops.h"

namespace sparseloom::sched {

ClosedLoops::ClosedLoops(const Workload& workload, std::span<const Arrival> first, Seconds start) {
  if (workload.duration) end_ = start + *workload.duration;
  for (const Arrivals& entry : workload.arrivals) loops_.push_back({.left = follow_ups(entry)});
  for (const Arrival& arrival : first) {
    if (workload.arrivals[arrival.entry].kind != Arrivals::Kind::kClosedLoop) continue;
    if (loops_[arrival.entry].inside++ == 0) ++running_;
  }
}

bool ClosedLoops::completed(std::size_t entry, Seconds at) {
  Loop& loop = loops_[entry];
  if (loop.left > 0 && at < end_) {
    --loop.left;
    return true;  // the next one is inside in its place
  }
  end_one(loop);
  return false;
}

void ClosedLoops::end_one(Loop& loop) {
  if (loop.inside > 0 && --loop.inside == 0) --running_;
}

}  // namespace sparseloom::sched
