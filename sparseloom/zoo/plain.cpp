#include "sparseloom/zoo/plain.h"

#include <algorithm>

#include "sparseloom/base/file.h"
#include "sparseloom/zoo/format.h"
#include "sparseloom/zoo/model_files.h"

namespace sparseloom::zoo {
namespace fs = std::filesystem;

namespace {

// Every file that the model is read from, by its path from the folder that the model lies in.
Result<std::vector<FileEntry>> entries_of(const fs::path& model) {
  SL_ASSIGN_OR_RETURN(const std::vector<fs::path> files, model_files(model));
  std::vector<FileEntry> entries;
  for (const fs::path& file : files) {
    SL_ASSIGN_OR_RETURN(std::string hash, sha256_file(file));
    std::error_code failure;
    const std::uintmax_t bytes = fs::file_size(file, failure);
    if (failure) return error(Code::kUnavailable, "{}: {}", file.string(), failure.message());
    entries.push_back({.path = file.lexically_relative(model.parent_path()).generic_string(),
                       .bytes = {bytes},
                       .sha256 = std::move(hash)});
  }
  std::sort(entries.begin(), entries.end(), [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; });
  return entries;
}

}  // namespace

Result<Zoo> plain_zoo(const std::string& name, const fs::path& file, const std::map<std::string, Shape>& shapes,
                      const backend::Runtime& runtime) {
  if (!is_name(name)) {
    return error(Code::kInvalidArgument, "task '{}': is no name; letters, digits and -_.+ are allowed", name);
  }
  std::error_code ignored;
  const fs::path model = fs::absolute(file, ignored);
  const auto read = runtime.read(model, shapes);
  if (!read.ok()) return read.status();
  Task task;
  task.name = name;
  task.description = model.filename().string();
  task.base_model = model.stem().string();
  task.metric = "none";
  task.accuracy_kind = "unknown";
  const backend::Graph& graph = (*read)->graph();
  for (const backend::EdgeId edge : graph.inputs) task.inputs.push_back(graph.edge(edge).spec);
  for (const backend::EdgeId edge : graph.outputs) task.outputs.push_back(graph.edge(edge).spec);
  task.variants.emplace_back().name = "model";
  task.variants.front().model = model;
  if (model.extension() == ".onnx") task.variants.front().onnx = model;
  task.variants.front().onnx_only = graph.opaque();
  task.variants.front().compression.kind = "dense";
  task.shapes = shapes;

  Zoo zoo;
  zoo.name = name;
  zoo.root = model.parent_path();
  SL_ASSIGN_OR_RETURN(zoo.files, entries_of(model));
  std::string identity = name;
  for (const FileEntry& entry : zoo.files) identity += fmt::format("\n{} {}", entry.bytes.count, entry.sha256);
  for (const auto& [input, shape] : shapes) identity += fmt::format("\n{} {}", input, to_string(shape));
  zoo.fingerprint = sha256(identity);
  zoo.tasks.push_back(std::move(task));
  return zoo;
}

}  // namespace sparseloom::zoo
