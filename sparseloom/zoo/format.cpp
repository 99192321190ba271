#include "sparseloom/zoo/format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "sparseloom/base/inside.h"
#include "sparseloom/base/names.h"

namespace sparseloom::zoo {
namespace {

constexpr std::array<std::string_view, 8> kCompressionKinds{
    "dense", "fp16", "int8", "unstructured", "unstructured+int8", "block4", "structured", "structured+int8"};

// Asked before anything else, so that a file of another release is refused as such and not for its keys.
Status check_version(JsonObject& object) {
  const std::int64_t version = object.integer("format_version");
  if (!object.ok()) return object.finish();  // missing or no integer
  if (version == kZooFormatVersion) return {};
  return error(Code::kFailedPrecondition, "{}: format_version {} is of another release; this one reads {}",
               object.where(), version, kZooFormatVersion);
}

// Names become folders, columns and keys of reports.
std::string name_of(JsonObject& object, std::string_view key) {
  std::string name = object.string(key);
  if (!is_name(name)) object.fail(key, fmt::format("'{}' is no name; letters, digits and -_.+ are allowed", name));
  return name;
}

std::vector<std::string> names_of(JsonObject& object, std::string_view key) {
  std::vector<std::string> names = object.strings(key);
  if (names.empty()) object.fail(key, "expected at least one name");
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (!is_name(name)) object.fail(key, fmt::format("'{}' is no name; letters, digits and -_.+ are allowed", name));
    if (!seen.insert(name).second) object.fail(key, fmt::format("'{}' is listed twice", name));
  }
  return names;
}

std::string path_of(JsonObject& object, std::string_view key) {
  std::string path = object.string(key);
  if (const std::string problem = path_problem(path); !problem.empty()) object.fail(key, problem);
  return path;
}

double fraction_of(JsonObject& object, std::string_view key) {
  const double value = object.number(key);
  if (!(value >= 0 && value <= 1)) object.fail(key, fmt::format("{} is outside 0..1", value));
  return value;
}

Result<FileEntry> parse_file_entry(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  FileEntry entry;
  entry.path = path_of(object, "path");
  const std::int64_t bytes = object.integer("bytes");
  if (bytes < 0) object.fail("bytes", fmt::format("{} is negative", bytes));
  entry.bytes = {static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 0))};
  entry.sha256 = object.string("sha256");
  const bool hex = std::all_of(entry.sha256.begin(), entry.sha256.end(),
                               [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (entry.sha256.size() != 64 || !hex) object.fail("sha256", "expected 64 lower-case hexadecimal digits");
  SL_RETURN_IF_ERROR(object.finish());
  return entry;
}

Result<TensorSpec> parse_tensor(const Json* json, const std::string& where) {
  if (json == nullptr) return TensorSpec{};  // remembered as missing by the caller's object
  JsonObject object(*json, where);
  TensorSpec spec;
  spec.name = object.string("name");
  const std::string type = object.string("type");
  if (const auto known = element_type_from(type)) {
    spec.type = *known;
  } else {
    object.fail("type", fmt::format("'{}': not known; allowed: f32, i32, u8 and the like", type));
  }
  spec.shape = object.integers("shape");
  const auto count = element_count(spec.shape);
  if (!count.ok()) object.fail("shape", count.status().message());
  constexpr std::size_t kMostElements = std::size_t{1} << 40;
  if (count.ok() && (*count == 0 || *count > kMostElements)) {
    object.fail("shape", fmt::format("{} holds {} elements; 1 to 2^40 are allowed", to_string(spec.shape), *count));
  }
  SL_RETURN_IF_ERROR(object.finish());
  return spec;
}

Result<Split> parse_split(const Json* json, const std::string& where, std::size_t inputs) {
  if (json == nullptr) return Split{};
  JsonObject object(*json, where);
  Split split;
  split.samples = object.integer("samples");
  if (split.samples < 1) object.fail("samples", fmt::format("{} samples; at least 1", split.samples));
  for (const std::string& path : object.strings("inputs")) {
    if (const std::string problem = path_problem(path); !problem.empty()) object.fail("inputs", problem);
    split.inputs.emplace_back(path);
  }
  if (split.inputs.size() != inputs) {
    object.fail("inputs", fmt::format("{} files for {} model inputs", split.inputs.size(), inputs));
  }
  split.labels = path_of(object, "labels");
  SL_RETURN_IF_ERROR(object.finish());
  return split;
}

Status parse_data(JsonObject& object, Task& task) {
  const Json* json = object.object("data");
  if (json == nullptr) return {};
  JsonObject data(*json, object.place("data"));
  const Json* profile = data.object("profile");
  const Json* test = data.object("test");
  SL_ASSIGN_OR_RETURN(task.profile, parse_split(profile, data.place("profile"), task.inputs.size()));
  SL_ASSIGN_OR_RETURN(task.test, parse_split(test, data.place("test"), task.inputs.size()));
  return data.finish();
}

void parse_cuts(JsonObject& object, Task& task) {
  const std::int64_t parts = object.integer("parts");
  std::set<std::string> seen;
  for (const auto& [json, where] : object.array("cuts")) {
    std::vector<std::string> names;
    if (json->is_array()) {
      for (const Json& name : *json) {
        if (name.is_string()) names.push_back(name.get<std::string>());
      }
    }
    if (names.empty() || names.size() != json->size()) object.fail("cuts", "each cut is a list of tensor names");
    task.cuts.push_back(std::move(names));
  }
  if (parts < 1 || static_cast<std::size_t>(parts) != task.cuts.size() + 1) {
    object.fail("parts", fmt::format("{} parts, but {} cuts make {}", parts, task.cuts.size(), task.cuts.size() + 1));
  }
}

void check_kinds(JsonObject& object, const Task& task) {
  constexpr std::array<std::string_view, 1> kMetrics{"top1"};
  constexpr std::array<std::string_view, 2> kAccuracyKinds{"labels", "fidelity"};
  if (task.metric != kMetrics[0]) object.fail("metric", not_known(task.metric, kMetrics));
  if (std::find(kAccuracyKinds.begin(), kAccuracyKinds.end(), task.accuracy_kind) == kAccuracyKinds.end()) {
    object.fail("accuracy_kind", not_known(task.accuracy_kind, kAccuracyKinds));
  }
  const TensorSpec& output = task.outputs.front();
  const auto elements = element_count(output.shape);
  if (output.type != ElementType::kF32 || !elements.ok() || *elements != task.classes.size()) {
    object.fail("output",
                fmt::format("{} does not hold one f32 per class ({} classes)", output.describe(), task.classes.size()));
  }
}

}  // namespace

bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '+';
  };
  return !text.empty() && text.front() != '.' && std::all_of(text.begin(), text.end(), allowed);
}

Result<ZooFile> parse_zoo_file(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  SL_RETURN_IF_ERROR(check_version(object));
  ZooFile zoo;
  zoo.name = name_of(object, "name");
  zoo.tasks = names_of(object, "tasks");
  for (const auto& [entry_json, place] : object.array("files")) {
    SL_ASSIGN_OR_RETURN(FileEntry entry, parse_file_entry(*entry_json, place));
    zoo.files.push_back(std::move(entry));
  }
  SL_RETURN_IF_ERROR(object.finish());
  const auto by_path = [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; };
  std::sort(zoo.files.begin(), zoo.files.end(), by_path);
  const auto twice = std::adjacent_find(zoo.files.begin(), zoo.files.end(),
                                        [](const FileEntry& a, const FileEntry& b) { return a.path == b.path; });
  if (twice != zoo.files.end()) return error(Code::kMalformed, "{}: files: '{}' is listed twice", where, twice->path);
  return zoo;
}

Result<TaskFile> parse_task_file(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  SL_RETURN_IF_ERROR(check_version(object));
  TaskFile file;
  Task& task = file.task;
  task.name = name_of(object, "name");
  task.description = object.string("description");
  task.base_model = object.string("base_model");
  task.metric = object.string("metric");
  task.accuracy_kind = object.string("accuracy_kind");
  task.classes = object.strings("classes");
  for (const auto& [input, place] : object.array("inputs")) {
    SL_ASSIGN_OR_RETURN(TensorSpec spec, parse_tensor(input, place));
    task.inputs.push_back(std::move(spec));
  }
  if (task.inputs.empty()) object.fail("inputs", "expected at least one input");
  SL_ASSIGN_OR_RETURN(TensorSpec output, parse_tensor(object.object("output"), object.place("output")));
  task.outputs.push_back(std::move(output));
  SL_RETURN_IF_ERROR(parse_data(object, task));
  parse_cuts(object, task);
  file.variants = names_of(object, "variants");
  if (!file.variants.empty() && file.variants.front() != "dense") {
    object.fail("variants", fmt::format("the first must be 'dense', got '{}'", file.variants.front()));
  }
  check_kinds(object, task);
  SL_RETURN_IF_ERROR(object.finish());
  return file;
}

Result<Variant> parse_variant_file(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  SL_RETURN_IF_ERROR(check_version(object));
  Variant variant;
  variant.name = name_of(object, "name");
  variant.model = path_of(object, "model");
  if (object.has("onnx")) {
    variant.onnx = path_of(object, "onnx");
    if (variant.onnx.extension() != ".onnx") object.fail("onnx", "expected a file that ends in .onnx");
  }
  if (const Json* compression = object.object("compression")) {
    JsonObject inner(*compression, object.place("compression"));
    variant.compression.kind = inner.string("kind");
    if (std::find(kCompressionKinds.begin(), kCompressionKinds.end(), variant.compression.kind) ==
        kCompressionKinds.end()) {
      inner.fail("kind", not_known(variant.compression.kind, kCompressionKinds));
    }
    variant.compression.level = fraction_of(inner, "level");
    SL_RETURN_IF_ERROR(inner.finish());
  }
  variant.weight_sparsity = fraction_of(object, "weight_sparsity");
  variant.parameters = object.integer("parameters");
  if (variant.parameters < 0) object.fail("parameters", fmt::format("{} is negative", variant.parameters));
  if (const Json* accuracy = object.object("accuracy")) {
    JsonObject inner(*accuracy, object.place("accuracy"));
    variant.accuracy_profile = fraction_of(inner, "profile");
    variant.accuracy_test = fraction_of(inner, "test");
    SL_RETURN_IF_ERROR(inner.finish());
  }
  SL_RETURN_IF_ERROR(object.finish());
  return variant;
}

}  // namespace sparseloom::zoo
