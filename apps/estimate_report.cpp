#include "apps/estimate_report.h"

#include <fmt/format.h>

#include <cmath>

#include "apps/accuracy_note.h"
#include "apps/table.h"

namespace sparseloom::apps {
namespace {

double mean_relative_error(const std::vector<double>& predicted, const std::vector<double>& measured) {
  double sum = 0;
  for (std::size_t i = 0; i < measured.size(); ++i) sum += std::abs(predicted[i] - measured[i]) / measured[i];
  return measured.empty() ? 0 : sum / static_cast<double>(measured.size());
}

// Over tasks: counts are added, errors averaged over what was compared, correlations over tasks.
struct Total {
  std::size_t measurements = 0, exhaustive_measurements = 0, compared = 0;
  double stage_passes = 0, exhaustive_stage_passes = 0;
  Seconds elapsed{0}, exhaustive{0};
  double mae_points = 0, spearman = 0, front_recall = 0;
  profile::Coverage coverage;
  bool truth_known = true;
  std::vector<double> chain_ms, stages_ms, profile_ms;
};

Total total_of(const profile::Estimated& estimated) {
  Total total;
  for (const profile::TaskEstimate& task : estimated.tasks) {
    const auto n = static_cast<double>(task.quality.compared);
    total.measurements += task.measurements;
    total.exhaustive_measurements += estimated.measured.profile.task(task.task).stitched();
    total.stage_passes += task.stage_passes;
    total.exhaustive_stage_passes += task.exhaustive_stage_passes;
    total.elapsed += task.elapsed;
    total.exhaustive += task.exhaustive;
    total.compared += task.quality.compared;
    total.mae_points += task.quality.mae_points * n;
    total.spearman += task.quality.spearman;
    total.front_recall += task.quality.front_recall;
    total.coverage.requests += task.coverage.requests;
    total.coverage.trials += task.coverage.trials;
    total.coverage.covered += task.coverage.covered;
    total.truth_known &= task.truth_known;
    total.chain_ms.insert(total.chain_ms.end(), task.chain_ms.begin(), task.chain_ms.end());
    total.stages_ms.insert(total.stages_ms.end(), task.stages_ms.begin(), task.stages_ms.end());
    total.profile_ms.insert(total.profile_ms.end(), task.profile_ms.begin(), task.profile_ms.end());
  }
  const auto tasks = static_cast<double>(std::max<std::size_t>(estimated.tasks.size(), 1));
  total.mae_points /= static_cast<double>(std::max<std::size_t>(total.compared, 1));
  total.spearman /= tasks;
  total.front_recall /= tasks;
  return total;
}

Json known_or_null(bool known, double value) { return known ? Json(value) : Json(nullptr); }

Json conformal_json(double promised, const profile::Coverage& coverage) {
  return {{"promised", promised},
          {"observed", known_or_null(coverage.trials > 0, coverage.share())},
          {"requests", coverage.requests},
          {"trials", coverage.trials}};
}

}  // namespace

Json estimate_json(const Setup& setup, profile::EstimatorKind estimator, const profile::Estimated& estimated) {
  const Total total = total_of(estimated);
  Json tasks = Json::array();
  for (const profile::TaskEstimate& task : estimated.tasks) {
    tasks.push_back({{"task", setup.zoo.task(task.task).name},
                     {"measurements", task.measurements},
                     {"exhaustive_measurements", estimated.measured.profile.task(task.task).stitched()},
                     {"stage_passes", task.stage_passes},
                     {"exhaustive_stage_passes", task.exhaustive_stage_passes},
                     {"seconds", task.elapsed.count()},
                     {"exhaustive_seconds", task.exhaustive.count()},
                     {"compared", task.quality.compared},
                     {"compared_with", task.truth_known ? "all" : "held_out"},
                     {"accuracy_mae_points", task.quality.mae_points},
                     {"spearman", task.quality.spearman},
                     {"front_recall", known_or_null(task.truth_known, task.quality.front_recall)},
                     {"lower_bound_below_points", 100 * task.value_below},
                     {"latency_mape", mean_relative_error(task.profile_ms, task.chain_ms)},
                     {"latency_mape_interleaved", mean_relative_error(task.stages_ms, task.chain_ms)},
                     {"conformal", conformal_json(estimated.promised, task.coverage)}});
  }
  return {{"mode", "estimate"},
          {"estimator", profile::to_string(estimator)},
          {"machine", setup.soc.name},
          {"database", estimated.measured.database.string()},
          {"measurements", total.measurements},
          {"exhaustive_measurements", total.exhaustive_measurements},
          {"stage_passes", total.stage_passes},
          {"exhaustive_stage_passes", total.exhaustive_stage_passes},
          {"seconds", total.elapsed.count()},
          {"exhaustive_seconds", total.exhaustive.count()},
          {"exhaustive_seconds_are", "projected"},
          {"latency_seconds", estimated.measured.elapsed.count()},
          {"latency_mape", mean_relative_error(total.profile_ms, total.chain_ms)},
          {"latency_mape_interleaved", mean_relative_error(total.stages_ms, total.chain_ms)},
          {"chains", total.chain_ms.size()},
          {"accuracy_mae_points", total.mae_points},
          {"spearman", total.spearman},
          {"front_recall", known_or_null(total.truth_known, total.front_recall)},
          {"conformal", conformal_json(estimated.promised, total.coverage)},
          {"tasks", std::move(tasks)}};
}

void print_estimates(const Setup& setup, const profile::Estimated& estimated) {
  Table table({"task", "run", "of", "passes", "of", "MAE points", "Spearman", "front met %", "bound holds %",
               "bound below, points", "latency MAPE %"});
  for (const profile::TaskEstimate& task : estimated.tasks) {
    table.add({setup.zoo.task(task.task).name, fmt::to_string(task.measurements),
               fmt::to_string(estimated.measured.profile.task(task.task).stitched()),
               fmt::format("{:.0f}", task.stage_passes), fmt::format("{:.0f}", task.exhaustive_stage_passes),
               fmt::format("{:.2f}", task.quality.mae_points), fmt::format("{:.3f}", task.quality.spearman),
               task.truth_known ? fmt::format("{:.0f}", 100 * task.quality.front_recall) : "-",
               task.coverage.trials > 0 ? fmt::format("{:.1f}", 100 * task.coverage.share()) : "-",
               fmt::format("{:.1f}", 100 * task.value_below),
               fmt::format("{:.1f}", 100 * mean_relative_error(task.profile_ms, task.chain_ms))});
  }
  const Total total = total_of(estimated);
  const auto saved = [](double part, double whole) { return 100 * (1 - part / whole); };
  fmt::print("{}, {}\ndatabase {}\n{}\n{}\n", setup.zoo.name, setup.soc.name, estimated.measured.database.string(),
             accuracy_note(setup.zoo), table.text());
  fmt::print(
      "accuracies: {} stitched variants run of {} ({:.1f} % fewer); {:.0f} s, exhaustively {:.0f} s as projected "
      "from it ({:.1f} % less)\n",
      total.measurements, total.exhaustive_measurements,
      saved(static_cast<double>(total.measurements), static_cast<double>(total.exhaustive_measurements)),
      total.elapsed.count(), total.exhaustive.count(), saved(total.elapsed.count(), total.exhaustive.count()));
  fmt::print(
      "estimates against {} of {} stitched variants that were not run for them: MAE {:.2f} points, Spearman "
      "{:.3f} (mean over tasks)\n",
      total.truth_known ? "the known accuracies" : "held-out runs", total.compared, total.mae_points, total.spearman);
  if (total.coverage.trials > 0) {
    fmt::print(
        "lower bound of what a planner picks: promised {:.1f} %, held {:.1f} % of {} picks that were not "
        "measured, of {}\n",
        100 * estimated.promised, 100 * total.coverage.share(), total.coverage.trials, total.coverage.requests);
  }
  fmt::print(
      "latency of {} stitched variants run whole: MAPE {:.1f} % of the profile's sums, {:.1f} % of sums of stages "
      "run in the same rounds\n",
      total.chain_ms.size(), 100 * mean_relative_error(total.profile_ms, total.chain_ms),
      100 * mean_relative_error(total.stages_ms, total.chain_ms));
}

}  // namespace sparseloom::apps
