#include "sparseloom/profile/estimate/conformal.h"

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

double draw_even(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11U) * 0x1p-53;  // std's distributions differ between libraries
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

Request draw_request(std::size_t stages, double from, double to, std::mt19937_64& random) {
  Request request;
  request.bound = from + draw_even(random) * (to - from);
  for (std::size_t s = 0; s < stages; ++s) request.weight.push_back(draw_even(random));
  return request;
}

std::optional<std::size_t> pick(const Choices& choices, const std::vector<bool>& absent, const Request& request) {
  std::optional<std::size_t> best;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < choices.value.size(); ++i) {
    if (absent[i] || choices.value[i] < request.bound) continue;
    const double cost =
        std::inner_product(request.weight.begin(), request.weight.end(), choices.latency_s[i].begin(), 0.0);
    if (cost < least) {
      least = cost;
      best = i;
    }
  }
  return best;
}

std::vector<std::size_t> draw_picks(const Choices& choices, const std::vector<bool>& measured, double from, double to,
                                    std::size_t count, std::mt19937_64& random) {
  std::vector<bool> done = measured;
  std::vector<bool> absent(done.size(), false);
  std::vector<std::size_t> drawn;
  std::size_t in_vain = 0;
  while (drawn.size() < count) {
    const auto i = pick(choices, absent, draw_request(choices.latency_s.front().size(), from, to, random));
    if (i && !done[*i]) {
      done[*i] = true;
      drawn.push_back(*i);
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

Coverage try_coverage(const CoverageTrial& trial, std::size_t draws, std::size_t requests, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::vector<double>& value = trial.choices.value;
  Choices known = trial.choices;
  const std::vector<bool> none(value.size(), false);
  Coverage coverage;
  for (std::size_t d = 0; d < draws; ++d) {
    for (std::size_t i = 0; i < value.size(); ++i) known.value[i] = trial.measured[i] ? trial.truth[i] : value[i];
    std::vector<bool> measured = trial.measured;
    std::vector<double> scores;
    while (scores.size() < trial.calibration) {
      const std::size_t batch = std::min(trial.batch, trial.calibration - scores.size());
      const auto drawn = draw_picks(known, measured, trial.from, trial.to, batch, random);
      if (drawn.empty()) break;
      for (const std::size_t i : drawn) {
        scores.push_back((value[i] - trial.truth[i]) / trial.scale[i]);
        known.value[i] = trial.truth[i];
        measured[i] = true;
      }
    }
    const double quantile = std::max(conformal_quantile(std::move(scores), trial.level), 0.0);
    for (std::size_t k = 0; k < requests; ++k) {
      const auto i = pick(known, none, draw_request(known.latency_s.front().size(), trial.from, trial.to, random));
      if (!i) continue;
      ++coverage.requests;
      if (measured[*i]) continue;
      ++coverage.trials;
      if (trial.truth[*i] >= value[*i] - quantile * trial.scale[*i]) ++coverage.covered;
    }
  }
  return coverage;
}

}  // namespace sparseloom::profile
