#pragma once

#include <string>
#include <vector>

#include "sparseloom/base/status.h"

namespace sparseloom::bench::kernels {

struct Options {
  std::vector<std::string> networks;  ///< empty: all
  std::vector<double> sparsities{0.5, 0.6, 0.7, 0.8, 0.9, 0.95};
  std::vector<int> threads;  ///< empty: one, and two if this process may use as many CPUs
  bool blocks = false;       ///< weights are pruned in blocks of four along the input
  int rounds = 9;
  std::string json;
};

/// Times our sparse kernels beside dense and other sparse ones on the layers of published networks, on the first cores
/// allowed, interleaved; checks that ours agree with the dense ones; prints tables.
Status bench_kernels(const Options& options);

}  // namespace sparseloom::bench::kernels
