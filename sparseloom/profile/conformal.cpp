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

// The first that keeps `bound` and is not `absent`; order.size() candidates: none.
std::size_t pick(const std::vector<std::size_t>& order, const std::vector<Candidate>& candidates,
                 const std::vector<bool>& absent, double bound) {
  for (const std::size_t i : order) {
    if (!absent[i] && candidates[i].value >= bound) return i;
  }
  return order.size();
}

double draw_between(double from, double to, std::mt19937_64& random) {
  return from + static_cast<double>(random() >> 11U) * 0x1p-53 * (to - from);  // the same with every library
}

// So often in a row may a drawn bound lead to nothing new before what was drawn is taken for absent.
constexpr std::size_t kPatience = 50;

// Below this rounding makes a difference between level · (m+1) and a whole number.
constexpr double kRounding = 1e-9;

}  // namespace

std::vector<std::size_t> picks(const std::vector<Candidate>& candidates, double from, double to) {
  std::vector<std::size_t> result;
  double best = -std::numeric_limits<double>::infinity();
  for (const std::size_t i : by_speed(candidates)) {
    // It keeps some bound in [from, to] that all faster ones miss.
    if (candidates[i].value < from || candidates[i].value <= best || best >= to) continue;
    best = candidates[i].value;
    result.push_back(i);
  }
  return result;
}

std::vector<std::size_t> draw_picks(const std::vector<Candidate>& candidates, const std::vector<bool>& measured,
                                    double from, double to, std::size_t count, std::mt19937_64& random) {
  const std::vector<std::size_t> order = by_speed(candidates);
  std::vector<bool> done = measured;
  std::vector<bool> absent(candidates.size(), false);
  std::vector<std::size_t> drawn;
  std::size_t in_vain = 0;
  while (drawn.size() < count) {
    const std::size_t i = pick(order, candidates, absent, draw_between(from, to, random));
    if (i < order.size() && !done[i]) {
      done[i] = true;
      drawn.push_back(i);
      in_vain = 0;
    } else if (++in_vain > kPatience) {
      if (absent == done) break;
      absent = done;
      in_vain = 0;
    }
  }
  return drawn;
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
  for (std::size_t i = 0; i < n; ++i) {
    frozen[i] = {trial.latency_s[i], trial.measured[i] ? trial.truth[i] : trial.value[i]};
  }
  Coverage coverage;
  for (std::size_t d = 0; d < draws; ++d) {
    std::vector<Candidate> known = frozen;
    std::vector<bool> measured = trial.measured;
    std::vector<double> scores;
    while (scores.size() < trial.calibration) {
      const std::size_t batch = std::min(trial.batch, trial.calibration - scores.size());
      const auto drawn = draw_picks(known, measured, trial.from, trial.to, batch, random);
      if (drawn.empty()) break;
      for (const std::size_t i : drawn) {
        scores.push_back((trial.value[i] - trial.truth[i]) / trial.scale[i]);
        known[i].value = trial.truth[i];
        measured[i] = true;
      }
    }
    const double quantile = std::max(conformal_quantile(std::move(scores), trial.level), 0.0);
    const std::vector<std::size_t> order = by_speed(known);
    const std::vector<bool> absent(n, false);
    for (std::size_t b = 0; b < bounds; ++b) {
      const std::size_t i = pick(order, known, absent, draw_between(trial.from, trial.to, random));
      if (i == order.size() || measured[i]) continue;
      ++coverage.trials;
      if (trial.truth[i] >= trial.value[i] - quantile * trial.scale[i]) ++coverage.covered;
    }
  }
  return coverage;
}

}  // namespace sparseloom::profile
