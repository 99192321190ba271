// Ours. The least product of remaining and isolated time first, which is Smith's rule (1956) for the mean of the
// normalised turnaround: a request weighs 1 / isolated and still needs `remaining`. Two factors look after deadlines:
//
//  - A request that cannot keep its deadline any more, whatever is done, stands back: its violation is certain, another
//    one's may be avoided.
//  - One that still can comes forward as its spare time, measured by its own length, shrinks (as in the apparent
//  tardiness
//    cost rule, Vepsalainen and Morton 1987), the more so the fewer requests compete: in an overload the urgent ones
//    would crowd out the short.
//
//    score = remaining · isolated · 1.5                                            if spare < 0
//            remaining · isolated / (1 + 1 / (n · (1 + spare / (3 · isolated))))    else
//    spare = deadline - now - remaining, n = requests in flight; the least score wins.
#include "sparseloom/sched/policies/score_index.h"

namespace sparseloom::sched {
namespace {

constexpr double kLate = 1.5;   // factor of those that cannot make it
constexpr double kHorizon = 3;  // spare time, in isolated times, that halves the urgency

struct StretchRule {
  enum { kRemaining, kIsolated, kDeadline, kOrder };
  static constexpr std::size_t kAttributes = 4, kSplits = 3;
  using Point = std::array<double, kAttributes>;

  static Point point(const ReadyStage& s) {
    return {s.remaining.count(), s.isolated.count(), s.deadline.count(), static_cast<double>(s.request.index())};
  }

  static double least_score(const Point& p) { return p[kRemaining] * p[kIsolated] * 0.5; }

  static double urgent(double product, double spare, double isolated, const Moment& moment) {
    const auto n = static_cast<double>(moment.in_flight);
    return product / (1 + 1 / (n * (1 + spare / (kHorizon * isolated))));
  }

  static Standing standing(const Point& p, const Moment& moment) {
    const double product = p[kRemaining] * p[kIsolated];
    const double spare = p[kDeadline] - moment.now.count() - p[kRemaining];
    return {spare < 0 ? product * kLate : urgent(product, spare, p[kIsolated], moment), 0, p[kOrder]};
  }

  static Standing best(const Point& low, const Point& high, const Moment& moment) {
    const double now = moment.now.count(), product = low[kRemaining] * low[kIsolated];
    const bool all_late = high[kDeadline] - now - low[kRemaining] < 0;
    const double spare = std::max(0.0, low[kDeadline] - now - high[kRemaining]);
    return {all_late ? product * kLate : urgent(product, spare, high[kIsolated], moment), 0, low[kOrder]};
  }
};

}  // namespace

std::unique_ptr<Policy> make_stretch(const PolicySpec& spec) {
  return std::make_unique<ScorePolicy<StretchRule>>(spec);
}

}  // namespace sparseloom::sched
