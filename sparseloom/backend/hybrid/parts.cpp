#include "sparseloom/backend/hybrid/parts.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace sparseloom::backend {

PartCompiler::PartCompiler(const Executor& executor, const Model& model, std::filesystem::path file)
    : executor_(executor), model_(model), file_(std::move(file)) {}

Result<Part> PartCompiler::compile(const HybridStep& step, const CompileOptions& member) {
  if (info(member.provider).onnx_only) return compile_onnx(step, member);
  SL_ASSIGN_OR_RETURN(std::unique_ptr<Model> piece, model_.extract(step.inputs, step.outputs));
  Part part;
  if (step.range) {
    SL_ASSIGN_OR_RETURN(NarrowedModel narrowed, piece->narrow(*step.range));
    for (const NarrowedInput& input : narrowed.inputs) part.inputs.push_back({step.inputs[input.index], input.range});
    piece = std::move(narrowed.model);
  } else {
    for (const EdgeId tensor : step.inputs) part.inputs.push_back({tensor, std::nullopt});
  }
  SL_ASSIGN_OR_RETURN(part.executable, executor_.compile(*piece, member));
  return part;
}

Status PartCompiler::open_onnx() {
  if (onnx_) return {};
  if (file_.extension() != ".onnx") {
    return error(Code::kFailedPrecondition, "a member's provider runs models in ONNX alone, and {} is none",
                 file_.empty() ? "this model" : file_.string());
  }
  SL_ASSIGN_OR_RETURN(onnx_, OnnxFile::open(file_));
  SL_ASSIGN_OR_RETURN(folder_, ScratchFolder::make());
  return {};
}

Result<Part> PartCompiler::compile_onnx(const HybridStep& step, const CompileOptions& member) {
  SL_RETURN_IF_ERROR(open_onnx());
  const Graph& graph = model_.graph();
  SL_ASSIGN_OR_RETURN(const auto inputs, onnx_->specs_of(graph, step.inputs));
  SL_ASSIGN_OR_RETURN(const auto outputs, onnx_->specs_of(graph, step.outputs));
  const std::filesystem::path path = folder_->path() / fmt::format("{}.onnx", written_++);
  Part part;
  for (const EdgeId tensor : step.inputs) part.inputs.push_back({tensor, std::nullopt});
  if (step.range) {
    std::map<std::string, const Shape*> shapes;
    for (const Edge& edge : graph.edges) {
      shapes.emplace(edge.spec.name, &edge.spec.shape);
      for (const std::string& alias : edge.aliases) shapes.emplace(alias, &edge.spec.shape);
    }
    const ShapeOf shape_of = [&](const std::string& name) {
      const auto at = shapes.find(name);
      return at == shapes.end() ? std::nullopt : std::optional(*at->second);
    };
    SL_ASSIGN_OR_RETURN(const auto ranges, onnx_->save_part(inputs, outputs.front(), *step.range, shape_of, path));
    for (std::size_t k = 0; k < ranges.size(); ++k) part.inputs[k].range = ranges[k];
  } else {
    SL_RETURN_IF_ERROR(onnx_->save_piece(inputs, outputs, path));
  }
  SL_ASSIGN_OR_RETURN(part.executable, executor_.load(path, member));
  std::error_code ignored;  // what is compiled has read it
  std::filesystem::remove(path, ignored);
  std::filesystem::remove(std::filesystem::path(path).replace_extension(".weights"), ignored);
  return part;
}

}  // namespace sparseloom::backend
