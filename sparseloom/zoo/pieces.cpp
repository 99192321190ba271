#include "sparseloom/zoo/pieces.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>

#include "sparseloom/base/file.h"
#include "sparseloom/base/names.h"
#include "sparseloom/zoo/chain.h"
#include "sparseloom/zoo/model_files.h"

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
  for (std::size_t i = 0; i < cuts.size(); ++i)
    SL_RETURN_IF_ERROR(compare(dense_cuts[i].tensors, cuts[i].tensors, fmt::format("cut {}", i + 1)));
  return {};
}

// Hashes every file that the model is read from.
Status check_model(const Zoo& zoo, const fs::path& model) {
  SL_ASSIGN_OR_RETURN(const std::vector<fs::path> files, model_files(model));
  for (const fs::path& file : files) SL_RETURN_IF_ERROR(check_file(zoo, file));
  return {};
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

// The model's input of that name; a model's only input may have any.
Result<EdgeId> find_input(const std::string& where, const Graph& graph, const std::string& name) {
  if (graph.inputs.size() == 1) return graph.inputs[0];
  std::vector<std::string_view> names;
  for (const EdgeId input : graph.inputs) {
    const backend::Edge& edge = graph.edge(input);
    names.push_back(edge.spec.name);
    if (edge.spec.name == name || std::find(edge.aliases.begin(), edge.aliases.end(), name) != edge.aliases.end())
      return input;
  }
  return error(Code::kFailedPrecondition, "{}: task.json's input {}", where, not_known(name, names));
}

// "'RandomUniform_39' (RandomUniform, for tensor 'noise')": a frontend makes several operators of one, and only what
// the last of them makes has the name that the model's file gives it.
std::string describe_random(const Graph& graph, const backend::Node& node) {
  const backend::Edge* edge = &graph.edge(node.outputs.front());
  while (edge->aliases.empty() && !edge->consumers.empty()) {
    edge = &graph.edge(graph.node(edge->consumers.front()).outputs.front());
  }
  const std::string target = edge->aliases.empty() ? "" : fmt::format(", for tensor '{}'", edge->aliases.front());
  return fmt::format("'{}' ({}{})", node.name, node.op, target);
}

// Whether pieces reproduce their model can only be seen if it answers twice the same.
Status check_repeatable(const Graph& graph) {
  std::vector<std::string> nodes;
  for (const backend::Node& node : graph.nodes)
    if (node.random) nodes.push_back(describe_random(graph, node));
  if (nodes.empty()) return {};
  return error(Code::kFailedPrecondition,
               "the model draws random numbers, so no two runs agree and nothing shows whether its pieces are right: "
               "{}; export it without (a model for inference), or with the numbers as an input",
               fmt::join(nodes, ", "));
}

}  // namespace

std::map<std::string, Shape> shapes_of(const Task& task) {
  if (!task.shapes.empty()) return task.shapes;
  if (task.inputs.size() == 1) return {{"", task.inputs.front().shape}};  // it may have any name
  std::map<std::string, Shape> shapes;
  for (const TensorSpec& input : task.inputs) shapes.emplace(input.name, input.shape);
  return shapes;
}

Result<std::vector<EdgeId>> check_interface(const Task& task, const fs::path& model, const Graph& graph) {
  const std::string where = model.string();
  if (graph.inputs.size() != task.inputs.size() || graph.outputs.size() != task.outputs.size()) {
    return error(Code::kFailedPrecondition, "{}: {} inputs and {} outputs, but task.json states {} and {}", where,
                 graph.inputs.size(), graph.outputs.size(), task.inputs.size(), task.outputs.size());
  }
  std::vector<EdgeId> inputs;
  for (const TensorSpec& stated : task.inputs) {
    SL_ASSIGN_OR_RETURN(const EdgeId input, find_input(where, graph, stated.name));
    SL_RETURN_IF_ERROR(check_tensor(where, graph.edge(input).spec, stated));
    inputs.push_back(input);
  }
  for (std::size_t k = 0; k < task.outputs.size(); ++k) {
    SL_RETURN_IF_ERROR(check_tensor(where, graph.edge(graph.outputs[k]).spec, task.outputs[k]));
  }
  return inputs;
}

Result<std::vector<std::unique_ptr<Model>>> cut_model(const Model& model, const std::vector<Cut>& cuts) {
  return cut_model(model, model.graph().inputs, cuts);
}

Result<std::vector<std::unique_ptr<Model>>> cut_model(const Model& model, const std::vector<EdgeId>& inputs,
                                                      const std::vector<Cut>& cuts) {
  SL_RETURN_IF_ERROR(check_cuts(model.graph(), cuts));
  if (!cuts.empty()) SL_RETURN_IF_ERROR(check_repeatable(model.graph()));
  std::vector<std::unique_ptr<Model>> pieces;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const auto& from = i == 0 ? inputs : cuts[i - 1].tensors;
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
  SL_RETURN_IF_ERROR(check_once(variant));
  if (is_whole(folder, task, variant.model)) return file;
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  SL_RETURN_IF_ERROR(cut(task, variant, folder));
  return file;
}

Status PieceStore::check_once(const Variant& variant) {
  const std::lock_guard lock(checking_);
  if (checked_.contains(variant.model)) return {};
  SL_RETURN_IF_ERROR(check_model(zoo_, variant.model));
  checked_.insert(variant.model);
  return {};
}

Status PieceStore::cut(const Task& task, const Variant& variant, const fs::path& folder) {
  const Variant& dense = task.variants.front();
  SL_RETURN_IF_ERROR(check_once(dense));
  SL_ASSIGN_OR_RETURN(const auto dense_model, runtime_.read(dense.model, shapes_of(task)));
  SL_RETURN_IF_ERROR(check_interface(task, dense.model, dense_model->graph()).status());
  auto dense_cuts = cuts_by_name(dense_model->graph(), task.cuts);
  if (!dense_cuts.ok()) return dense_cuts.status().with_context(dense.model.string());
  SL_ASSIGN_OR_RETURN(const auto model, runtime_.read(variant.model, shapes_of(task)));
  SL_ASSIGN_OR_RETURN(const auto inputs, check_interface(task, variant.model, model->graph()));
  auto cuts = map_cuts(dense_model->graph(), *dense_cuts, model->graph());
  if (!cuts.ok()) return cuts.status().with_context(variant.model.string());
  SL_RETURN_IF_ERROR(check_against(dense_model->graph(), *dense_cuts, model->graph(), *cuts, variant.model.string()));
  auto pieces = cut_model(*model, inputs, *cuts);
  if (!pieces.ok()) return pieces.status().with_context(variant.model.string());
  const fs::path first = file_name(0, variant.model);
  return save_pieces(runtime_, *pieces, folder, first.extension().string());
}

}  // namespace sparseloom::zoo
