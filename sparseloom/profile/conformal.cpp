#include "sparseloom/profile/conformal.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sparseloom::profile {
namespace {

// Fastest first; of equals the one with the higher value.
std::vector<std::size_t> by_speed(const std::vector<Candidate>& candidates) {
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const Candidate &x = candidates[a], &y = candidates[b];
    if (x.latency_s != y.latency_s) return x.latency_s < y.latency_s;
    return x.value != y.value ? x.value > y.value : a < b;
  });
  return order;
}

// Below this rounding makes a difference between level · (m+1) and a whole number.
constexpr double kRounding = 1e-9;

}  // namespace

std::vector<std::size_t> picks(const std::vector<Candidate>& candidates, const std::vector<bool>& eligible, double from,
                               double to, std::size_t at_least) {
  std::vector<std::size_t> order = by_speed(candidates);
  std::vector<std::size_t> result;
  while (!order.empty()) {
    std::vector<std::size_t> left;
    // The fastest that keeps a bound in [from, to]: it is better than all faster ones, and the bound is above theirs.
    double best = -std::numeric_limits<double>::infinity();
    bool any = false;
    for (const std::size_t i : order) {
      const double value = candidates[i].value;
      if (value >= from && value > best && best < to) {
        best = value;
        any = true;
        if (eligible[i]) result.push_back(i);
      } else {
        left.push_back(i);
      }
    }
    if (!any || result.size() >= at_least) break;
    order = std::move(left);
  }
  return result;
}

std::size_t calibration_size(double level) {
  return static_cast<std::size_t>(std::ceil(level / (1 - level) - kRounding));
}

double conformal_quantile(std::vector<double> scores, double level) {
  const double rank = std::ceil(level * static_cast<double>(scores.size() + 1) - kRounding);
  if (rank > static_cast<double>(scores.size())) return std::numeric_limits<double>::infinity();
  const auto at = scores.begin() + static_cast<std::ptrdiff_t>(std::max(rank, 1.0)) - 1;
  std::nth_element(scores.begin(), at, scores.end());
  return *at;
}

std::vector<std::size_t> draw(std::vector<std::size_t> from, std::size_t count, std::mt19937_64& random) {
  count = std::min(count, from.size());
  for (std::size_t i = 0; i < count; ++i) {  // std::shuffle's order is the library's own
    std::swap(from[i], from[i + random() % (from.size() - i)]);
  }
  from.resize(count);
  return from;
}

Coverage try_coverage(const CoverageTrial& trial, std::size_t draws, std::size_t bounds, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::size_t n = trial.value.size();
  std::vector<Candidate> frozen(n);
  std::vector<bool> eligible(n);
  for (std::size_t i = 0; i < n; ++i) {
    frozen[i] = {trial.latency_s[i], trial.measured[i] ? trial.truth[i] : trial.value[i]};
    eligible[i] = !trial.measured[i];
  }
  const std::vector<std::size_t> order = by_speed(frozen);
  const std::vector<std::size_t> pool = picks(frozen, eligible, trial.from, trial.to, trial.pool);
  Coverage coverage;
  for (std::size_t d = 0; d < draws; ++d) {
    std::vector<Candidate> known = frozen;
    std::vector<bool> measured = trial.measured;
    std::vector<double> scores;
    for (const std::size_t i : draw(pool, trial.calibration, random)) {
      scores.push_back((trial.value[i] - trial.truth[i]) / trial.scale[i]);
      known[i].value = trial.truth[i];
      measured[i] = true;
    }
    const double quantile = std::max(conformal_quantile(std::move(scores), trial.level), 0.0);
    for (std::size_t b = 0; b < bounds; ++b) {
      const double u = static_cast<double>(random() >> 11U) * 0x1p-53;
      const double bound = trial.from + u * (trial.to - trial.from);
      const auto picked = std::find_if(order.begin(), order.end(), [&](auto i) { return known[i].value >= bound; });
      if (picked == order.end() || measured[*picked]) continue;
      ++coverage.trials;
      if (trial.truth[*picked] >= trial.value[*picked] - quantile * trial.scale[*picked]) ++coverage.covered;
    }
  }
  return coverage;
}

}  // namespace sparseloom::profile
