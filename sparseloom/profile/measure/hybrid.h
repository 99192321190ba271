#pragma once

#include <filesystem>
#include <memory>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/place/placers.h"
#include "sparseloom/profile/measure/progress.h"

namespace sparseloom::profile {

/// How members execute a model together, and what that was decided by.
struct HybridPlacement {
  std::shared_ptr<const backend::HybridOptions> options;
  place::Placed placed;  ///< latency and bound by the measured costs
  place::CostTable table;
};

/// Measures what the operators of the model at `path` take on each kind of member (measure_operators(); kept below
/// `cache` between processes, unless that is empty) and places them exactly.
Result<HybridPlacement> place_on_members(const backend::Runtime& runtime, const std::filesystem::path& path,
                                         std::vector<backend::CompileOptions> members,
                                         const std::filesystem::path& cache, const Control& control = {});

/// Executor::load(), where options of provider hybrid may have members alone: their placement is then found first. The
/// first time for a model and its members that takes some seconds of all their cores.
Result<std::unique_ptr<backend::Executable>> load_placed(const backend::Runtime& runtime,
                                                         const std::filesystem::path& path,
                                                         const backend::CompileOptions& options);

}  // namespace sparseloom::profile
