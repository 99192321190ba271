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

// Whether two shares differ beyond what independent requests differ by, 19 times in 20.
bool risen(double before, double n, double after, double m) {
  const double both = (before * n + after * m) / (n + m);
  return after - before > 1.645 * std::sqrt(both * (1 - both) * (1 / n + 1 / m));
}

}  // namespace

void ReplanGuard::see(const LateCount& count) {
  if (on_trial_ || (!seen_.empty() && seen_.back().requests == count.requests)) return;
  seen_.push_back(count);
  while (seen_.size() > 2 && count.requests - seen_[1].requests >= kWindow) seen_.pop_front();
}

void ReplanGuard::replanned(const LateCount& count) {
  see(count);
  before_count_ = seen_.empty() ? 0 : count.requests - seen_.front().requests;
  before_ = seen_.empty() ? 0 : share(seen_.front(), count);
  at_start_ = count;
  on_trial_ = before_count_ > 0;
  seen_.clear();
}

bool ReplanGuard::go_back(const LateCount& count, Seconds now) {
  if (!on_trial_ || count.requests - at_start_.requests < kWindow) return false;
  on_trial_ = false;
  after_ = share(at_start_, count);
  const auto n = static_cast<double>(before_count_), m = static_cast<double>(count.requests - at_start_.requests);
  if (!risen(before_, n, after_, m)) {
    pause_ = kFirstPause;
    return false;
  }
  pause_ends_ = now + pause_;
  pause_ = std::min(2 * pause_, kLongestPause);
  return true;
}

void ReplanGuard::reset() {
  seen_.clear();
  on_trial_ = false;
}

}  // namespace sparseloom::engine
