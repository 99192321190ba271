#include "sparseloom/profile/measure/hybrid.h"

#include <algorithm>
#include <utility>

#include "sparseloom/base/file.h"
#include "sparseloom/place/adapt/ahead.h"
#include "sparseloom/profile/measure/kept_operators.h"
#include "sparseloom/zoo/model_files.h"

namespace sparseloom::profile {
namespace {

namespace fs = std::filesystem;

// Named by what the model's files hold, and by what else its times depend on.
Result<fs::path> kept_file(const fs::path& model, const fs::path& cache, const std::string& subject) {
  if (cache.empty()) return fs::path();
  SL_ASSIGN_OR_RETURN(const std::vector<fs::path> files, zoo::model_files(model));
  std::string digests = subject;
  for (const fs::path& file : files) {
    SL_ASSIGN_OR_RETURN(const std::string digest, sha256_file(file));
    digests += digest;
  }
  return cache / "operators" / (sha256(digests).substr(0, 32) + ".jsonl");
}

}  // namespace

Result<MeasuredOperators> measure_file(const backend::Runtime& runtime, const backend::Model& model,
                                       const fs::path& path, const std::vector<backend::CompileOptions>& members,
                                       const fs::path& cache, const Control& control) {
  OperatorTiming timing;
  timing.control = control;
  timing.model_file = path;
  SL_ASSIGN_OR_RETURN(timing.kept, kept_file(path, cache, kept_subject(runtime, model.graph(), members)));
  return measure_operators(runtime, model, members, timing);
}

Result<HybridPlacement> place_on_members(const backend::Graph& graph, const MeasuredOperators& operators,
                                         std::vector<backend::CompileOptions> members, const AheadOptions& ahead) {
  const place::CostTable& table = operators.table;
  const place::PlacerOptions placing;
  SL_ASSIGN_OR_RETURN(place::Placed placed, place::place_exactly(table, placing));
  const place::StateGrid grid{ahead.slow_downs};
  SL_ASSIGN_OR_RETURN(std::vector<place::Placement> placements,
                      place::place_ahead(table, placed.placement, place::states_of(table, grid),
                                         place::exactly_for(table, placing), placing.model, ahead.tolerance));
  if (placements.size() > ahead.most_plans) placements.resize(std::max<std::size_t>(ahead.most_plans, 1));
  HybridPlacement result{
      .options = {.members = std::move(members), .plans = {}}, .placed = std::move(placed), .controller = {}};
  for (const place::Placement& placement : placements)
    result.options.plans.push_back(hybrid_plan(graph, operators, placement));
  SL_ASSIGN_OR_RETURN(auto created, place::PlacementController::create(table, std::move(placements)));
  const auto controller = std::make_shared<place::PlacementController>(std::move(created));
  if (result.options.plans.size() > 1) {
    result.options.next = [controller](const backend::HybridRun& run) {
      controller->observe(run.plan, {run.members, run.copies});
      return controller->active();
    };
  }
  result.controller = controller;
  return result;
}

Result<std::unique_ptr<backend::Executable>> load_placed(const backend::Runtime& runtime, const fs::path& path,
                                                         const backend::CompileOptions& options) {
  if (!options.hybrid || !options.hybrid->plans.empty()) return runtime.load(path, options);
  const std::vector<backend::CompileOptions>& members = options.hybrid->members;
  SL_ASSIGN_OR_RETURN(const auto model, runtime.read(path));
  SL_ASSIGN_OR_RETURN(const auto operators, measure_file(runtime, *model, path, members, options.cache_dir));
  SL_ASSIGN_OR_RETURN(HybridPlacement placement, place_on_members(model->graph(), operators, members));
  backend::CompileOptions placed = options;
  placed.hybrid = std::make_shared<const backend::HybridOptions>(std::move(placement.options));
  return runtime.load(path, placed);
}

}  // namespace sparseloom::profile
