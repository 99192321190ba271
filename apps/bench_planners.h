#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "sparseloom/base/status.h"

namespace sparseloom::apps {

/// sparseloom bench planners: what planning costs, and how near to the least bottleneck it is proven to come.
struct PlannersBench {
  CLI::App* command;
  std::function<Status()> run;
};
PlannersBench add_bench_planners(CLI::App& bench);

}  // namespace sparseloom::apps
