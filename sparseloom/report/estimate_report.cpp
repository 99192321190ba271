#include "sparseloom/report/estimate_report.h"

#include <fmt/format.h>

#include "sparseloom/report/accuracy_note.h"
#include "sparseloom/report/table.h"

namespace sparseloom::report {

const std::vector<std::string>& estimator_header() {
  static const std::vector<std::string> header{
      "run",           "of",          "passes",        "of",       "MAE points",
      "Spearman",      "front met %", "bound holds %", "of picks", "bound below, points",
      "latency MAPE %"};
  return header;
}

std::vector<std::string> estimator_cells(const profile::EstimatorReport& r) {
  return {fmt::to_string(r.spent.stitched),
          fmt::to_string(r.exhaustive.stitched),
          fmt::format("{:.0f}", r.spent.stage_passes),
          fmt::format("{:.0f}", r.exhaustive.stage_passes),
          fmt::format("{:.2f}", r.quality.mae_points),
          fmt::format("{:.3f}", r.quality.spearman),
          r.truth_known ? fmt::format("{:.0f}", 100 * r.quality.front_recall) : "-",
          r.coverage.trials > 0 ? fmt::format("{:.1f}", 100 * r.coverage.share()) : "-",
          fmt::to_string(r.coverage.trials),
          fmt::format("{:.1f}", 100 * r.value_below),
          r.chain_errors.chains > 0 ? fmt::format("{:.1f}", 100 * r.chain_errors.of_profile) : "-"};
}

Json estimate_json(const zoo::Zoo& zoo, const soc::Soc& soc, profile::EstimatorKind estimator,
                   const profile::Estimated& estimated) {
  Json tasks = Json::array();
  for (const profile::TaskEstimate& task : estimated.tasks) {
    Json& row = tasks.emplace_back(Json{{"task", zoo.task(task.task).name}});
    row.update(profile::to_json(task.report));
  }
  Json json{{"mode", "estimate"},
            {"estimator", profile::to_string(estimator)},
            {"machine", soc.name},
            {"database", estimated.measured.database.string()},
            {"exhaustive_seconds_are", "projected"},
            {"latency_seconds", estimated.measured.elapsed.count()}};
  json.update(profile::to_json(estimated.total()));
  json["tasks"] = std::move(tasks);
  return json;
}

void print_estimates(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Estimated& estimated) {
  std::vector<std::string> header = estimator_header();
  header.insert(header.begin(), "task");
  Table table(header);
  for (const profile::TaskEstimate& task : estimated.tasks) {
    std::vector<std::string> cells = estimator_cells(task.report);
    cells.insert(cells.begin(), zoo.task(task.task).name);
    table.add(std::move(cells));
  }
  const profile::EstimatorReport total = estimated.total();
  const auto saved = [](double part, double whole) { return 100 * (1 - part / whole); };
  fmt::print("{}, {}\ndatabase {}\n{}\n{}\n", zoo.name, soc.name, estimated.measured.database.string(),
             accuracy_note(zoo), table.text());
  fmt::print(
      "accuracies: {} stitched variants run of {} ({:.1f} % fewer); {:.0f} s, exhaustively {:.0f} s as projected "
      "from it ({:.1f} % less)\n",
      total.spent.stitched, total.exhaustive.stitched,
      saved(static_cast<double>(total.spent.stitched), static_cast<double>(total.exhaustive.stitched)),
      total.elapsed.count(), total.exhaustive_elapsed.count(),
      saved(total.elapsed.count(), total.exhaustive_elapsed.count()));
  fmt::print(
      "estimates against {} of {} stitched variants that were not run for them: MAE {:.2f} points, Spearman "
      "{:.3f} (mean over tasks)\n",
      total.truth_known ? "the known accuracies" : "held-out runs", total.quality.compared, total.quality.mae_points,
      total.quality.spearman);
  if (total.coverage.trials > 0) {
    fmt::print(
        "lower bound of what a planner picks: promised {:.1f} %, held {:.1f} % of {} picks that were not "
        "measured, of {}\n",
        100 * total.promised, 100 * total.coverage.share(), total.coverage.trials, total.coverage.requests);
  }
  fmt::print(
      "latency of {} stitched variants run whole: MAPE {:.1f} % of the profile's sums, {:.1f} % of sums of stages "
      "run in the same rounds\n",
      total.chain_errors.chains, 100 * total.chain_errors.of_profile, 100 * total.chain_errors.of_rounds);
}

}  // namespace sparseloom::report
