#include "sparseloom/zoo/format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "sparseloom/base/inside.h"
#include "sparseloom/base/names.h"

namespace sparseloom::zoo {
namespace {

constexpr std::array<std::string_view, 9> kCompressionKinds{
    "dense", "fp16", "int8", "unstructured", "unstructured+int8", "block4", "structured", "structured+int8", "other"};
constexpr std::int64_t kFirstVersion = 1;

// Asked before anything else, so that a file of another release is refused as such and not for its keys.
Result<std::int64_t> read_version(JsonObject& object, std::int64_t newest) {
  const std::int64_t version = object.integer("format_version");
  if (!object.ok()) return object.finish();  // missing or no integer
  if (version >= kFirstVersion && version <= newest) return version;
  return error(Code::kFailedPrecondition, "{}: format_version {} is of another release; this one reads {}",
               object.where(), version, newest == kFirstVersion ? "1" : fmt::format("{} to {}", kFirstVersion, newest));
}

// Of the files that only version 1 has.
Status check_version(JsonObject& object) { return read_version(object, kFirstVersion).status(); }

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

void read_cuts(JsonObject& object, Task& task) {
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
}

void parse_cuts(JsonObject& object, Task& task) {
  const std::int64_t parts = object.integer("parts");
  read_cuts(object, task);
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

// --- version 2

void parse_compression(JsonObject& object, Variant& variant, Status& failure) {
  const Json* compression = object.object("compression");
  if (compression == nullptr) return;
  JsonObject inner(*compression, object.place("compression"));
  variant.compression.kind = inner.string("kind");
  if (std::find(kCompressionKinds.begin(), kCompressionKinds.end(), variant.compression.kind) ==
      kCompressionKinds.end()) {
    inner.fail("kind", not_known(variant.compression.kind, kCompressionKinds));
  }
  variant.compression.level = fraction_of(inner, "level");
  failure = inner.finish();
}

// What both versions say of a variant, but for accuracies.
Status parse_variant_keys(JsonObject& object, Variant& variant) {
  variant.name = name_of(object, "name");
  variant.onnx_only = !object.has("model") && object.has("onnx");
  if (!variant.onnx_only) variant.model = path_of(object, "model");
  if (object.has("onnx")) {
    variant.onnx = path_of(object, "onnx");
    if (variant.onnx.extension() != ".onnx") object.fail("onnx", "expected a file that ends in .onnx");
  }
  Status failure;
  parse_compression(object, variant, failure);
  SL_RETURN_IF_ERROR(failure);
  variant.weight_sparsity = fraction_of(object, "weight_sparsity");
  variant.parameters = object.integer("parameters");
  if (variant.parameters < 0) object.fail("parameters", fmt::format("{} is negative", variant.parameters));
  return {};
}

// A derived variant: all but its name, provider and accuracy is the other one's, which stands before it.
void parse_derived_keys(JsonObject& object, const std::vector<Variant>& before, Variant& variant) {
  const std::string name = object.string("name"), from = object.string("derived_from");
  std::vector<std::string_view> known;
  for (const Variant& other : before) {
    if (other.derived()) continue;
    known.push_back(other.name);
    if (other.name == from) variant = other;
  }
  if (variant.name.empty()) object.fail("derived_from", not_known(from, known));
  variant.name = name;
  variant.derived_from = from;
  variant.accuracy_profile = variant.accuracy_test = 0;  // it has its own
  const auto provider = backend::find_provider(object.string("provider"));
  if (!provider.ok()) {
    object.fail("provider", provider.status().message());
    return;
  }
  variant.provider = *provider;
  if (name != derived_name(from, *provider))
    object.fail("name", fmt::format("'{}'; expected '{}'", name, derived_name(from, *provider)));
}

Result<Variant> parse_described_variant(const Json& json, const std::string& where,
                                        const std::vector<Variant>& before) {
  JsonObject object(json, where);
  Variant variant;
  if (object.has("derived_from")) {
    parse_derived_keys(object, before, variant);
  } else {
    SL_RETURN_IF_ERROR(parse_variant_keys(object, variant));
  }
  if (object.has("accuracy")) {
    if (const Json* accuracy = object.object("accuracy")) {
      JsonObject inner(*accuracy, object.place("accuracy"));
      variant.accuracy_profile = fraction_of(inner, "profile");
      if (inner.has("test")) variant.accuracy_test = fraction_of(inner, "test");
      SL_RETURN_IF_ERROR(inner.finish());
    }
  }
  SL_RETURN_IF_ERROR(object.finish());
  return variant;
}

Result<std::vector<TensorSpec>> parse_tensors(JsonObject& object, std::string_view key) {
  std::vector<TensorSpec> specs;
  for (const auto& [json, place] : object.array(key)) {
    SL_ASSIGN_OR_RETURN(TensorSpec spec, parse_tensor(json, place));
    specs.push_back(std::move(spec));
  }
  if (specs.empty()) object.fail(key, "expected at least one tensor");
  return specs;
}

void check_described(JsonObject& object, const Task& task) {
  constexpr std::array<std::string_view, 4> kMetrics{"top1", "top5", "fidelity", "none"};
  constexpr std::array<std::string_view, 3> kAccuracyKinds{"labels", "fidelity", "unknown"};
  if (std::find(kMetrics.begin(), kMetrics.end(), task.metric) == kMetrics.end())
    object.fail("metric", not_known(task.metric, kMetrics));
  if (std::find(kAccuracyKinds.begin(), kAccuracyKinds.end(), task.accuracy_kind) == kAccuracyKinds.end())
    object.fail("accuracy_kind", not_known(task.accuracy_kind, kAccuracyKinds));
  const bool data = task.profile.samples > 0;
  if (data != (task.metric != "none") || data != task.accuracy_known())
    object.fail("metric", "data, a metric other than none and an accuracy_kind other than unknown go together");
  if (task.outputs.empty() || (task.metric != "top1" && task.metric != "top5")) return;
  const TensorSpec& output = task.outputs.front();
  const auto elements = element_count(output.shape);
  const std::size_t least = task.metric == "top5" ? 5 : 1;
  if (output.type != ElementType::kF32 || !elements.ok() || *elements < least ||
      (!task.classes.empty() && *elements != task.classes.size())) {
    object.fail("outputs", fmt::format("{} does not hold one f32 per class", output.describe()));
  }
}

Result<Task> parse_described_task(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  Task task;
  task.name = name_of(object, "name");
  if (object.has("description")) task.description = object.string("description");
  if (object.has("base_model")) task.base_model = object.string("base_model");
  task.metric = object.string("metric");
  task.accuracy_kind = object.string("accuracy_kind");
  if (object.has("classes")) task.classes = object.strings("classes");
  SL_ASSIGN_OR_RETURN(task.inputs, parse_tensors(object, "inputs"));
  SL_ASSIGN_OR_RETURN(task.outputs, parse_tensors(object, "outputs"));
  if (object.has("data")) {
    if (const Json* found = object.object("data")) {
      JsonObject data(*found, object.place("data"));
      SL_ASSIGN_OR_RETURN(task.profile, parse_split(data.object("profile"), data.place("profile"), task.inputs.size()));
      if (data.has("test")) {
        SL_ASSIGN_OR_RETURN(task.test, parse_split(data.object("test"), data.place("test"), task.inputs.size()));
      }
      SL_RETURN_IF_ERROR(data.finish());
    }
  }
  read_cuts(object, task);
  std::set<std::string> names;
  for (const auto& [variant_json, place] : object.array("variants")) {
    SL_ASSIGN_OR_RETURN(Variant variant, parse_described_variant(*variant_json, place, task.variants));
    if (!names.insert(variant.name).second) object.fail("variants", fmt::format("'{}' is listed twice", variant.name));
    task.variants.push_back(std::move(variant));
  }
  if (task.variants.empty()) object.fail("variants", "expected at least one");
  if (object.ok()) check_described(object, task);
  SL_RETURN_IF_ERROR(object.finish());
  return task;
}

Status parse_described_tasks(JsonObject& object, ZooFile& zoo) {
  std::set<std::string> names;
  for (const auto& [json, place] : object.array("tasks")) {
    SL_ASSIGN_OR_RETURN(Task task, parse_described_task(*json, place));
    if (!names.insert(task.name).second) object.fail("tasks", fmt::format("'{}' is listed twice", task.name));
    zoo.tasks.push_back(task.name);
    zoo.described.push_back(std::move(task));
    zoo.descriptions += json->dump() + "\n";
  }
  return {};
}

Json tensors_json(const std::vector<TensorSpec>& specs) {
  Json all = Json::array();
  for (const TensorSpec& spec : specs) {
    all.push_back({{"name", spec.name}, {"type", to_string(spec.type)}, {"shape", spec.shape}});
  }
  return all;
}

Json split_json(const Split& split, const std::filesystem::path& folder) {
  Json inputs = Json::array();
  for (const auto& input : split.inputs) inputs.push_back(input.lexically_relative(folder).generic_string());
  return {{"samples", split.samples},
          {"inputs", std::move(inputs)},
          {"labels", split.labels.lexically_relative(folder).generic_string()}};
}

void add_accuracy(const Task& task, const Variant& variant, Json& json) {
  if (!task.accuracy_known()) return;
  json["accuracy"]["profile"] = variant.accuracy_profile;
  if (task.test.samples > 0) json["accuracy"]["test"] = variant.accuracy_test;
}

Json variant_json(const Task& task, const Variant& variant, const std::filesystem::path& folder) {
  Json json{{"name", variant.name}};
  if (variant.derived()) {
    json["derived_from"] = variant.derived_from;
    json["provider"] = backend::provider_name(*variant.provider);
    add_accuracy(task, variant, json);
    return json;
  }
  if (!variant.onnx_only) json["model"] = variant.model.lexically_relative(folder).generic_string();
  if (variant.onnx_only || (!variant.onnx.empty() && variant.onnx != variant.model))
    json["onnx"] = variant.onnx.lexically_relative(folder).generic_string();
  json["compression"] = {{"kind", variant.compression.kind}, {"level", variant.compression.level}};
  json["weight_sparsity"] = variant.weight_sparsity;
  json["parameters"] = variant.parameters;
  add_accuracy(task, variant, json);
  return json;
}

Json task_json(const Task& task, const std::filesystem::path& folder) {
  Json json{{"name", task.name},
            {"description", task.description},
            {"base_model", task.base_model},
            {"metric", task.metric},
            {"accuracy_kind", task.accuracy_kind}};
  if (!task.classes.empty()) json["classes"] = task.classes;
  json["inputs"] = tensors_json(task.inputs);
  json["outputs"] = tensors_json(task.outputs);
  if (task.profile.samples > 0) {
    json["data"]["profile"] = split_json(task.profile, folder);
    if (task.test.samples > 0) json["data"]["test"] = split_json(task.test, folder);
  }
  json["cuts"] = task.cuts;
  json["variants"] = Json::array();
  for (const Variant& variant : task.variants)
    json["variants"].push_back(variant_json(task, variant, folder / variant.name));
  return json;
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
  SL_ASSIGN_OR_RETURN(const std::int64_t version, read_version(object, kZooFormatVersion));
  ZooFile zoo;
  zoo.name = name_of(object, "name");
  if (version == kFirstVersion) {
    zoo.tasks = names_of(object, "tasks");
  } else {
    SL_RETURN_IF_ERROR(parse_described_tasks(object, zoo));
  }
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
  SL_RETURN_IF_ERROR(parse_variant_keys(object, variant));
  if (const Json* accuracy = object.object("accuracy")) {
    JsonObject inner(*accuracy, object.place("accuracy"));
    variant.accuracy_profile = fraction_of(inner, "profile");
    variant.accuracy_test = fraction_of(inner, "test");
    SL_RETURN_IF_ERROR(inner.finish());
  }
  SL_RETURN_IF_ERROR(object.finish());
  return variant;
}

Json zoo_json(const Zoo& zoo) {
  Json tasks = Json::array(), files = Json::array();
  for (const Task& task : zoo.tasks) tasks.push_back(task_json(task, zoo.root / task.name));
  for (const FileEntry& entry : zoo.files) {
    files.push_back({{"path", entry.path}, {"bytes", entry.bytes.count}, {"sha256", entry.sha256}});
  }
  return {{"format_version", kZooFormatVersion},
          {"name", zoo.name},
          {"tasks", std::move(tasks)},
          {"files", std::move(files)}};
}

}  // namespace sparseloom::zoo
