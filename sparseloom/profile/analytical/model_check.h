#pragma once

#include <vector>

#include "sparseloom/base/statistics.h"
#include "sparseloom/base/units.h"

namespace sparseloom::profile {

/// One subgraph's latency as a model has it and as it was measured.
struct ModelledAndMeasured {
  Seconds modelled{0};
  Seconds measured{0};
};

/// How a model fares.
struct ModelFit {
  std::size_t subgraphs = 0;
  double spearman = 0;      ///< rank correlation, -1..1; 0 where fewer than two or all are equal
  Quartiles<double> ratio;  ///< modelled / measured
  double mape = 0;          ///< mean of |modelled - measured| / measured
};

ModelFit fit_of(const std::vector<ModelledAndMeasured>& subgraphs);

}  // namespace sparseloom::profile
