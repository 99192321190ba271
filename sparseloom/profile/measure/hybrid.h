#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/place/adapt/controller.h"
#include "sparseloom/place/placers.h"
#include "sparseloom/profile/measure/operators.h"

namespace sparseloom::profile {

/// measure_operators() of a model that was read from `path`, kept below `cache` between processes, unless that is
/// empty.
Result<MeasuredOperators> measure_file(const backend::Runtime& runtime, const backend::Model& model,
                                       const std::filesystem::path& path,
                                       const std::vector<backend::CompileOptions>& members,
                                       const std::filesystem::path& cache, const Control& control = {});

struct AheadOptions {
  std::vector<double> slow_downs{1.5, 3};  ///< of each member, that placements are found for; none: for the usual state
  double tolerance = 0.05;     ///< a placement serves the states in which it takes at most so much more than the best
  std::size_t most_plans = 3;  ///< that are compiled
};

/// How members execute a model together, and what that was decided by.
struct HybridPlacement {
  backend::HybridOptions options;  ///< to compile; executing it moves `controller`, which it keeps alive
  place::Placed placed;            ///< of the usual state: latency and bound by the measured costs
  std::shared_ptr<const place::PlacementController> controller;
};

/// Places the operators of a model exactly by their measured costs, for the machine as it is and, ahead, for members
/// that are slowed down. Executed, it goes over to the placement for what the runs before have shown
/// (place::PlacementController).
Result<HybridPlacement> place_on_members(const backend::Graph& graph, const MeasuredOperators& operators,
                                         std::vector<backend::CompileOptions> members, const AheadOptions& ahead = {});

/// Executor::load(), where options of provider hybrid may have members alone: their placements are then found first.
/// The first time for a model and its members that takes some seconds of all their cores.
Result<std::unique_ptr<backend::Executable>> load_placed(const backend::Runtime& runtime,
                                                         const std::filesystem::path& path,
                                                         const backend::CompileOptions& options);

}  // namespace sparseloom::profile
