#include <algorithm>
#include <cmath>
#include <random>

#include "sparseloom/sched/workload.h"

namespace sparseloom::sched {
namespace {

using Nanoseconds = std::int64_t;

Nanoseconds to_ns(Seconds t) { return std::llround(t.count() * 1e9); }
Seconds from_ns(Nanoseconds t) { return Seconds(static_cast<double>(t) / 1e9); }

// Gaps of a Poisson process by inversion. The standard fixes mt19937_64's output but not what its distributions make of
// it; and rounding each gap to a nanosecond hides what mathematical libraries differ by.
class ExponentialGaps {
 public:
  ExponentialGaps(std::uint64_t seed, double rate_per_s) : bits_(seed), mean_ns_(1e9 / rate_per_s) {}
  Nanoseconds operator()() {
    const double uniform = (static_cast<double>(bits_() >> 11) + 0.5) * 0x1p-53;  // in (0, 1)
    return std::llround(-std::log(uniform) * mean_ns_);
  }

 private:
  std::mt19937_64 bits_;
  double mean_ns_;
};

// One stream per entry of the workload, so that changing one task's rate leaves the others' arrivals alone.
std::uint64_t stream_seed(std::uint64_t seed, std::size_t entry) {
  return seed + 0x9E3779B97F4A7C15ULL * (static_cast<std::uint64_t>(entry) + 1);
}

template <typename NextTime>
void append(const Arrivals& arrivals, Nanoseconds end, NextTime next, std::vector<Arrival>& out) {
  for (std::size_t made = 0; arrivals.requests == 0 || made < arrivals.requests; ++made) {
    const Nanoseconds at = next(made);
    if (at >= end) break;
    out.push_back({from_ns(at), arrivals.task});
  }
}

}  // namespace

std::vector<Arrival> open_loop_arrivals(const Workload& workload) {
  const Nanoseconds end = workload.duration ? to_ns(*workload.duration) : std::numeric_limits<Nanoseconds>::max();
  std::vector<Arrival> all;
  for (std::size_t entry = 0; entry < workload.arrivals.size(); ++entry) {
    const Arrivals& a = workload.arrivals[entry];
    const Nanoseconds start = to_ns(a.offset);
    if (a.kind == Arrivals::Kind::kPeriodic) {
      const auto at = [&](std::size_t k) { return start + std::llround(static_cast<double>(k) * 1e9 / a.rate_per_s); };
      append(a, end, at, all);
    } else if (a.kind == Arrivals::Kind::kPoisson) {
      ExponentialGaps gap(stream_seed(workload.seed, entry), a.rate_per_s);
      Nanoseconds now = start;
      append(
          a, end, [&](std::size_t) { return now += gap(); }, all);
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Arrival& a, const Arrival& b) {
    return std::pair(a.at, a.task) < std::pair(b.at, b.task);
  });
  return all;
}

}  // namespace sparseloom::sched
