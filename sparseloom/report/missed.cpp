#include "sparseloom/report/missed.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sparseloom::report {

std::string missed_bounds(const plan::TaskPlan& chosen) {
  std::vector<std::string> missed;
  if (!chosen.meets_accuracy) missed.emplace_back("accuracy");
  if (!chosen.meets_latency) missed.emplace_back("latency");
  return fmt::format("{}", fmt::join(missed, " and "));
}

std::string describe_missed(const zoo::Zoo& zoo, const plan::Plan& plan, const std::vector<plan::Slo>& slos) {
  std::string lines;
  for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
    const plan::TaskPlan& chosen = plan.tasks[t];
    if (chosen.meets_slo()) continue;
    std::vector<std::string> figures;
    if (!chosen.meets_accuracy) {
      figures.push_back(fmt::format("accuracy {:.1f} % of {:.1f} %", 100 * chosen.accuracy, 100 * slos[t].accuracy));
    }
    if (!chosen.meets_latency) {
      figures.push_back(fmt::format("latency {:.3g} ms of {:.3g} ms", to_ms(chosen.latency), to_ms(slos[t].latency)));
    }
    lines += fmt::format("{}: misses its {} bound{}; serving degraded: {}\n", zoo.tasks[t].name, missed_bounds(chosen),
                         figures.size() > 1 ? "s" : "", fmt::join(figures, ", "));
  }
  return lines;
}

}  // namespace sparseloom::report
