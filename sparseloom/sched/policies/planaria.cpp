// Planaria's scheduling (MICRO'20, as the Sparse-DySta benchmark defines it): the largest ratio of priority to slack.
#include "sparseloom/sched/policies/last_best_scan.h"

namespace sparseloom::sched {
namespace {

struct PlanariaRule {
  enum { kPriority, kDeadline, kArrival, kOrder };
  static constexpr std::size_t kAttributes = 4, kSplits = 2;
  using Point = std::array<double, kAttributes>;

  static Point point(const ReadyStage& s) {
    return {s.priority, s.deadline.count(), s.arrival.count(), static_cast<double>(s.request.index())};
  }

  static double least_score(const Point& /*p*/) { return -kInfinity; }

  static Standing standing(const Point& p, const Moment& moment) {
    return scan_standing(p[kPriority] / (p[kDeadline] - moment.now.count()), p[kArrival], p[kOrder]);
  }

  static Standing best(const Point& low, const Point& high, const Moment& moment) {
    const double now = moment.now.count();
    if (high[kDeadline] - now < 0) return scan_standing(-1, 0, high[kOrder]);  // all are late
    return scan_standing(high[kPriority] / std::max(0.0, low[kDeadline] - now), low[kArrival], high[kOrder]);
  }
};

}  // namespace

std::unique_ptr<Policy> make_planaria(const PolicySpec& spec) {
  return std::make_unique<ScorePolicy<PlanariaRule>>(spec);
}

}  // namespace sparseloom::sched
