#include "sparseloom/profile/estimate/estimator_report.h"

#include <algorithm>
#include <cmath>

namespace sparseloom::profile {
namespace {

Json known_or_null(bool known, double value) { return known ? Json(value) : Json(nullptr); }

}  // namespace

EstimatorReport total_of(std::span<const EstimatorReport> tasks) {
  EstimatorReport total;
  if (tasks.empty()) return total;
  total.promised = tasks.front().promised;
  total.truth_known = true;
  total.quality.front_recall = 0;
  for (const EstimatorReport& task : tasks) {
    const auto compared = static_cast<double>(task.quality.compared);
    const auto chains = static_cast<double>(task.chain_errors.chains);
    total.spent += task.spent;
    total.elapsed += task.elapsed;
    total.exhaustive += task.exhaustive;
    total.exhaustive_elapsed += task.exhaustive_elapsed;
    total.value_below += task.value_below;
    total.truth_known &= task.truth_known;
    total.quality.compared += task.quality.compared;
    total.quality.mae_points += compared * task.quality.mae_points;
    total.quality.spearman += task.quality.spearman;
    total.quality.front_recall += task.quality.front_recall;
    total.coverage.requests += task.coverage.requests;
    total.coverage.trials += task.coverage.trials;
    total.coverage.covered += task.coverage.covered;
    total.chain_errors.chains += task.chain_errors.chains;
    total.chain_errors.of_profile += chains * task.chain_errors.of_profile;
    total.chain_errors.of_rounds += chains * task.chain_errors.of_rounds;
  }
  const auto n = static_cast<double>(tasks.size());
  const auto compared = static_cast<double>(std::max<std::size_t>(total.quality.compared, 1));
  const auto chains = static_cast<double>(std::max<std::size_t>(total.chain_errors.chains, 1));
  total.value_below /= n;
  total.quality.mae_points /= compared;
  total.quality.spearman /= n;
  total.quality.front_recall = total.truth_known ? total.quality.front_recall / n : -1;
  total.chain_errors.of_profile /= chains;
  total.chain_errors.of_rounds /= chains;
  return total;
}

Json to_json(const EstimatorReport& r) {
  return {{"measurements", r.spent.stitched},
          {"exhaustive_measurements", r.exhaustive.stitched},
          {"stage_passes", r.spent.stage_passes},
          {"exhaustive_stage_passes", r.exhaustive.stage_passes},
          {"stage_seconds", r.spent.projected.count()},
          {"exhaustive_stage_seconds", r.exhaustive.projected.count()},
          {"seconds", r.elapsed.count()},
          {"exhaustive_seconds", r.exhaustive_elapsed.count()},
          {"compared", r.quality.compared},
          {"compared_with", r.truth_known ? "all" : "held_out"},
          {"accuracy_mae_points", r.quality.mae_points},
          {"spearman", r.quality.spearman},
          {"front_recall", known_or_null(r.truth_known, r.quality.front_recall)},
          {"lower_bound_below_points", 100 * r.value_below},
          {"latency_mape", r.chain_errors.of_profile},
          {"latency_mape_interleaved", r.chain_errors.of_rounds},
          {"chains", r.chain_errors.chains},
          {"conformal",
           {{"promised", r.promised},
            {"observed", known_or_null(r.coverage.trials > 0, r.coverage.share())},
            {"requests", r.coverage.requests},
            {"trials", r.coverage.trials},
            {"covered", r.coverage.covered}}}};
}

Result<EstimatorReport> estimator_report_from_json(const Json& json, const std::string& where) {
  try {
    const auto number = [&json](const char* key) { return json.at(key).get<double>(); };
    const auto count = [](const Json& of, const char* key) { return of.at(key).get<std::size_t>(); };
    EstimatorReport r;
    r.spent = {count(json, "measurements"), number("stage_passes"), Seconds(number("stage_seconds"))};
    r.exhaustive = {count(json, "exhaustive_measurements"), number("exhaustive_stage_passes"),
                    Seconds(number("exhaustive_stage_seconds"))};
    r.elapsed = Seconds(number("seconds"));
    r.exhaustive_elapsed = Seconds(number("exhaustive_seconds"));
    r.truth_known = json.at("compared_with") == "all";
    r.quality = {count(json, "compared"), number("accuracy_mae_points"), number("spearman"),
                 r.truth_known ? number("front_recall") : -1};
    r.value_below = number("lower_bound_below_points") / 100;
    r.chain_errors = {count(json, "chains"), number("latency_mape"), number("latency_mape_interleaved")};
    const Json& conformal = json.at("conformal");
    r.promised = conformal.at("promised").get<double>();
    r.coverage = {count(conformal, "requests"), count(conformal, "trials"), count(conformal, "covered")};
    return r;
  } catch (const Json::exception& e) {
    return error(Code::kMalformed, "{}: not the report of an estimator: {}", where, e.what());
  }
}

}  // namespace sparseloom::profile
