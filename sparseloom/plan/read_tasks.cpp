#include "sparseloom/plan/read_tasks.h"

#include "sparseloom/base/names.h"

namespace sparseloom::plan {

zoo::TaskId read_task(JsonObject& object, const zoo::Zoo& zoo) {
  const std::string name = object.string("task");
  std::vector<std::string_view> names;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    if (zoo.tasks[t].name == name) return zoo::TaskId(t);
    names.push_back(zoo.tasks[t].name);
  }
  object.fail("task", not_known(name, names));
  return zoo::TaskId(0);
}

Slo read_bounds(JsonObject& object, bool either) {
  const double accuracy = object.number_or("accuracy", 0);
  if (!(accuracy >= 0 && accuracy <= 1)) object.fail("accuracy", fmt::format("got {}; allowed: 0..1", accuracy));
  if (either && object.has("accuracy") && !object.has("latency_ms"))
    return {.accuracy = accuracy, .latency = Seconds(0)};
  const double latency_ms = object.number("latency_ms");
  if (!(latency_ms >= kLeastMs && latency_ms <= kMostMs)) {
    object.fail("latency_ms", fmt::format("got {}; allowed: {}..{}", latency_ms, kLeastMs, kMostMs));
  }
  return {.accuracy = accuracy, .latency = from_ms(latency_ms)};
}

}  // namespace sparseloom::plan
