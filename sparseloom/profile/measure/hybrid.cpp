#include "sparseloom/profile/measure/hybrid.h"

#include <utility>

#include "sparseloom/base/file.h"
#include "sparseloom/profile/measure/operators.h"
#include "sparseloom/zoo/model_files.h"

namespace sparseloom::profile {
namespace {

namespace fs = std::filesystem;

// Named by what the model's files hold.
Result<fs::path> kept_file(const fs::path& model, const fs::path& cache) {
  if (cache.empty()) return fs::path();
  SL_ASSIGN_OR_RETURN(const std::vector<fs::path> files, zoo::model_files(model));
  std::string digests;
  for (const fs::path& file : files) {
    SL_ASSIGN_OR_RETURN(const std::string digest, sha256_file(file));
    digests += digest;
  }
  return cache / "operators" / (sha256(digests).substr(0, 32) + ".jsonl");
}

}  // namespace

Result<HybridPlacement> place_on_members(const backend::Runtime& runtime, const fs::path& path,
                                         std::vector<backend::CompileOptions> members, const fs::path& cache,
                                         const Control& control) {
  SL_ASSIGN_OR_RETURN(const auto model, runtime.read(path));
  OperatorTiming timing;
  timing.control = control;
  timing.model_file = path;
  SL_ASSIGN_OR_RETURN(timing.kept, kept_file(path, cache));
  SL_ASSIGN_OR_RETURN(auto operators, measure_operators(runtime, *model, members, timing));
  SL_ASSIGN_OR_RETURN(place::Placed placed, place::place_exactly(operators.table, {}));
  auto plan = hybrid_plan(model->graph(), operators, placed.placement);
  return HybridPlacement{
      std::make_shared<const backend::HybridOptions>(backend::HybridOptions{std::move(members), {std::move(plan)}}),
      std::move(placed), std::move(operators.table)};
}

Result<std::unique_ptr<backend::Executable>> load_placed(const backend::Runtime& runtime, const fs::path& path,
                                                         const backend::CompileOptions& options) {
  if (!options.hybrid || !options.hybrid->plans.empty()) return runtime.load(path, options);
  SL_ASSIGN_OR_RETURN(HybridPlacement placement,
                      place_on_members(runtime, path, options.hybrid->members, options.cache_dir));
  backend::CompileOptions placed = options;
  placed.hybrid = std::move(placement.options);
  return runtime.load(path, placed);
}

}  // namespace sparseloom::profile
