#include "sparseloom/profile/measure/fill_boundaries.h"

#include "sparseloom/profile/measure/stages.h"
#include "sparseloom/zoo/cut_check.h"
#include "sparseloom/zoo/dataset.h"

namespace sparseloom::profile {
namespace {

constexpr zoo::VariantId kDense{0};

Status load_inputs(const zoo::Zoo& zoo, const backend::Runtime& runtime, zoo::PieceStore& pieces, zoo::TaskId id,
                   zoo::Boundaries& boundaries) {
  const zoo::Task& task = zoo.task(id);
  if (task.profile.samples > 0) {
    SL_ASSIGN_OR_RETURN(const zoo::Dataset data, zoo::Dataset::load(zoo, task, task.profile));
    boundaries.load(data, 0);
    return {};
  }
  SL_ASSIGN_OR_RETURN(const auto path, pieces.piece(id, kDense, zoo::StageId(0)));
  SL_ASSIGN_OR_RETURN(const auto model, runtime.read(path));
  boundaries.at(0) = zoo::seeded_inputs(model->graph(), 0);
  return {};
}

}  // namespace

Result<zoo::Boundaries> fill_boundaries(const zoo::Zoo& zoo, const backend::Runtime& runtime, zoo::PieceStore& pieces,
                                        zoo::TaskId task, const std::filesystem::path& compile_cache) {
  zoo::Boundaries boundaries(zoo.task(task).stages(), zoo.task(task).inputs);
  SL_RETURN_IF_ERROR(load_inputs(zoo, runtime, pieces, task, boundaries));
  backend::CompileOptions compile;
  compile.cache_dir = compile_cache;
  for (std::size_t s = 0; s < zoo.task(task).stages(); ++s) {
    SL_ASSIGN_OR_RETURN(const auto executable, load_stage(runtime, pieces, task, kDense, zoo::StageId(s), compile));
    SL_ASSIGN_OR_RETURN(const auto session, boundaries.bind(*executable, s));
    SL_RETURN_IF_ERROR(session->run());
  }
  return boundaries;
}

}  // namespace sparseloom::profile
