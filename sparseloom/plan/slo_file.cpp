#include "sparseloom/plan/slo_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

namespace sparseloom::plan {

namespace {

constexpr std::int64_t kFormatVersion = 1;
constexpr double kMostLatencyMs = 1e6;

std::vector<std::string> task_names(const zoo::Zoo& zoo) {
  std::vector<std::string> names;
  for (const zoo::Task& task : zoo.tasks) names.push_back(task.name);
  return names;
}

Status read_entry(const Json& json, const std::string& where, const std::vector<std::string>& tasks,
                  std::vector<std::optional<Slo>>& slos) {
  JsonObject object(json, where);
  const std::string task = object.string("task");
  const auto found = std::find(tasks.begin(), tasks.end(), task);
  if (object.ok() && found == tasks.end()) {
    object.fail("task", fmt::format("no task '{}'; the zoo has: {}", task, fmt::join(tasks, ", ")));
  }
  const double accuracy = object.number("accuracy");
  if (!(accuracy >= 0 && accuracy <= 1)) object.fail("accuracy", fmt::format("got {}; allowed: 0..1", accuracy));
  const double latency_ms = object.number("latency_ms");
  if (!(latency_ms > 0 && latency_ms <= kMostLatencyMs)) {
    object.fail("latency_ms", fmt::format("got {}; allowed: more than 0, at most {:.0f}", latency_ms, kMostLatencyMs));
  }
  SL_RETURN_IF_ERROR(object.finish());
  std::optional<Slo>& slo = slos[static_cast<std::size_t>(found - tasks.begin())];
  if (slo) return error(Code::kMalformed, "{}: task '{}' has bounds already", where, task);
  slo = {.accuracy = accuracy, .latency = from_ms(latency_ms)};
  return {};
}

}  // namespace

Result<SloConfig> parse_slos(const Json& json, const zoo::Zoo& zoo, const std::string& where) {
  JsonObject object(json, where);
  const std::int64_t version = object.integer("format_version");
  if (object.ok() && version != kFormatVersion) {
    object.fail("format_version", fmt::format("got {}; this program reads {}", version, kFormatVersion));
  }
  const auto entries = object.array("slos");
  SL_RETURN_IF_ERROR(object.finish());
  const std::vector<std::string> tasks = task_names(zoo);
  std::vector<std::optional<Slo>> slos(tasks.size());
  for (const auto& [entry, place] : entries) SL_RETURN_IF_ERROR(read_entry(*entry, place, tasks, slos));
  SloConfig config{where, {}};
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    if (!slos[t]) return error(Code::kMalformed, "{}: slos: none for task '{}'; each task needs one", where, tasks[t]);
    config.slos.push_back(*slos[t]);
  }
  return config;
}

}  // namespace sparseloom::plan
