#include "sparseloom/profile/analytical/model_check.h"

#include <cmath>

#include "sparseloom/base/rank_correlation.h"

namespace sparseloom::profile {

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
  fit.spearman = spearman(modelled, measured);
  fit.ratio = quartiles(std::move(ratios));
  fit.mape = errors / static_cast<double>(subgraphs.size());
  return fit;
}

}  // namespace sparseloom::profile
