#pragma once

#include <string>
#include <vector>

#include "sparseloom/base/status.h"

namespace sparseloom::bench {

struct PolicyBenchOptions {
  std::string traces, json, html;
  std::vector<std::string> policies;
  std::vector<std::size_t> waiting{10, 100, 1000, 10'000, 100'000};
};

/// sparseloom bench policies: what a decision costs by how many wait, and how often the fixed-point form agrees.
Status bench_policies(const PolicyBenchOptions& options);

}  // namespace sparseloom::bench
