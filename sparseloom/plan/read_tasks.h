#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sparseloom/base/json.h"
#include "sparseloom/plan/slo.h"

namespace sparseloom::plan {

/// Latencies in a file: anything else is a slip of the pen.
constexpr double kLeastMs = 1e-6, kMostMs = 1e9;

/// The task that `object` names under "task". If the zoo has none of that name, `object` remembers the failure, which
/// lists those that it has.
zoo::TaskId read_task(JsonObject& object, const zoo::Zoo& zoo);

/// A task's bounds: "latency_ms", and "accuracy", without which there is no accuracy bound. With `either` one of the
/// two will do.
Slo read_bounds(JsonObject& object, bool either = false);

/// Reads an array that has one entry, {"task": ...}, for every task of the zoo in any order, and gives what `read`
/// makes of them by task. `read` takes the entry and its task, and finishes the entry. kMalformed: an unknown task, or
/// one with two entries or none; and what `read` says.
template <typename T, typename Read>
Result<std::vector<T>> read_tasks(const std::vector<std::pair<const Json*, std::string>>& entries, const zoo::Zoo& zoo,
                                  const std::string& where, Read read) {
  std::vector<std::optional<T>> found(zoo.tasks.size());
  for (const auto& [entry, place] : entries) {
    JsonObject object(*entry, place);
    const zoo::TaskId task = read_task(object, zoo);
    if (!object.ok()) return object.finish();
    if (found[task.index()]) {
      return error(Code::kMalformed, "{}: task '{}' has an entry already", place, zoo.task(task).name);
    }
    SL_ASSIGN_OR_RETURN(found[task.index()], read(object, task));
  }
  std::vector<T> values;
  for (std::size_t t = 0; t < found.size(); ++t) {
    if (!found[t]) {
      return error(Code::kMalformed, "{}: none for task '{}'; each task needs one", where, zoo.tasks[t].name);
    }
    values.push_back(std::move(*found[t]));
  }
  return values;
}

}  // namespace sparseloom::plan
