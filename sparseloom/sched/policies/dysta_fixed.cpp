// Dysta's score as hardware computes it (Sparse-DySta, arXiv 2310.11096, §V): integers, and multiplications by
// reciprocals in the place of divisions. Times are whole microseconds; 1/isolated is made once, when a stage becomes
// ready, with 32 bits behind the point; 1/n comes from a table; the weight 0.01 is 41 / 4096. Sums of 2^47 us and more
// saturate. How often it decides as the exact form does: `sparseloom bench policies`.
#include <cmath>

#include "sparseloom/sched/policies/score_index.h"

namespace sparseloom::sched {
namespace {

using Ticks = std::int64_t;

constexpr double kTicksPerSecond = 1e6;
constexpr Ticks kMost = Ticks{1} << 47;
constexpr Ticks kFixedEta = 41;  // of 2^12
constexpr int kEtaBits = 12, kIsolatedBits = 32, kRatioBits = 20, kCountBits = 15;

Ticks saturated(double ticks) {
  return static_cast<Ticks>(std::clamp(std::round(ticks), -double(kMost), double(kMost)));
}
Ticks ticks(double seconds) { return saturated(seconds * kTicksPerSecond); }

/// 2^15 / n, rounded.
Ticks reciprocal_of_count(std::size_t n) {
  constexpr std::size_t kEntries = 256;
  static constexpr auto kTable = [] {
    std::array<Ticks, kEntries> table{};
    for (std::size_t i = 1; i < kEntries; ++i) {
      table[i] = static_cast<Ticks>(((std::size_t{2} << kCountBits) / i + 1) / 2);
    }
    return table;
  }();
  return n < kEntries ? kTable[n] : ((Ticks{2} << kCountBits) / static_cast<Ticks>(n) + 1) / 2;
}

/// idle · (1/isolated) · (1/n), in microseconds where the exact form's sum is in seconds. Nothing overflows: idle
/// counts up to 2^30 us, and a request that has waited 2^20 times its own length counts as that.
Ticks waited(Ticks idle, Ticks isolated_reciprocal, Ticks count_reciprocal) {
  constexpr Ticks kLongest = Ticks{1} << 30, kLargest = Ticks{1} << (20 + kRatioBits);
  const Ticks ratio =
      std::min(kLargest, (std::min(idle, kLongest) * isolated_reciprocal) >> (kIsolatedBits - kRatioBits));
  const Ticks shared = (ratio * count_reciprocal) >> kCountBits;
  return (shared * static_cast<Ticks>(kTicksPerSecond)) >> kRatioBits;
}

struct FixedRule {
  // Whole numbers below 2^53, which a double holds exactly.
  enum { kRemaining, kDeadline, kLastRun, kReciprocal, kOrder };
  static constexpr std::size_t kAttributes = 5, kSplits = 4;
  using Point = std::array<double, kAttributes>;

  static Point point(const ReadyStage& s) {
    const Ticks isolated = std::max(Ticks{1}, ticks(s.isolated.count()));
    const Ticks reciprocal = ((Ticks{1} << kIsolatedBits) + isolated / 2) / isolated;
    return {double(ticks(s.remaining.count())), double(ticks(s.deadline.count())), double(ticks(s.last_run.count())),
            double(reciprocal), double(s.request.index())};
  }

  static double least_score(const Point& p) { return p[kRemaining]; }

  static double score(double remaining, double deadline_after, double spare_less, double last_run, double reciprocal,
                      const Moment& moment) {
    const Ticks now = ticks(moment.now.count());
    const Ticks spare = std::max(Ticks{0}, Ticks(deadline_after) - now - Ticks(spare_less));
    const Ticks idle = std::max(Ticks{0}, now - Ticks(last_run));
    const Ticks waiting = waited(idle, Ticks(reciprocal), reciprocal_of_count(moment.in_flight));
    return remaining + double((kFixedEta * (spare + waiting)) >> kEtaBits);
  }

  static Standing standing(const Point& p, const Moment& moment) {
    return {score(p[kRemaining], p[kDeadline], p[kRemaining], p[kLastRun], p[kReciprocal], moment), 0, p[kOrder]};
  }

  static Standing best(const Point& low, const Point& high, const Moment& moment) {
    return {score(low[kRemaining], low[kDeadline], high[kRemaining], high[kLastRun], low[kReciprocal], moment), 0,
            low[kOrder]};
  }
};

}  // namespace

std::unique_ptr<Policy> make_dysta_fixed(const PolicySpec& spec) {
  return std::make_unique<ScorePolicy<FixedRule>>(spec);
}

}  // namespace sparseloom::sched
