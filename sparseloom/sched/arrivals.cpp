#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "sparseloom/base/uniform.h"
#include "sparseloom/sched/workload.h"

namespace sparseloom::sched {
namespace {

using Nanoseconds = std::int64_t;

Nanoseconds to_ns(Seconds t) { return std::llround(t.count() * 1e9); }
Seconds from_ns(Nanoseconds t) { return Seconds(static_cast<double>(t) / 1e9); }

// Exponential times by inversion. Rounding each to a nanosecond hides what mathematical libraries differ by.
class Exponential {
 public:
  explicit Exponential(std::uint64_t seed) : bits_(seed) {}
  Nanoseconds operator()(double mean_ns) { return std::llround(-std::log(uniform(bits_)) * mean_ns); }

 private:
  std::mt19937_64 bits_;
};

// A Poisson process that is on during bursts. What is left of a gap between requests when a burst ends is still
// exponential, so it goes on in the next burst.
class Bursts {
 public:
  Bursts(const Arrivals& a, std::uint64_t seed)
      : draw_(seed),
        between_ns_(1e9 / a.rate_per_s),
        burst_ns_(a.burst.count() * 1e9),
        gap_ns_(a.gap.count() * 1e9),
        now_(to_ns(a.offset)),
        end_(now_ + draw_(burst_ns_)) {}
  Nanoseconds next() {
    now_ += draw_(between_ns_);
    while (now_ >= end_) {
      const Nanoseconds gap = draw_(gap_ns_);
      now_ += gap;
      end_ += gap + draw_(burst_ns_);
    }
    return now_;
  }

 private:
  Exponential draw_;
  double between_ns_, burst_ns_, gap_ns_;
  Nanoseconds now_;
  Nanoseconds end_;  // of the burst
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
  const std::uint64_t seed = stream_seed(workload.seed, entry);
  switch (a.kind) {
    case Arrivals::Kind::kClosedLoop: return;
    case Arrivals::Kind::kPeriodic:
      return until_end(
          [&](std::size_t k) { return start + std::llround(static_cast<double>(k) * 1e9 / a.rate_per_s); });
    case Arrivals::Kind::kPoisson:
      return until_end(
          [&, draw = Exponential(seed), now = start](std::size_t) mutable { return now += draw(1e9 / a.rate_per_s); });
    case Arrivals::Kind::kBursty:
      return until_end([bursts = Bursts(a, seed)](std::size_t) mutable { return bursts.next(); });
    case Arrivals::Kind::kRecorded: return until_end([&](std::size_t k) { return start + to_ns(a.recorded[k]); });
  }
}

}  // namespace

std::vector<Arrival> open_loop_arrivals(const Workload& workload) {
  std::vector<Arrival> all;
  for (std::size_t entry = 0; entry < workload.arrivals.size(); ++entry) {
    each_arrival(workload, entry, [&](Nanoseconds at) {
      all.push_back({from_ns(at), workload.arrivals[entry].task, entry});
      return true;
    });
  }
  std::stable_sort(all.begin(), all.end(), [](const Arrival& a, const Arrival& b) {
    return std::pair(a.at, a.task) < std::pair(b.at, b.task);
  });
  return all;
}

std::vector<Arrival> first_arrivals(const Workload& workload) {
  std::vector<Arrival> all = open_loop_arrivals(workload);
  for (std::size_t entry = 0; entry < workload.arrivals.size(); ++entry) {
    const Arrivals& a = workload.arrivals[entry];
    if (a.kind != Arrivals::Kind::kClosedLoop || to_ns(a.offset) >= end_of(workload)) continue;
    const std::size_t first = a.requests == 0 ? a.outstanding : std::min(a.outstanding, a.requests);
    all.insert(all.end(), first, {a.offset, a.task, entry});
  }
  std::stable_sort(all.begin(), all.end(), [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
  return all;
}

std::size_t follow_ups(const Arrivals& arrivals) {
  if (arrivals.kind != Arrivals::Kind::kClosedLoop) return 0;
  if (arrivals.requests == 0) return std::numeric_limits<std::size_t>::max();
  return arrivals.requests - std::min(arrivals.outstanding, arrivals.requests);
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
