#include "sparseloom/profile/store/shipped.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <optional>

#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"

namespace sparseloom::profile {
namespace {

// Rounding turns a few answers of a quantized model; a wrong piece turns many. One sample may always turn.
constexpr double kMostDifference = 0.01;

constexpr std::string_view kDigestPrefix = "# models ";

std::string path_in_zoo(const zoo::Task& task) { return task.name + "/accuracy.csv"; }

std::string header_of(const zoo::Task& task) {
  std::string header;
  for (std::size_t s = 0; s < task.stages(); ++s) header += fmt::format("variant_{},", s);
  return header + "profile_correct,profile_samples,test_correct,test_samples";
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(separator, start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

std::optional<std::int64_t> count_in(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// Of all variants, those that were taken out among them.
std::vector<std::string> names_of(const zoo::Task& task) {
  if (!task.all_names.empty()) return task.all_names;
  std::vector<std::string> names;
  for (const zoo::Variant& variant : task.variants) names.push_back(variant.name);
  return names;
}

struct Row {
  zoo::Sigma sigma;
  bool here = true;  ///< no variant of it was taken out
  Accuracy profile;
  Accuracy test;
};

Result<Row> parse_row(const zoo::Task& task, std::string_view line, const std::string& where) {
  const auto cells = split(line, ',');
  const std::size_t stages = task.stages();
  if (cells.size() != stages + 4) {
    return error(Code::kMalformed, "{}: {} cells, expected {}", where, cells.size(), stages + 4);
  }
  Row row;
  for (std::size_t s = 0; s < stages; ++s) {
    const auto variant = task.variant(cells[s]);
    if (variant.status().code() == Code::kUnavailable) {
      row.here = false;
      row.sigma.emplace_back(0);
      continue;
    }
    if (!variant.ok()) return Status(Code::kMalformed, variant.status().with_context(where).message());
    row.sigma.push_back(*variant);
  }
  std::vector<std::int64_t> counts;
  for (std::size_t i = stages; i < cells.size(); ++i) {
    const auto count = count_in(cells[i]);
    if (!count) return error(Code::kMalformed, "{}: '{}' is no count", where, cells[i]);
    counts.push_back(*count);
  }
  row.profile = {counts[0], counts[1]};
  row.test = {counts[2], counts[3]};
  const std::int64_t each = task.parts_of_a_sample();
  const bool test_fits = row.test.samples == each * task.test.samples || row.test.samples == 0;
  if (row.profile.samples != each * task.profile.samples || !test_fits) {
    return error(Code::kMalformed, "{}: counts of {} and {} samples, but the splits hold {} and {}", where,
                 row.profile.samples, row.test.samples, task.profile.samples, task.test.samples);
  }
  if (row.profile.correct > row.profile.samples || row.test.correct > row.test.samples) {
    return error(Code::kMalformed, "{}: more correct answers than samples", where);
  }
  return row;
}

Status check_original(const zoo::Task& task, const zoo::Variant& variant, std::string_view split, const Accuracy& found,
                      double stated) {
  if (found.samples == 0) return {};
  const double allowed = std::max(kMostDifference, 1.0 / static_cast<double>(found.samples));
  if (std::abs(found.fraction() - stated) <= allowed) return {};
  return error(Code::kDataLoss,
               "task '{}': the pieces of '{}' are right on {:.1f} % of the {} split, the whole model on {:.1f} % "
               "(variant.json); at most {:.1f} points may lie between them",
               task.name, variant.name, 100 * found.fraction(), split, 100 * stated, 100 * allowed);
}

// zoo.json with its entry for `path` replaced by `entry` (or taken out).
Status rewrite_entry(const zoo::Zoo& zoo, const std::string& path, const std::optional<Json>& entry) {
  const auto file = zoo.root / "zoo.json";
  SL_ASSIGN_OR_RETURN(Json json, read_json(file));
  Json files = Json::array();
  for (const Json& old : json.at("files")) {
    if (old.at("path") != path) files.push_back(old);
  }
  if (entry) files.push_back(*entry);
  std::sort(files.begin(), files.end(), [](const Json& a, const Json& b) {
    return a.at("path").get_ref<const std::string&>() < b.at("path").get_ref<const std::string&>();
  });
  json["files"] = std::move(files);
  return write_file(file, json.dump(1) + "\n");
}

}  // namespace

Result<Shipped> load_shipped(const zoo::Zoo& zoo, zoo::TaskId id, TaskProfile& profile) {
  const zoo::Task& task = zoo.task(id);
  if (zoo::find_file(zoo, path_in_zoo(task)) == nullptr) return Shipped::kAbsent;
  const auto path = zoo.root / path_in_zoo(task);
  SL_RETURN_IF_ERROR(zoo::check_file(zoo, path));
  SL_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  auto lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  if (lines.size() < 2 || !lines[0].starts_with(kDigestPrefix)) {
    return error(Code::kMalformed, "{}:1: expected '{}<hash>'", path.string(), kDigestPrefix);
  }
  if (lines[0].substr(kDigestPrefix.size()) != zoo::models_digest(zoo, task)) return Shipped::kStale;
  if (lines[1] != header_of(task)) {
    return error(Code::kMalformed, "{}:2: expected the header '{}'", path.string(), header_of(task));
  }
  const std::size_t rows = TaskProfile(names_of(task).size(), task.stages(), 0).stitched();
  if (lines.size() != rows + 2) {
    return error(Code::kMalformed, "{}: {} rows, expected one for each of {} stitched variants", path.string(),
                 lines.size() - 2, rows);
  }
  for (std::size_t i = 2; i < lines.size(); ++i) {
    SL_ASSIGN_OR_RETURN(const Row row, parse_row(task, lines[i], fmt::format("{}:{}", path.string(), i + 1)));
    if (!row.here) continue;
    profile.set_accuracy(row.sigma, row.profile);
    if (row.test.samples > 0) profile.set_accuracy_test(row.sigma, row.test);
  }
  return Shipped::kLoaded;
}

bool says_damaged(const Status& status) {
  return status.code() == Code::kDataLoss || status.code() == Code::kMalformed || status.code() == Code::kNotFound;
}

Status check_originals(const zoo::Zoo& zoo, zoo::TaskId id, const TaskProfile& profile) {
  const zoo::Task& task = zoo.task(id);
  for (std::size_t v = 0; v < task.variants.size(); ++v) {
    const zoo::Variant& variant = task.variants[v];
    const zoo::Sigma sigma(task.stages(), zoo::VariantId(v));
    SL_RETURN_IF_ERROR(check_original(task, variant, "profile", profile.accuracy(sigma), variant.accuracy_profile));
    SL_RETURN_IF_ERROR(check_original(task, variant, "test", profile.accuracy_test(sigma), variant.accuracy_test));
  }
  return {};
}

zoo::Zoo with_measured_accuracies(zoo::Zoo zoo, const Profile& profile) {
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    zoo::Task& task = zoo.tasks[t];
    for (std::size_t v = 0; v < task.variants.size(); ++v) {
      const zoo::Sigma sigma(task.stages(), zoo::VariantId(v));
      const Accuracy& on_profile = profile.tasks[t].accuracy(sigma);
      const Accuracy& on_test = profile.tasks[t].accuracy_test(sigma);
      if (on_profile.samples > 0) task.variants[v].accuracy_profile = on_profile.fraction();
      if (on_test.samples > 0) task.variants[v].accuracy_test = on_test.fraction();
    }
  }
  return zoo;
}

namespace {

// Rows of the table that ships, by their variants' names ("dense,dense@bf16,"): what this machine cannot measure.
std::map<std::string, std::string, std::less<>> rows_of_others(const zoo::Zoo& zoo, zoo::TaskId id) {
  const zoo::Task& task = zoo.task(id);
  std::map<std::string, std::string, std::less<>> rows;
  TaskProfile unused(task.variants.size(), task.stages(), 0);
  const auto loaded = load_shipped(zoo, id, unused);
  if (task.not_here.empty() || !loaded.ok() || *loaded != Shipped::kLoaded) return rows;
  const auto text = read_file(zoo.root / path_in_zoo(task));
  if (!text.ok()) return rows;
  for (const std::string_view line : split(*text, '\n')) {
    std::size_t end = 0;
    for (std::size_t s = 0; s < task.stages() && end != line.npos; ++s) end = line.find(',', s == 0 ? 0 : end + 1);
    if (end != line.npos) rows.emplace(line.substr(0, end + 1), line);
  }
  return rows;
}

}  // namespace

Result<std::string> shipped_table(const zoo::Zoo& zoo, zoo::TaskId id, const TaskProfile& profile) {
  const zoo::Task& task = zoo.task(id);
  const auto others = rows_of_others(zoo, id);
  const std::vector<std::string> names = names_of(task);
  const TaskProfile all(names.size(), task.stages(), 0);
  std::string text = fmt::format("{}{}\n{}\n", kDigestPrefix, zoo::models_digest(zoo, task), header_of(task));
  for (std::size_t i = 0; i < all.stitched(); ++i) {
    std::string key;
    zoo::Sigma sigma;
    for (const zoo::VariantId v : all.sigma_at(i)) {
      key += names[v.index()] + ",";
      if (const auto here = task.variant(names[v.index()]); here.ok()) sigma.push_back(*here);
    }
    if (sigma.size() < task.stages()) {
      const auto other = others.find(key);
      if (other == others.end()) {
        return error(Code::kFailedPrecondition,
                     "task '{}': {} has no accuracy, and nothing here runs it; measure it where something does",
                     task.name, key.substr(0, key.size() - 1));
      }
      text += other->second + "\n";
      continue;
    }
    const Accuracy& on_profile = profile.accuracy(sigma);
    const Accuracy& on_test = profile.accuracy_test(sigma);
    if (on_profile.samples == 0) {
      return error(Code::kFailedPrecondition, "task '{}': {} has no accuracy on the profile split; measure it first",
                   task.name, zoo::describe(task, sigma));
    }
    text +=
        key + fmt::format("{},{},{},{}\n", on_profile.correct, on_profile.samples, on_test.correct, on_test.samples);
  }
  return text;
}

namespace {

// What the table that ships says; nothing where it is damaged, for then it is to be replaced.
Result<TaskProfile> of_old_table(const zoo::Zoo& zoo, zoo::TaskId id, const TaskProfile& like) {
  TaskProfile old(like.variants(), like.stages(), 0);
  const Status status = load_shipped(zoo, id, old).status();
  if (status.ok()) return old;
  if (!says_damaged(status)) return status;
  return TaskProfile(like.variants(), like.stages(), 0);
}

}  // namespace

Status ship(const zoo::Zoo& zoo, zoo::TaskId id, const TaskProfile& profile) {
  SL_ASSIGN_OR_RETURN(TaskProfile merged, of_old_table(zoo, id, profile));
  for (std::size_t i = 0; i < profile.stitched(); ++i) {
    const zoo::Sigma sigma = profile.sigma_at(i);
    if (profile.accuracy(sigma).samples > 0) merged.set_accuracy(sigma, profile.accuracy(sigma));
    if (profile.accuracy_test(sigma).samples > 0) merged.set_accuracy_test(sigma, profile.accuracy_test(sigma));
  }
  SL_RETURN_IF_ERROR(check_originals(zoo, id, merged));
  SL_ASSIGN_OR_RETURN(const std::string text, shipped_table(zoo, id, merged));
  const std::string path = path_in_zoo(zoo.task(id));
  const zoo::FileEntry* old = zoo::find_file(zoo, path);
  if (old != nullptr && old->sha256 == sha256(text) && zoo::check_file(zoo, zoo.root / path).ok()) return {};
  if (old != nullptr) SL_RETURN_IF_ERROR(rewrite_entry(zoo, path, std::nullopt));
  SL_RETURN_IF_ERROR(write_file(zoo.root / path, text));
  return rewrite_entry(zoo, path, Json{{"path", path}, {"bytes", text.size()}, {"sha256", sha256(text)}});
}

}  // namespace sparseloom::profile
