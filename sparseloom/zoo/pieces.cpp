#include "sparseloom/zoo/pieces.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>

#include "sparseloom/backend/onnx/onnx_file.h"
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
      if (!expected[i].convertible(found[i])) {
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

std::vector<ElementType> types_of(const std::vector<TensorSpec>& specs) {
  std::vector<ElementType> types;
  for (const TensorSpec& spec : specs) types.push_back(spec.type);
  return types;
}

// By boundary the types that the task has there, if the variant's are others anywhere.
std::vector<std::vector<ElementType>> types_to_convert(const Task& task, const Graph& dense,
                                                       const std::vector<Cut>& dense_cuts, const Graph& graph,
                                                       const std::vector<EdgeId>& inputs,
                                                       const std::vector<Cut>& cuts) {
  std::vector<std::vector<ElementType>> wanted{types_of(task.inputs)}, own{types_of(specs_of(graph, inputs))};
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    wanted.push_back(types_of(specs_of(dense, dense_cuts[i].tensors)));
    own.push_back(types_of(specs_of(graph, cuts[i].tensors)));
  }
  wanted.push_back(types_of(task.outputs));
  own.push_back(types_of(specs_of(graph, graph.outputs)));
  return wanted == own ? std::vector<std::vector<ElementType>>() : wanted;
}

// Hashes every file that the model is read from.
Status check_model(const Zoo& zoo, const fs::path& model) {
  SL_ASSIGN_OR_RETURN(const std::vector<fs::path> files, model_files(model));
  for (const fs::path& file : files) SL_RETURN_IF_ERROR(check_file(zoo, file));
  return {};
}

// What the editor writes of a model of this format.
std::string piece_extension(const fs::path& model) {
  return model.extension() == ".onnx" ? ".xml" : model.extension().string();
}

std::string file_name(std::size_t stage, const std::string& extension) {
  return fmt::format("part{}{}", stage, extension);
}

// Folders appear whole: one without a part, or without a part's weights, has been damaged.
bool is_whole(const fs::path& folder, const Task& task, const std::string& extension) {
  std::error_code ignored;
  for (std::size_t stage = 0; stage < task.stages(); ++stage) {
    fs::path file = folder / file_name(stage, extension);
    if (!fs::exists(file, ignored)) return false;
    if (file.extension() == ".xml" && !fs::exists(file.replace_extension(".bin"), ignored)) return false;
  }
  return true;
}

// A piece as another reader sees it: what it returns is what the next one takes.
Status check_piece(const backend::GraphEditor& editor, const fs::path& part, const std::vector<TensorSpec>& inputs,
                   const std::vector<TensorSpec>& outputs) {
  SL_ASSIGN_OR_RETURN(const auto model, editor.read(part));
  const auto check = [&](const std::vector<EdgeId>& found, const std::vector<TensorSpec>& wanted) -> Status {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const TensorSpec& spec = model->graph().edge(found[i]).spec;
      if (spec.same_layout(wanted[i])) continue;
      return error(Code::kFailedPrecondition, "{}: {}, where the model has {}", part.filename().string(),
                   spec.describe(), wanted[i].describe());
    }
    return {};
  };
  SL_RETURN_IF_ERROR(check(model->graph().inputs, inputs));
  return check(model->graph().outputs, outputs);
}

Status check_tensor(const std::string& where, const TensorSpec& found, const TensorSpec& stated) {
  if (found.convertible(stated)) return {};
  return error(Code::kFailedPrecondition, "{}: has {}, but the task states {}", where, found.describe(),
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
  return error(Code::kFailedPrecondition, "{}: the task's input {}", where, not_known(name, names));
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

Status check_form(const Variant& variant, const backend::Graph& graph) {
  if (!graph.opaque() || variant.onnx_only) return {};
  return error(Code::kFailedPrecondition, "{}; ONNX Runtime can run it, if the zoo lists it as 'onnx' without 'model'",
               graph.why_opaque);
}

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
    return error(Code::kFailedPrecondition, "{}: {} inputs and {} outputs, but the task states {} and {}", where,
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
                                                      const std::vector<Cut>& cuts,
                                                      const std::vector<std::vector<ElementType>>& types) {
  SL_RETURN_IF_ERROR(check_cuts(model.graph(), cuts));
  if (!cuts.empty()) SL_RETURN_IF_ERROR(check_repeatable(model.graph()));
  std::vector<std::unique_ptr<Model>> pieces;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const auto& from = i == 0 ? inputs : cuts[i - 1].tensors;
    const auto& to = i == cuts.size() ? model.graph().outputs : cuts[i].tensors;
    const backend::PieceTypes wanted =
        types.empty() ? backend::PieceTypes{} : backend::PieceTypes{types[i], types[i + 1]};
    SL_ASSIGN_OR_RETURN(auto piece, model.extract(from, to, wanted));
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

Status save_pieces(const backend::GraphEditor& editor, const std::vector<std::unique_ptr<Model>>& pieces,
                   const fs::path& folder, const std::string& extension) {
  const auto fill = [&](const fs::path& temporary) -> Status {
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const fs::path file = temporary / fmt::format("part{}{}", i, extension);
      SL_RETURN_IF_ERROR(pieces[i]->save(file));
      SL_RETURN_IF_ERROR(editor.read(file).status());
    }
    return {};
  };
  return write_folder(folder, fill, OtherFolder::kStays);
}

PieceStore::PieceStore(const Zoo& zoo, const backend::GraphEditor& editor, fs::path folder)
    : zoo_(zoo), editor_(editor), folder_(std::move(folder)) {}

// A variant's model, and where it is cut.
struct PieceStore::CutVariant {
  std::unique_ptr<Model> model;
  std::vector<EdgeId> inputs;  // in the task's order
  std::vector<Cut> cuts;
  std::vector<std::vector<ElementType>> types;  // that its boundaries shall have: the first variant's; empty: its own
};

Result<fs::path> PieceStore::piece(TaskId task_id, VariantId variant_id, StageId stage,
                                   std::optional<backend::Provider> wanted) {
  const backend::Provider provider = wanted.value_or(provider_for(task_id, variant_id, backend::Provider::kOpenVino));
  const Task& task = zoo_.task(task_id);
  const Variant& variant = task.variants[variant_id.index()];
  if (stage.index() >= task.stages())
    return error(Code::kInvalidArgument, "{}: no stage {}; it has {}", task.name, stage.index(), task.stages());
  if (!is_there_for(variant, provider)) {
    const std::string_view name = backend::provider_name(provider);
    const std::string why =
        variant.derived() ? fmt::format("{} alone runs it, not {}", backend::provider_name(*variant.provider), name)
        : backend::info(provider).computes_in
            ? fmt::format("{} answers otherwise; sparseloom zoo derive makes a variant of that", name)
        : variant.onnx_only ? fmt::format("{} cannot read it, only ONNX Runtime can", name)
                            : fmt::format("not there in ONNX, which {} needs", name);
    return error(Code::kFailedPrecondition, "task '{}', variant '{}': {}", task.name, variant.name, why);
  }
  // Some member of those who divide a model's operators may take ONNX alone; the others read that too.
  const bool onnx =
      backend::info(provider).onnx_only || (provider == backend::Provider::kHybrid && !variant.onnx.empty());
  const std::string extension = onnx ? ".onnx" : piece_extension(variant.model);
  // A derived variant has no pieces of its own, and no other one's name holds an '@'.
  const std::string& model = variant.derived() ? variant.derived_from : variant.name;
  const fs::path folder = folder_ / task.name / (model + (onnx ? "@onnx" : ""));
  fs::path file = folder / file_name(stage.index(), extension);
  SL_RETURN_IF_ERROR(check_once(variant.model));
  if (onnx) SL_RETURN_IF_ERROR(check_once(variant.onnx));
  if (is_whole(folder, task, extension)) return file;
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  SL_RETURN_IF_ERROR(onnx ? cut_onnx(task, variant, folder) : cut(task, variant, folder));
  return file;
}

backend::Provider PieceStore::provider_for(TaskId task, VariantId variant, backend::Provider wanted,
                                           std::string_view device) const {
  const Variant& of = zoo_.task(task).variants[variant.index()];
  if (is_there_for(of, wanted) || device != "CPU") return wanted;
  const auto first = std::find_if(backend::kProviders.begin(), backend::kProviders.end(),
                                  [&](backend::Provider p) { return is_there_for(of, p); });
  return first == backend::kProviders.end() ? wanted : *first;
}

Status PieceStore::check_once(const fs::path& model) {
  const std::lock_guard lock(checking_);
  if (checked_.contains(model)) return {};
  SL_RETURN_IF_ERROR(check_model(zoo_, model));
  checked_.insert(model);
  return {};
}

Result<PieceStore::CutVariant> PieceStore::find_cuts(const Task& task, const Variant& variant) {
  const Variant& dense = task.variants.front();
  SL_RETURN_IF_ERROR(check_once(dense.model));
  SL_ASSIGN_OR_RETURN(const auto dense_model, editor_.read(dense.model, shapes_of(task)));
  SL_RETURN_IF_ERROR(check_interface(task, dense.model, dense_model->graph()).status());
  auto dense_cuts = cuts_by_name(dense_model->graph(), task.cuts);
  if (!dense_cuts.ok()) return dense_cuts.status().with_context(dense.model.string());
  CutVariant found;
  SL_ASSIGN_OR_RETURN(found.model, editor_.read(variant.model, shapes_of(task)));
  SL_RETURN_IF_ERROR(check_form(variant, found.model->graph()));
  SL_ASSIGN_OR_RETURN(found.inputs, check_interface(task, variant.model, found.model->graph()));
  auto cuts = map_cuts(dense_model->graph(), *dense_cuts, found.model->graph());
  if (!cuts.ok()) return cuts.status().with_context(variant.model.string());
  SL_RETURN_IF_ERROR(
      check_against(dense_model->graph(), *dense_cuts, found.model->graph(), *cuts, variant.model.string()));
  found.cuts = std::move(*cuts);
  found.types =
      types_to_convert(task, dense_model->graph(), *dense_cuts, found.model->graph(), found.inputs, found.cuts);
  return found;
}

Status PieceStore::cut(const Task& task, const Variant& variant, const fs::path& folder) {
  SL_ASSIGN_OR_RETURN(const CutVariant found, find_cuts(task, variant));
  auto pieces = cut_model(*found.model, found.inputs, found.cuts, found.types);
  if (!pieces.ok()) return pieces.status().with_context(variant.model.string());
  return save_pieces(editor_, *pieces, folder, piece_extension(variant.model));
}

Status PieceStore::cut_onnx(const Task& task, const Variant& variant, const fs::path& folder) {
  SL_ASSIGN_OR_RETURN(const CutVariant found, find_cuts(task, variant));
  const Graph& graph = found.model->graph();
  if (!found.cuts.empty()) SL_RETURN_IF_ERROR(check_repeatable(graph).with_context(variant.model.string()));
  if (!found.types.empty()) {
    return error(Code::kFailedPrecondition, "{}: tensors at its boundaries are of another width than the task's",
                 variant.onnx.string());
  }
  SL_ASSIGN_OR_RETURN(const backend::OnnxFile file, backend::OnnxFile::open(variant.onnx));
  std::vector<std::vector<TensorSpec>> boundaries;
  const auto add = [&](const std::vector<EdgeId>& edges) -> Status {
    SL_ASSIGN_OR_RETURN(boundaries.emplace_back(), file.specs_of(graph, edges));
    return {};
  };
  SL_RETURN_IF_ERROR(add(found.inputs));
  for (const Cut& cut : found.cuts) SL_RETURN_IF_ERROR(add(cut.tensors));
  SL_RETURN_IF_ERROR(add(graph.outputs));
  const auto fill = [&](const fs::path& temporary) -> Status {
    for (std::size_t i = 0; i + 1 < boundaries.size(); ++i) {
      const fs::path part = temporary / file_name(i, ".onnx");
      SL_RETURN_IF_ERROR(file.save_piece(boundaries[i], boundaries[i + 1], part));
      SL_RETURN_IF_ERROR(check_piece(editor_, part, boundaries[i], boundaries[i + 1]));
    }
    return {};
  };
  return write_folder(folder, fill, OtherFolder::kStays);
}

}  // namespace sparseloom::zoo
