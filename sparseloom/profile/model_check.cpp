#include "sparseloom/profile/model_check.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sparseloom::profile {
namespace {

// 1-based; equal values share the mean of their ranks.
std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t from = 0, to = 0; from < order.size(); from = to) {
    while (to < order.size() && values[order[to]] == values[order[from]]) ++to;
    for (std::size_t k = from; k < to; ++k) result[order[k]] = static_cast<double>(from + 1 + to) / 2;
  }
  return result;
}

double correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

}  // namespace

ModelFit fit_of(const std::vector<ModelledAndMeasured>& subgraphs) {
  ModelFit fit;
  fit.subgraphs = subgraphs.size();
  if (subgraphs.empty()) return fit;
  std::vector<double> modelled, measured, ratios;
  double errors = 0;
  for (const ModelledAndMeasured& s : subgraphs) {
    modelled.push_back(s.modelled.count());
    measured.push_back(s.measured.count());
    ratios.push_back(s.modelled / s.measured);
    errors += std::abs(ratios.back() - 1);
  }
  fit.spearman = correlation(ranks(modelled), ranks(measured));
  fit.ratio = quartiles(std::move(ratios));
  fit.mape = errors / static_cast<double>(subgraphs.size());
  return fit;
}

}  // namespace sparseloom::profile
