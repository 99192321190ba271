#include "sparseloom/report/profiling_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "sparseloom/report/charts.h"
#include "sparseloom/report/estimate_report.h"
#include "sparseloom/report/table.h"

namespace sparseloom::report {
namespace {

using Cells = std::vector<std::string>;

const Cells kCostHeader{"variants", "latencies", "exhaustive: stitched", "passes", "s", "estimator: stitched", "passes",
                        "s",        "less %",    "the estimator's are"};

Cells cost_cells(const eval::ProfilingRow& total) {
  const profile::ProfilingCost &all = total.exhaustive, &few = total.estimated;
  Cells cells{fmt::to_string(total.variants), fmt::to_string(total.latencies)};
  for (const profile::ProfilingCost* cost : {&all, &few}) {
    cells.push_back(fmt::to_string(cost->stitched));
    cells.push_back(fmt::format("{:.0f}", cost->stage_passes));
    cells.push_back(fmt::format("{:.0f}", cost->projected.count()));
  }
  cells.push_back(fmt::format("{:.1f}", 100 * (1 - few.projected / all.projected)));
  cells.emplace_back(total.trial ? "of a run" : total.estimable() ? "projected, at most" : "all: too few to estimate");
  return cells;
}

Cells quality_header() {
  Cells header{"variants", "task"};
  header.insert(header.end(), estimator_header().begin(), estimator_header().end());
  header.emplace_back("took, s");
  return header;
}

Cells quality_cells(const eval::ProfilingRow& row) {
  Cells cells{fmt::to_string(row.variants), row.task.empty() ? "all" : row.task};
  const Cells quality = estimator_cells(*row.trial);
  cells.insert(cells.end(), quality.begin(), quality.end());
  cells.push_back(fmt::format("{:.0f}", row.trial->elapsed.count()));
  return cells;
}

// Of what was tried: every task, and all of them where none is missing.
std::vector<Cells> quality_rows(const std::vector<eval::ProfilingRow>& rows) {
  std::vector<eval::ProfilingRow> tried = rows;
  const std::vector<eval::ProfilingRow> totals = eval::over_tasks(rows);
  tried.insert(tried.end(), totals.begin(), totals.end());
  std::erase_if(tried, [](const eval::ProfilingRow& row) { return !row.trial; });
  std::stable_sort(tried.begin(), tried.end(), [](const auto& a, const auto& b) { return a.variants < b.variants; });
  std::vector<Cells> cells;
  for (const eval::ProfilingRow& row : tried) cells.push_back(quality_cells(row));
  return cells;
}

std::string promise(const std::vector<eval::ProfilingRow>& rows) {
  const auto tried = std::find_if(rows.begin(), rows.end(), [](const auto& row) { return row.trial.has_value(); });
  if (tried == rows.end()) return "";
  return fmt::format(
      "Estimates against {} accuracies; the bound is promised to hold for {:.0f} % of what planners pick and was not "
      "measured.",
      tried->trial->truth_known ? "the known" : "held-out", 100 * tried->trial->promised);
}

// Exhaustively and with the estimator, over the number of variants.
template <typename Value>
std::string cost_chart(const std::vector<eval::ProfilingRow>& totals, const std::string& what, const Value& value) {
  Chart chart{.title = what + " by number of variants",
              .x_label = "variants per task",
              .y_label = what,
              .x = {},
              .series = {},
              .log_y = true};
  Series exhaustive{.name = "exhaustive", .y = {}, .low = {}, .high = {}};
  Series most{.name = "estimator, at most", .y = {}, .low = {}, .high = {}};
  Series run{.name = "of a run", .y = {}, .low = {}, .high = {}, .x = {}, .joined = false};
  for (const eval::ProfilingRow& total : totals) {
    const auto variants = static_cast<double>(total.variants);
    chart.x.push_back(variants);
    exhaustive.y.push_back(value(total.exhaustive));
    most.y.push_back(value(total.most));
    if (!total.trial) continue;
    run.x.push_back(variants);
    run.y.push_back(value(total.estimated));
  }
  chart.series = {std::move(exhaustive), std::move(most)};
  if (!run.x.empty()) chart.series.push_back(std::move(run));
  return figure(chart);
}

constexpr const char* kWhatSecondsAre =
    "Over tasks; s: all passes of the profile split through a stage one after another, by the subgraphs' latencies, "
    "which have to be measured either way.";

}  // namespace

std::string profiling_text(const std::vector<eval::ProfilingRow>& rows) {
  if (rows.empty()) return "";
  Table costs(kCostHeader);
  for (const eval::ProfilingRow& total : eval::over_tasks(rows)) costs.add(cost_cells(total));
  std::string out = fmt::format("Profiling cost on {}. {}\n{}", rows.front().soc, kWhatSecondsAre, costs.text());
  if (const std::string promised = promise(rows); !promised.empty()) {
    Table quality(quality_header());
    for (const Cells& cells : quality_rows(rows)) quality.add(cells);
    out += fmt::format("\nEstimator. {}\n{}", promised, quality.text());
  }
  return out;
}

std::string profiling_html(const std::vector<eval::ProfilingRow>& rows) {
  if (rows.empty()) return "";
  const std::vector<eval::ProfilingRow> totals = eval::over_tasks(rows);
  std::vector<Cells> costs;
  for (const eval::ProfilingRow& total : totals) costs.push_back(cost_cells(total));
  std::string out = "<h2>Profiling cost: " + escaped(rows.front().soc) + "</h2>\n<p>" + kWhatSecondsAre + "</p>\n" +
                    html_table(kCostHeader, costs);
  out += cost_chart(totals, "stage passes", [](const profile::ProfilingCost& cost) { return cost.stage_passes; });
  out += cost_chart(totals, "seconds", [](const profile::ProfilingCost& cost) { return cost.projected.count(); });
  if (const std::string promised = promise(rows); !promised.empty()) {
    out += "<h3>Estimator</h3>\n<p>" + promised + "</p>\n" + html_table(quality_header(), quality_rows(rows));
  }
  return out;
}

}  // namespace sparseloom::report
