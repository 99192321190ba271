#include "sparseloom/zoo/pieces.h"

#include <system_error>

#include "sparseloom/base/file.h"
#include "sparseloom/zoo/chain.h"

namespace sparseloom::zoo {
namespace {

namespace fs = std::filesystem;
using backend::EdgeId;
using backend::Graph;
using backend::Model;

std::vector<TensorSpec> specs_of(const Graph& graph, const std::vector<EdgeId>& edges) {
  std::vector<TensorSpec> specs;
  for (const EdgeId edge : edges) specs.push_back(graph.edge(edge).spec);
  return specs;
}

// Boundary tensors must agree with the dense variant's: a stitched variant passes one's to the other's.
Status check_against(const Graph& dense, const std::vector<Cut>& dense_cuts, const Graph& graph,
                     const std::vector<Cut>& cuts, const std::string& who) {
  const auto compare = [&](const std::vector<EdgeId>& a, const std::vector<EdgeId>& b,
                           const std::string& place) -> Status {
    const auto expected = specs_of(dense, a), found = specs_of(graph, b);
    if (expected.size() != found.size()) {
      return error(Code::kFailedPrecondition, "{}: {} tensors at {}; the dense variant has {}", who, found.size(),
                   place, expected.size());
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (!expected[i].same_layout(found[i])) {
        return error(Code::kFailedPrecondition, "{}: {} at {}; the dense variant has {}", who, found[i].describe(),
                     place, expected[i].describe());
      }
    }
    return {};
  };
  SL_RETURN_IF_ERROR(compare(dense.inputs, graph.inputs, "the inputs"));
  for (std::size_t i = 0; i < cuts.size(); ++i)
    SL_RETURN_IF_ERROR(compare(dense_cuts[i].tensors, cuts[i].tensors, fmt::format("cut {}", i + 1)));
  return compare(dense.outputs, graph.outputs, "the outputs");
}

// Hashes the model file and the weights beside it.
Status check_model(const Zoo& zoo, const fs::path& model) {
  SL_RETURN_IF_ERROR(check_file(zoo, model));
  return model.extension() == ".xml" ? check_file(zoo, fs::path(model).replace_extension(".bin")) : Status();
}

std::string file_name(std::size_t stage, const fs::path& model) {
  const std::string extension = model.extension() == ".onnx" ? ".xml" : model.extension().string();
  return fmt::format("part{}{}", stage, extension);
}

// Folders appear whole: one without a part, or without a part's weights, has been damaged.
bool is_whole(const fs::path& folder, const Task& task, const fs::path& model) {
  std::error_code ignored;
  for (std::size_t stage = 0; stage < task.stages(); ++stage) {
    fs::path file = folder / file_name(stage, model);
    if (!fs::exists(file, ignored)) return false;
    if (file.extension() == ".xml" && !fs::exists(file.replace_extension(".bin"), ignored)) return false;
  }
  return true;
}

Status check_tensor(const std::string& where, const TensorSpec& found, const TensorSpec& stated) {
  if (found.same_layout(stated)) return {};
  return error(Code::kFailedPrecondition, "{}: has {}, but task.json states {}", where, found.describe(),
               stated.describe());
}

}  // namespace

Status check_interface(const Task& task, const fs::path& model, const Graph& graph) {
  const std::string where = model.string();
  if (graph.inputs.size() != task.inputs.size() || graph.outputs.size() != 1) {
    return error(Code::kFailedPrecondition, "{}: {} inputs and {} outputs, but task.json states {} and 1", where,
                 graph.inputs.size(), graph.outputs.size(), task.inputs.size());
  }
  for (std::size_t i = 0; i < task.inputs.size(); ++i) {
    SL_RETURN_IF_ERROR(check_tensor(where, graph.edge(graph.inputs[i]).spec, task.inputs[i]));
  }
  return check_tensor(where, graph.edge(graph.outputs[0]).spec, task.output);
}

Result<std::vector<std::unique_ptr<Model>>> cut_model(const Model& model, const std::vector<Cut>& cuts) {
  SL_RETURN_IF_ERROR(check_cuts(model.graph(), cuts));
  std::vector<std::unique_ptr<Model>> pieces;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const auto& from = i == 0 ? model.graph().inputs : cuts[i - 1].tensors;
    const auto& to = i == cuts.size() ? model.graph().outputs : cuts[i].tensors;
    SL_ASSIGN_OR_RETURN(auto piece, model.extract(from, to));
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

Status save_pieces(const backend::Runtime& runtime, const std::vector<std::unique_ptr<Model>>& pieces,
                   const fs::path& folder, const std::string& extension) {
  const auto fill = [&](const fs::path& temporary) -> Status {
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const fs::path file = temporary / fmt::format("part{}{}", i, extension);
      SL_RETURN_IF_ERROR(pieces[i]->save(file));
      SL_RETURN_IF_ERROR(runtime.read(file).status());
    }
    return {};
  };
  return write_folder(folder, fill, OtherFolder::kStays);
}

PieceStore::PieceStore(const Zoo& zoo, const backend::Runtime& runtime, fs::path folder)
    : zoo_(zoo), runtime_(runtime), folder_(std::move(folder)) {}

Result<fs::path> PieceStore::piece(TaskId task_id, VariantId variant_id, StageId stage) {
  const Task& task = zoo_.task(task_id);
  const Variant& variant = task.variants[variant_id.index()];
  if (stage.index() >= task.stages())
    return error(Code::kInvalidArgument, "{}: no stage {}; it has {}", task.name, stage.index(), task.stages());
  const fs::path folder = folder_ / task.name / variant.name;
  fs::path file = folder / file_name(stage.index(), variant.model);
  if (is_whole(folder, task, variant.model)) return file;
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  SL_RETURN_IF_ERROR(cut(task, variant, folder));
  return file;
}

Status PieceStore::cut(const Task& task, const Variant& variant, const fs::path& folder) const {
  const Variant& dense = task.variants.front();
  SL_RETURN_IF_ERROR(check_model(zoo_, variant.model));
  SL_RETURN_IF_ERROR(check_model(zoo_, dense.model));
  SL_ASSIGN_OR_RETURN(const auto dense_model, runtime_.read(dense.model));
  SL_RETURN_IF_ERROR(check_interface(task, dense.model, dense_model->graph()));  // the variant is compared with dense
  auto dense_cuts = cuts_by_name(dense_model->graph(), task.cuts);
  if (!dense_cuts.ok()) return dense_cuts.status().with_context(dense.model.string());
  SL_ASSIGN_OR_RETURN(const auto model, runtime_.read(variant.model));
  auto cuts = map_cuts(dense_model->graph(), *dense_cuts, model->graph());
  if (!cuts.ok()) return cuts.status().with_context(variant.model.string());
  SL_RETURN_IF_ERROR(check_against(dense_model->graph(), *dense_cuts, model->graph(), *cuts, variant.model.string()));
  auto pieces = cut_model(*model, *cuts);
  if (!pieces.ok()) return pieces.status().with_context(variant.model.string());
  const fs::path first = file_name(0, variant.model);
  return save_pieces(runtime_, *pieces, folder, first.extension().string());
}

}  // namespace sparseloom::zoo
