#include "sparseloom/report/placement_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sparseloom/base/csv.h"
#include "sparseloom/report/charts.h"
#include "sparseloom/report/table.h"

namespace sparseloom::report {
namespace {

using eval::PlacementRow;

const std::vector<std::string> kMethodHeader{
    "method",  "placements",          "times as fast as one processor", "at least", "over exact",
    "at most", "slowest decision, ms"};

std::vector<std::string> method_row(const eval::PlacementSummary& s) {
  return {s.method,
          fmt::format("{}", s.rows),
          fmt::format("{:.3f}", s.over_alone),
          fmt::format("{:.2f}", s.worst_over_alone),
          fmt::format("{:.3f}", s.over_exact),
          fmt::format("{:.2f}", s.worst_over_exact),
          fmt::format("{:.1f}", s.slowest_decision * 1e3)};
}

std::vector<std::string> distinct(const std::vector<PlacementRow>& rows, std::string PlacementRow::*what) {
  std::vector<std::string> names;
  for (const PlacementRow& row : rows)
    if (std::find(names.begin(), names.end(), row.*what) == names.end()) names.push_back(row.*what);
  return names;
}

std::string bound_text(const PlacementRow& row) {
  if (row.optimal) return "proven least";
  return row.lower_bound > 0 ? fmt::format("gap {:.1f} %", row.gap * 100) : "-";
}

std::string millijoules(const PlacementRow& row, std::string_view otherwise) {
  return row.joules && row.why_not.empty() ? fmt::format("{:.4g}", *row.joules * 1e3) : std::string(otherwise);
}

// One machine: a series per method over the networks.
std::string machine_chart(const std::vector<PlacementRow>& rows, const std::string& soc) {
  Chart chart{.title = soc + " (modelled)",
              .x_label = "model",
              .y_label = "times as fast as the best processor alone",
              .x = {},
              .series = {}};
  chart.x_names = distinct(rows, &PlacementRow::network);
  for (std::size_t n = 0; n < chart.x_names.size(); ++n) chart.x.push_back(static_cast<double>(n));
  for (const std::string& method : distinct(rows, &PlacementRow::method)) {
    Series series{.name = method, .y = {}, .low = {}, .high = {}, .joined = false, .strong = method == "exact"};
    bool any = false;
    for (const std::string& network : chart.x_names) {
      const auto row = std::find_if(rows.begin(), rows.end(), [&](const PlacementRow& r) {
        return r.soc == soc && r.network == network && r.method == method && r.why_not.empty();
      });
      series.y.push_back(row == rows.end() ? std::numeric_limits<double>::quiet_NaN() : row->over_alone);
      any = any || row != rows.end();
    }
    if (any) chart.series.push_back(std::move(series));
  }
  return figure(chart);
}

}  // namespace

std::string placements_text(const std::vector<PlacementRow>& rows) {
  Table table(kMethodHeader);
  for (const eval::PlacementSummary& summary : eval::summarize(rows)) table.add(method_row(summary));
  return table.text();
}

std::string placements_csv(const std::vector<PlacementRow>& rows) {
  std::string text =
      "network,soc,method,latency_ms,over_alone,lower_bound_ms,gap,optimal,energy_mj,decided_in_ms,groups,divided,why_"
      "not\n";
  for (const PlacementRow& r : rows) {
    text += fmt::format("{},{},{},{:.6g},{:.4f},{:.6g},{:.4f},{},{},{:.3f},{},{},{}\n", csv_quoted(r.network),
                        csv_quoted(r.soc), r.method, r.latency * 1e3, r.over_alone, r.lower_bound * 1e3, r.gap,
                        r.optimal ? 1 : 0, millijoules(r, ""), r.decided_in * 1e3, r.groups, r.divided,
                        csv_quoted(r.why_not));
  }
  return text;
}

std::string placements_html(const std::vector<PlacementRow>& rows, const std::string& settings) {
  std::vector<std::vector<std::string>> methods;
  for (const eval::PlacementSummary& summary : eval::summarize(rows)) methods.push_back(method_row(summary));
  std::string body = "<p>" + escaped(settings) + "</p>\n" + html_table(kMethodHeader, methods) +
                     "<p>Geometric means over models and machines; <i>over exact</i>: latency over that of "
                     "<code>exact</code> on the same model and machine.</p>\n";
  for (const std::string& soc : distinct(rows, &PlacementRow::soc)) body += machine_chart(rows, soc);
  std::vector<std::vector<std::string>> all;
  for (const PlacementRow& r : rows) {
    all.push_back(
        {escaped(r.network), escaped(r.soc), r.method, r.why_not.empty() ? fmt::format("{:.3f}", r.latency * 1e3) : "-",
         r.why_not.empty() ? fmt::format("{:.2f}", r.over_alone) : escaped(r.why_not), bound_text(r),
         fmt::format("{} of {}", r.divided, r.groups), millijoules(r, "-"), fmt::format("{:.1f}", r.decided_in * 1e3)});
  }
  body +=
      "<h2>All placements</h2>\n" + html_table({"model", "machine", "method", "ms", "times as fast as one processor",
                                                "bound", "operator groups divided", "mJ (modelled)", "decided in, ms"},
                                               all);
  return page("Operators of one model on several processors", body);
}

}  // namespace sparseloom::report
