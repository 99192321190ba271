#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/simulate/benchmark.h"

namespace sparseloom::cli {

/// The policies that --policy names, each once, in that order; "all" are the ten of the public benchmark in the order
/// of its results. kInvalidArgument lists the names.
Result<std::vector<std::string_view>> parse_policies(const std::vector<std::string>& names);

/// A benchmark's models on equal processors, any of which may run a layer: with one, requests are let in as the public
/// benchmark does.
simulate::Stage stage_for(simulate::Benchmark& benchmark, std::size_t processors);

}  // namespace sparseloom::cli
