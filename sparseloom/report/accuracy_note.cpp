#include "sparseloom/report/accuracy_note.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <vector>

namespace sparseloom::report {

std::string accuracy_note(const zoo::Zoo& zoo) {
  std::vector<std::string_view> names;
  for (const zoo::Task& task : zoo.tasks) {
    if (task.accuracy_kind == "fidelity") names.push_back(task.name);
  }
  if (names.empty()) return "";
  const std::string where = names.size() == zoo.tasks.size() ? "" : fmt::format(" for {}", fmt::join(names, ", "));
  return fmt::format(
      "accuracy is fidelity{}: how often the dense model's answer is given, not how often the right one\n", where);
}

}  // namespace sparseloom::report
