// SDRM3, today Dream (ASPLOS'23, as the Sparse-DySta benchmark defines it): urgency, the remaining time over the slack,
// plus fairness, the time waited over the time that the next stage takes.
#include "sparseloom/sched/policies/last_best_scan.h"

namespace sparseloom::sched {
namespace {

constexpr double kFairness = 1.0;  // weight

struct Sdrm3Rule {
  enum { kRemaining, kNext, kDeadline, kLastRun, kArrival, kOrder };
  static constexpr std::size_t kAttributes = 6, kSplits = 4;
  using Point = std::array<double, kAttributes>;

  static Point point(const ReadyStage& s) {
    return {s.remaining.count(), s.next.count(),    s.deadline.count(),
            s.last_run.count(),  s.arrival.count(), static_cast<double>(s.request.index())};
  }

  static double urgency(double remaining, double slack) { return slack == 0 ? 1.0 : std::min(1.0, remaining / slack); }
  static double fairness(double idle, double next) { return idle <= 0 ? 0.0 : idle / next; }

  static double least_score(const Point& /*p*/) { return -kInfinity; }

  static Standing standing(const Point& p, const Moment& moment) {
    const double now = moment.now.count();
    const double score = urgency(p[kRemaining], p[kDeadline] - now) + kFairness * fairness(now - p[kLastRun], p[kNext]);
    return scan_standing(score, p[kArrival], p[kOrder]);
  }

  static Standing best(const Point& low, const Point& high, const Moment& moment) {
    const double now = moment.now.count(), least = low[kDeadline] - now, most = high[kDeadline] - now;
    // Late requests have a negative urgency, the smaller the longer they have been late.
    const double urgent = most < 0 ? urgency(low[kRemaining], least) : urgency(high[kRemaining], std::max(0.0, least));
    const double score = urgent + kFairness * fairness(now - low[kLastRun], low[kNext]);
    return scan_standing(score, low[kArrival], high[kOrder]);
  }
};

}  // namespace

std::unique_ptr<Policy> make_sdrm3(const PolicySpec& spec) { return std::make_unique<ScorePolicy<Sdrm3Rule>>(spec); }

}  // namespace sparseloom::sched
