#include "sparseloom/profile/measure/stages.h"

#include "sparseloom/profile/measure/hybrid.h"

namespace sparseloom::profile {

Result<std::shared_ptr<backend::Executable>> load_stage(const backend::Runtime& runtime, zoo::PieceStore& pieces,
                                                        zoo::TaskId task, zoo::VariantId variant, zoo::StageId stage,
                                                        const backend::CompileOptions& asked) {
  backend::CompileOptions options = asked;
  options.provider = pieces.provider_for(task, variant, asked.provider, asked.device);
  if (options.provider != asked.provider) {
    SL_ASSIGN_OR_RETURN(options.device, device_for(runtime, options.provider, asked.device));
    options.sparse_layers = backend::info(options.provider).sparse_layers;
  }
  SL_ASSIGN_OR_RETURN(const auto path, pieces.piece(task, variant, stage, options.provider));
  SL_ASSIGN_OR_RETURN(auto executable, load_placed(runtime, path, options));
  return std::shared_ptr<backend::Executable>(std::move(executable));
}

zoo::StageEnds measured_ends(const backend::Executable& executable, std::size_t stage, std::size_t stages) {
  const bool on_device = !executable.device_memory().empty();
  return {
      .input_on_device = on_device && stage > 0, .output_on_device = on_device && stage + 1 < stages, .input_from = {}};
}

Result<StageTable> load_stages(const zoo::Zoo& zoo, const backend::Runtime& runtime, zoo::PieceStore& pieces,
                               zoo::TaskId task, const backend::CompileOptions& options) {
  StageTable table;
  for (std::size_t v = 0; v < zoo.task(task).variants.size(); ++v) {
    auto& stages = table.emplace_back();
    for (std::size_t s = 0; s < zoo.task(task).stages(); ++s) {
      SL_ASSIGN_OR_RETURN(auto executable,
                          load_stage(runtime, pieces, task, zoo::VariantId(v), zoo::StageId(s), options));
      stages.push_back(std::move(executable));
    }
  }
  return table;
}

}  // namespace sparseloom::profile
