#include "sparseloom/eval/profiling.h"

#include <algorithm>

#include "sparseloom/base/csv.h"
#include "sparseloom/eval/summary.h"
#include "sparseloom/profile/estimate/first_variants.h"

namespace sparseloom::eval {
namespace {

const EstimatorTrial* find_trial(const std::vector<EstimatorTrial>& trials, const std::string& task,
                                 std::size_t variants) {
  const auto found = std::find_if(trials.begin(), trials.end(), [&](const EstimatorTrial& trial) {
    return trial.task == task && trial.variants == variants;
  });
  return found == trials.end() ? nullptr : &*found;
}

ProfilingRow row_of(const zoo::Task& task, const soc::Soc& soc, profile::StageTimes times, std::size_t variants,
                    const std::vector<EstimatorTrial>& trials) {
  times.resize(std::min(variants, times.size()));
  const auto samples = static_cast<std::size_t>(task.profile.samples);
  ProfilingRow row;
  row.soc = soc.name;
  row.modelled = soc.modelled;
  row.task = task.name;
  row.variants = variants;
  row.latencies = profile::latency_measurements(soc, times.size(), task.stages());
  row.exhaustive = profile::exhaustive_cost(times, samples);
  row.most = row.exhaustive;
  if (const auto budget = profile::estimation_budget(times.size(), task.stages(), kTrialLevel)) {
    row.most = profile::most_estimation_cost(times, *budget, kTrialLevel, samples).value();
  }
  row.estimated = row.most;
  if (const EstimatorTrial* trial = find_trial(trials, task.name, times.size())) {
    row.trial = trial->report;
    row.estimated = trial->report.spent;
  }
  return row;
}

}  // namespace

Json to_json(const EstimatorTrial& trial) {
  Json json{{"task", trial.task}, {"variants", trial.variants}};
  json.update(profile::to_json(trial.report));
  return json;
}

Result<EstimatorTrial> trial_from_json(const Json& json, const std::string& where) {
  EstimatorTrial trial;
  SL_ASSIGN_OR_RETURN(trial.report, profile::estimator_report_from_json(json, where));
  try {
    trial.task = json.at("task").get<std::string>();
    trial.variants = json.at("variants").get<std::size_t>();
  } catch (const Json::exception& e) {
    return error(Code::kMalformed, "{}: not a trial of an estimator: {}", where, e.what());
  }
  return trial;
}

Result<std::optional<EstimatorTrial>> try_estimator(const TrialInput& in, zoo::TaskId task, std::size_t variants) {
  const zoo::Task& whole = in.zoo.task(task);
  const auto budget = profile::estimation_budget(variants, whole.stages(), kTrialLevel);
  if (!budget) return std::optional<EstimatorTrial>();
  profile::EstimateOptions options;
  options.measuring = in.measuring;
  options.budget = *budget;
  options.level = kTrialLevel;
  const zoo::Zoo zoo = profile::first_variants(in.zoo, variants);
  const profile::TaskProfile profile = profile::first_variants(in.profile.task(task), variants);
  SL_ASSIGN_OR_RETURN(profile::EstimatorReport report,
                      profile::try_estimator(zoo, in.soc, in.runtime, in.pieces, profile, task, options));
  return std::optional(EstimatorTrial{whole.name, variants, std::move(report)});
}

std::vector<ProfilingRow> profiling_rows(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile,
                                         const std::vector<EstimatorTrial>& trials) {
  std::size_t most = 0;
  for (const zoo::Task& task : zoo.tasks) most = std::max(most, task.variants.size());
  std::vector<ProfilingRow> rows;
  for (std::size_t variants = 2; variants <= most; ++variants) {
    for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
      rows.push_back(row_of(zoo.tasks[t], soc, profile::fastest_stage_times(profile.tasks[t], soc), variants, trials));
    }
  }
  return rows;
}

std::vector<ProfilingRow> over_tasks(const std::vector<ProfilingRow>& rows) {
  std::vector<ProfilingRow> totals;
  for (std::size_t first = 0; first < rows.size();) {
    ProfilingRow total;
    total.soc = rows[first].soc;
    total.modelled = rows[first].modelled;
    total.variants = rows[first].variants;
    std::vector<profile::EstimatorReport> trials;
    std::size_t estimable = 0;
    for (; first < rows.size() && rows[first].variants == total.variants; ++first) {
      const ProfilingRow& row = rows[first];
      total.latencies += row.latencies;
      total.exhaustive += row.exhaustive;
      total.most += row.most;
      total.estimated += row.estimated;
      estimable += row.estimable() ? 1 : 0;
      if (row.trial) trials.push_back(*row.trial);
    }
    if (!trials.empty() && trials.size() == estimable) {
      total.trial = profile::total_of(trials);
    } else {
      total.estimated = total.most;
    }
    totals.push_back(std::move(total));
  }
  return totals;
}

std::string to_csv(const std::vector<ProfilingRow>& rows) {
  std::string csv =
      "soc,modelled,task,variants,latencies,exhaustive_stitched,exhaustive_stage_passes,exhaustive_stage_seconds,"
      "stitched,most_stage_passes,most_stage_seconds,stage_passes,stage_seconds,run,seconds,accuracy_mae_points,"
      "spearman,front_recall,conformal_promised,"
      "conformal_observed,conformal_trials\n";
  for (const ProfilingRow& r : rows) {
    csv +=
        fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}", csv_quoted(r.soc), r.modelled, csv_quoted(r.task),
                    r.variants, r.latencies, r.exhaustive.stitched, r.exhaustive.stage_passes,
                    r.exhaustive.projected.count(), r.estimated.stitched, r.most.stage_passes, r.most.projected.count(),
                    r.estimated.stage_passes, r.estimated.projected.count(), r.trial.has_value());
    if (r.trial) {
      const profile::EstimatorReport& e = *r.trial;
      const auto if_known = [](bool known, double value) { return known ? fmt::format("{}", value) : ""; };
      csv += fmt::format(",{},{},{},{},{},{},{}\n", e.elapsed.count(), e.quality.mae_points, e.quality.spearman,
                         if_known(e.truth_known, e.quality.front_recall), e.promised,
                         if_known(e.coverage.trials > 0, e.coverage.share()), e.coverage.trials);
    } else {
      csv += ",,,,,,,\n";
    }
  }
  return csv;
}

}  // namespace sparseloom::eval
