// Sparse-DySta (arXiv 2310.11096, Alg. 3): least remaining time first, with a share of the slack that is left and of
// the waiting so far. Its forms differ in what the times are made from: dysta_naive knows the model's averages (the
// static level alone), dysta the variant's and the sparsity seen (both levels), dysta_oracle the future.
#include "sparseloom/sched/policies/score_index.h"

namespace sparseloom::sched {
namespace {

constexpr double kEta = 0.01;  // weight of slack and waiting against the remaining time

struct DystaRule {
  enum { kRemaining, kDeadline, kLastRun, kIsolated, kOrder };
  static constexpr std::size_t kAttributes = 5, kSplits = 4;
  using Point = std::array<double, kAttributes>;

  static Point point(const ReadyStage& s) {
    return {s.remaining.count(), s.deadline.count(), s.last_run.count(), s.isolated.count(),
            static_cast<double>(s.request.index())};
  }

  static double least_score(const Point& p) { return p[kRemaining]; }

  static double score(double remaining, double spare, double idle, double isolated, const Moment& moment) {
    const double waited = std::max(0.0, idle) / isolated / static_cast<double>(moment.in_flight);
    return remaining + kEta * (std::max(0.0, spare) + waited);
  }

  static Standing standing(const Point& p, const Moment& moment) {
    const double now = moment.now.count(), spare = p[kDeadline] - now - p[kRemaining];
    return {score(p[kRemaining], spare, now - p[kLastRun], p[kIsolated], moment), 0, p[kOrder]};
  }

  static Standing best(const Point& low, const Point& high, const Moment& moment) {
    const double now = moment.now.count(), spare = low[kDeadline] - now - high[kRemaining];
    return {score(low[kRemaining], spare, now - high[kLastRun], high[kIsolated], moment), 0, low[kOrder]};
  }
};

}  // namespace

std::unique_ptr<Policy> make_dysta(const PolicySpec& spec) { return std::make_unique<ScorePolicy<DystaRule>>(spec); }

}  // namespace sparseloom::sched
