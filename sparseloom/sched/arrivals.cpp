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

Nanoseconds end_of(const Workload& workload) {
  return workload.duration ? to_ns(*workload.duration) : std::numeric_limits<Nanoseconds>::max();
}

// Hands the times of one open-loop entry to `take`, in order, until it returns false.
template <typename Take>
void each_arrival(const Workload& workload, std::size_t entry, const Take& take) {
  const Arrivals& a = workload.arrivals[entry];
  const Nanoseconds end = end_of(workload);
  const Nanoseconds start = to_ns(a.offset);
  const auto until_end = [&](auto next) {
    for (std::size_t made = 0; a.requests == 0 || made < a.requests; ++made) {
      const Nanoseconds at = next(made);
      if (at >= end || !take(at)) return;
    }
  };
  if (a.kind == Arrivals::Kind::kPeriodic) {
    until_end([&](std::size_t k) { return start + std::llround(static_cast<double>(k) * 1e9 / a.rate_per_s); });
  } else if (a.kind == Arrivals::Kind::kPoisson) {
    ExponentialGaps gap(stream_seed(workload.seed, entry), a.rate_per_s);
    until_end([&, now = start](std::size_t) mutable { return now += gap(); });
  }
}

}  // namespace

std::vector<Arrival> open_loop_arrivals(const Workload& workload) {
  std::vector<Arrival> all;
  for (std::size_t entry = 0; entry < workload.arrivals.size(); ++entry) {
    each_arrival(workload, entry, [&](Nanoseconds at) {
      all.push_back({from_ns(at), workload.arrivals[entry].task});
      return true;
    });
  }
  std::stable_sort(all.begin(), all.end(), [](const Arrival& a, const Arrival& b) {
    return std::pair(a.at, a.task) < std::pair(b.at, b.task);
  });
  return all;
}

bool any_open_loop_arrival(const Workload& workload) {
  bool any = false;
  for (std::size_t entry = 0; entry < workload.arrivals.size() && !any; ++entry) {
    each_arrival(workload, entry, [&](Nanoseconds) {
      any = true;
      return false;
    });
  }
  return any;
}

}  // namespace sparseloom::sched
