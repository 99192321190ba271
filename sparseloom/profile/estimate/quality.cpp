#include "sparseloom/profile/estimate/quality.h"

#include <algorithm>
#include <cmath>

#include "sparseloom/base/rank_correlation.h"

namespace sparseloom::profile {
namespace {

constexpr double kSlower = 1.02, kLessAccurate = 0.005, kRounding = 1e-12;

}  // namespace

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
