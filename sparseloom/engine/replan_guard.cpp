#include "sparseloom/engine/replan_guard.h"

#include <algorithm>
#include <cmath>

namespace sparseloom::engine {
namespace {

double share(const LateCount& from, const LateCount& to) {
  return to.requests == from.requests
             ? 0
             : static_cast<double>(to.late - from.late) / static_cast<double>(to.requests - from.requests);
}

// Whether a share has risen by more than two of independent requests differ, 19 times in 20.
bool risen(double before, double n, double after, double m) {
  const double both = (before * n + after * m) / (n + m);
  return after - before > 1.645 * std::sqrt(both * (1 - both) * (1 / n + 1 / m));
}

}  // namespace

void ReplanGuard::restart(const LateCount& count, Seconds now) {
  seen_.assign(1, count);
  since_ = now;
  on_trial_ = false;
}

void ReplanGuard::see(const LateCount& count) {
  if (on_trial_ || (!seen_.empty() && seen_.back().requests == count.requests)) return;
  seen_.push_back(count);
  while (seen_.size() > 2 && count.requests - seen_[1].requests >= kWindow) seen_.pop_front();
}

bool ReplanGuard::may_replan(Seconds now) const {
  return !on_trial_ && now >= pause_ends_ && (seen() >= kWindow || now - since_ >= kLongest);
}

void ReplanGuard::replanned(const LateCount& count, Seconds now) {
  before_count_ = seen();
  before_ = seen_.empty() ? 0 : share(seen_.front(), seen_.back());
  restart(count, now);
  at_start_ = count;
  on_trial_ = before_count_ >= kLeast;
}

bool ReplanGuard::go_back(const LateCount& count, Seconds now) {
  const std::uint64_t requests = count.requests - at_start_.requests;
  if (!on_trial_ || (requests < kWindow && now - since_ < kLongest)) return false;
  after_ = share(at_start_, count);
  restart(count, now);
  if (requests < kLeast || !risen(before_, static_cast<double>(before_count_), after_, static_cast<double>(requests))) {
    pause_ = kFirstPause;
    return false;
  }
  pause(now);
  return true;
}

void ReplanGuard::pause(Seconds now) {
  pause_ends_ = now + pause_;
  pause_ = std::min(2 * pause_, kLongestPause);
}

}  // namespace sparseloom::engine
