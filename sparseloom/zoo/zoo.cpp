#include "sparseloom/zoo/zoo.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <system_error>

#include "sparseloom/base/file.h"
#include "sparseloom/base/inside.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/names.h"
#include "sparseloom/zoo/format.h"
#include "sparseloom/zoo/model_files.h"

namespace sparseloom::zoo {
namespace fs = std::filesystem;
namespace {

Status check_size(const Zoo& zoo, const FileEntry& entry) {
  const fs::path path = zoo.root / entry.path;
  SL_RETURN_IF_ERROR(check_inside(zoo.root, path));
  std::error_code failure;
  if (!fs::is_regular_file(path, failure)) {
    return error(Code::kNotFound, "{}: missing, though zoo.json lists it", path.string());
  }
  const std::uintmax_t size = fs::file_size(path, failure);
  if (failure) return error(Code::kUnavailable, "{}: {}", path.string(), failure.message());
  if (size == entry.bytes.count) return {};
  return error(Code::kDataLoss, "{}: {} bytes, but zoo.json lists {}", path.string(), size, entry.bytes.count);
}

// Everything a description refers to must be listed, or its content would go unchecked.
Status check_listed(const Zoo& zoo, const std::string& where, const fs::path& path) {
  const std::string relative = path.lexically_relative(zoo.root).generic_string();
  if (find_file(zoo, relative) != nullptr) return {};
  return error(Code::kMalformed, "{}: refers to '{}', which zoo.json does not list", where, relative);
}

Status check_model_listed(const Zoo& zoo, const std::string& where, const fs::path& model) {
  SL_RETURN_IF_ERROR(check_listed(zoo, where, model));
  SL_ASSIGN_OR_RETURN(const std::vector<fs::path> files, model_files(model));
  for (const fs::path& file : files) SL_RETURN_IF_ERROR(check_listed(zoo, model.string(), file));
  return {};
}

Status place_split(const Zoo& zoo, const std::string& where, const fs::path& folder, Split& split) {
  for (fs::path& input : split.inputs) {
    input = folder / input;
    SL_RETURN_IF_ERROR(check_listed(zoo, where, input));
  }
  split.labels = folder / split.labels;
  return check_listed(zoo, where, split.labels);
}

// From paths as a description has them to paths that can be opened.
Status place_variant(const Zoo& zoo, const std::string& where, const fs::path& folder, Variant& variant) {
  if (variant.onnx_only) variant.model = variant.onnx;
  variant.model = folder / variant.model;
  SL_RETURN_IF_ERROR(check_model_listed(zoo, where, variant.model));
  if (!variant.onnx.empty()) {
    variant.onnx = folder / variant.onnx;
    return check_model_listed(zoo, where, variant.onnx);
  }
  if (variant.model.extension() == ".onnx") variant.onnx = variant.model;
  return {};
}

Result<Variant> load_variant(const Zoo& zoo, const fs::path& folder, const std::string& name) {
  const fs::path path = folder / name / "variant.json";
  const std::string where = path.string();
  SL_RETURN_IF_ERROR(check_listed(zoo, where, path));
  SL_ASSIGN_OR_RETURN(const Json json, read_json(path));
  SL_ASSIGN_OR_RETURN(Variant variant, parse_variant_file(json, where));
  if (variant.name != name) {
    return error(Code::kMalformed, "{}: name: '{}', but its folder is '{}'", where, variant.name, name);
  }
  SL_RETURN_IF_ERROR(place_variant(zoo, where, folder / name, variant));
  return variant;
}

// Tables hold an entry for each.
Status check_stitched(const std::string& where, const Task& task) {
  constexpr double kMost = 1e7;
  const double stitched = std::pow(static_cast<double>(task.variants.size()), static_cast<double>(task.stages()));
  if (stitched <= kMost) return {};
  return error(Code::kMalformed,
               "{}: {} variants in {} parts make {:.3g} stitched variants; at most {:.0g} are allowed", where,
               task.variants.size(), task.stages(), stitched, kMost);
}

Result<Task> load_task(const Zoo& zoo, const std::string& name) {
  const fs::path folder = zoo.root / name;
  const fs::path path = folder / "task.json";
  const std::string where = path.string();
  SL_RETURN_IF_ERROR(check_listed(zoo, where, path));
  SL_ASSIGN_OR_RETURN(const Json json, read_json(path));
  SL_ASSIGN_OR_RETURN(TaskFile file, parse_task_file(json, where));
  if (file.task.name != name) {
    return error(Code::kMalformed, "{}: name: '{}', but its folder is '{}'", where, file.task.name, name);
  }
  SL_RETURN_IF_ERROR(place_split(zoo, where, folder, file.task.profile));
  SL_RETURN_IF_ERROR(place_split(zoo, where, folder, file.task.test));
  for (const std::string& variant_name : file.variants) {
    SL_ASSIGN_OR_RETURN(Variant variant, load_variant(zoo, folder, variant_name));
    file.task.variants.push_back(std::move(variant));
  }
  SL_RETURN_IF_ERROR(check_stitched(where, file.task));
  return std::move(file.task);
}

// A task that zoo.json describes.
Status place_task(const Zoo& zoo, const std::string& where, Task& task) {
  const fs::path folder = zoo.root / task.name;
  if (task.profile.samples > 0) SL_RETURN_IF_ERROR(place_split(zoo, where, folder, task.profile));
  if (task.test.samples > 0) SL_RETURN_IF_ERROR(place_split(zoo, where, folder, task.test));
  for (Variant& variant : task.variants) {
    const std::string& of = variant.derived() ? variant.derived_from : variant.name;
    SL_RETURN_IF_ERROR(place_variant(zoo, where, folder / of, variant));
    if (!variant.derived() || is_there_for(variant, *variant.provider)) continue;
    return error(Code::kMalformed, "{}: task '{}', variant '{}': '{}' is not there in a form that {} runs", where,
                 task.name, variant.name, of, backend::provider_name(*variant.provider));
  }
  return check_stitched(where, task);
}

bool is_accuracy_table(std::string_view path) { return path.ends_with("/accuracy.csv"); }

std::string fingerprint_of(const std::vector<FileEntry>& files, std::string text) {
  for (const FileEntry& entry : files) {
    if (is_accuracy_table(entry.path)) continue;
    text += fmt::format("{} {} {}\n", entry.path, entry.bytes.count, entry.sha256);
  }
  return sha256(text);
}

template <typename Named>
std::vector<std::string_view> names_of(const std::vector<Named>& all) {
  std::vector<std::string_view> names;
  for (const Named& one : all) names.push_back(one.name);
  return names;
}

}  // namespace

Result<VariantId> Task::variant(std::string_view variant_name) const {
  for (std::size_t i = 0; i < variants.size(); ++i) {
    if (variants[i].name == variant_name) return VariantId(i);
  }
  for (const Variant& other : not_here) {
    if (other.name != variant_name) continue;
    return error(Code::kUnavailable, "task '{}': variant '{}': nothing here runs it{}", name, other.name,
                 other.derived() ? fmt::format(" (provider {})", backend::provider_name(*other.provider)) : "");
  }
  return unknown_name(fmt::format("task '{}': variant", name), variant_name, names_of(variants));
}

Result<TaskId> Zoo::find_task(std::string_view task_name) const {
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i].name == task_name) return TaskId(i);
  }
  return unknown_name(fmt::format("zoo '{}': task", name), task_name, names_of(tasks));
}

Result<Zoo> load_zoo(const fs::path& root) {
  const fs::path path = root / "zoo.json";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    return error(Code::kNotFound, "{}: no zoo here: a zoo is a folder with a zoo.json", root.string());
  }
  SL_RETURN_IF_ERROR(check_inside(root, path));
  SL_ASSIGN_OR_RETURN(const Json json, read_json(path));
  SL_ASSIGN_OR_RETURN(ZooFile file, parse_zoo_file(json, path.string()));
  Zoo zoo;
  zoo.name = std::move(file.name);
  zoo.root = root;
  zoo.files = std::move(file.files);
  zoo.fingerprint = fingerprint_of(zoo.files, file.descriptions);
  for (const FileEntry& entry : zoo.files) SL_RETURN_IF_ERROR(check_size(zoo, entry));
  for (Task& task : file.described) {
    SL_RETURN_IF_ERROR(place_task(zoo, path.string(), task));
    zoo.tasks.push_back(std::move(task));
  }
  if (!zoo.tasks.empty()) return zoo;
  for (const std::string& name : file.tasks) {
    SL_ASSIGN_OR_RETURN(Task task, load_task(zoo, name));
    zoo.tasks.push_back(std::move(task));
  }
  return zoo;
}

const FileEntry* find_file(const Zoo& zoo, std::string_view path) {
  const auto it = std::lower_bound(zoo.files.begin(), zoo.files.end(), path,
                                   [](const FileEntry& entry, std::string_view p) { return entry.path < p; });
  return it != zoo.files.end() && it->path == path ? &*it : nullptr;
}

Status check_file(const Zoo& zoo, const fs::path& path) {
  const FileEntry* entry = find_file(zoo, path.lexically_relative(zoo.root).generic_string());
  if (entry == nullptr) entry = find_file(zoo, path.generic_string());
  if (entry == nullptr) return error(Code::kNotFound, "{}: zoo.json does not list this file", path.string());
  SL_RETURN_IF_ERROR(check_size(zoo, *entry));
  SL_ASSIGN_OR_RETURN(const std::string hash, sha256_file(zoo.root / entry->path));
  if (hash == entry->sha256) return {};
  return error(Code::kDataLoss, "{}: its SHA-256 is {}, but zoo.json lists {}", (zoo.root / entry->path).string(), hash,
               entry->sha256);
}

Status check_files(const Zoo& zoo) {
  for (const FileEntry& entry : zoo.files) SL_RETURN_IF_ERROR(check_file(zoo, zoo.root / entry.path));
  return {};
}

std::string models_digest(const Zoo& zoo, const Task& task) {
  std::string text;
  std::vector<Variant> all = task.variants;
  all.insert(all.end(), task.not_here.begin(), task.not_here.end());
  for (const std::string_view name : names_of(task.variants)) {
    if (task.all_names.empty()) text += fmt::format("variant {}\n", name);
  }
  for (const std::string& name : task.all_names) text += fmt::format("variant {}\n", name);
  if (task.inputs.size() > 1) {  // their order says which data each gets
    for (const TensorSpec& input : task.inputs) text += fmt::format("input {}\n", input.name);
  }
  for (const auto& cut : task.cuts) text += fmt::format("cut {}\n", fmt::join(cut, "\t"));
  std::set<std::string> second_forms;
  const auto listed = [&](const std::filesystem::path& path) {
    return path.lexically_relative(zoo.root).generic_string();
  };
  for (const Variant& variant : all) {
    if (variant.onnx != variant.model) second_forms.insert(listed(variant.onnx));
  }
  for (const Variant& variant : all) {
    if (variant.derived() && backend::info(*variant.provider).onnx_only) second_forms.erase(listed(variant.onnx));
  }
  for (const FileEntry& entry : zoo.files) {
    if (!entry.path.starts_with(task.name + "/") || is_accuracy_table(entry.path)) continue;
    if (entry.path.ends_with("/task.json") || entry.path.ends_with("/variant.json")) continue;
    if (second_forms.contains(entry.path)) continue;
    text += fmt::format("{} {} {}\n", entry.path, entry.bytes.count, entry.sha256);
  }
  return sha256(text);
}

std::string derived_name(std::string_view variant, backend::Provider provider) {
  const std::string_view name = backend::provider_name(provider);
  const std::string_view runtime = backend::info(provider).runtime;
  const bool precision = backend::info(provider).computes_in && name.starts_with(runtime);
  return fmt::format("{}@{}", variant, precision ? name.substr(runtime.size() + 1) : name);
}

void take_out_what_nothing_runs(Zoo& zoo, std::span<const backend::Provider> offered) {
  for (Task& task : zoo.tasks) {
    std::vector<Variant> here;
    std::vector<std::string> names;
    for (Variant& variant : task.variants) {
      names.push_back(variant.name);
      const bool runs = std::any_of(offered.begin(), offered.end(),
                                    [&](backend::Provider provider) { return is_there_for(variant, provider); });
      (runs || here.empty() ? here : task.not_here).push_back(std::move(variant));
    }
    task.variants = std::move(here);
    if (!task.not_here.empty() && task.all_names.empty()) task.all_names = std::move(names);
  }
}

bool is_there_for(const Variant& variant, backend::Provider provider) {
  if (variant.derived() ? provider != *variant.provider : backend::info(provider).computes_in.has_value()) return false;
  return backend::info(provider).onnx_only ? !variant.onnx.empty() : !variant.onnx_only;
}

std::string describe(const Task& task, const Sigma& sigma) {
  std::vector<std::string_view> names;
  for (const VariantId id : sigma) names.push_back(task.variants[id.index()].name);
  return fmt::format("{}", fmt::join(names, "|"));
}

}  // namespace sparseloom::zoo
