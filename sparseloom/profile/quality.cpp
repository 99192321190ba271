#include "sparseloom/profile/quality.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sparseloom::profile {
namespace {

std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> rank(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    for (std::size_t k = first; k < end; ++k) rank[order[k]] = static_cast<double>(first + end - 1) / 2;
    first = end;
  }
  return rank;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

constexpr double kSlower = 1.02, kLessAccurate = 0.005, kRounding = 1e-12;

}  // namespace

double spearman(const std::vector<double>& a, const std::vector<double>& b) {
  const std::vector<double> x = ranks(a), y = ranks(b);
  const double mx = mean(x), my = mean(y);
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) * (x[i] - mx);
    yy += (y[i] - my) * (y[i] - my);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

Quality compare(const std::vector<double>& estimates, const std::vector<double>& truth) {
  Quality quality;
  quality.compared = truth.size();
  if (truth.empty()) return quality;
  for (std::size_t i = 0; i < truth.size(); ++i) quality.mae_points += 100 * std::abs(estimates[i] - truth[i]);
  quality.mae_points /= static_cast<double>(truth.size());
  quality.spearman = spearman(estimates, truth);
  return quality;
}

double front_recall(const std::vector<Candidate>& seen, const std::vector<double>& truth, double from, double to) {
  std::vector<Candidate> real = seen;
  for (std::size_t i = 0; i < real.size(); ++i) real[i].value = truth[i];
  const std::vector<std::size_t> front = picks(real, from, to);
  std::size_t met = 0;
  for (const std::size_t wanted : front) {
    std::size_t picked = seen.size();
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (seen[i].value + kRounding < truth[wanted]) continue;
      if (picked == seen.size() || seen[i].latency_s < seen[picked].latency_s) picked = i;
    }
    if (picked == seen.size()) continue;
    met += seen[picked].latency_s <= kSlower * seen[wanted].latency_s && truth[picked] >= truth[wanted] - kLessAccurate
               ? 1
               : 0;
  }
  return front.empty() ? 1 : static_cast<double>(met) / static_cast<double>(front.size());
}

}  // namespace sparseloom::profile
