#include "sparseloom/report/eval_report.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "sparseloom/eval/summary.h"
#include "sparseloom/report/charts.h"
#include "sparseloom/report/profiling_report.h"
#include "sparseloom/report/table.h"

namespace sparseloom::report {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

constexpr const char* kOurs = "sparseloom";  // the system that the others are baselines of

std::string percent(double share) { return fmt::format("{:.2f}", 100 * share); }

const std::vector<std::string> kSummaryHeader{"system",      "violations %", "late",
                                              "inaccurate",  "both",         "accuracy-compliant/s",
                                              "completed/s", "goodput/s",    "resident MiB"};

std::vector<std::string> summary_row(const eval::Summary& s) {
  return {s.system,
          percent(s.violation_rate),
          percent(s.violations.latency),
          percent(s.violations.accuracy),
          percent(s.violations.both),
          fmt::format("{:.1f}", s.throughput_qps),
          fmt::format("{:.1f}", s.completed_qps),
          s.goodput_qps ? fmt::format("{:.1f}", *s.goodput_qps) : "-",
          fmt::format("{:.1f}", s.resident_bytes / 1024 / 1024)};
}

const std::vector<std::string> kTargetHeader{"target",  "asked",        "measured",
                                             "reached", "equal shares", "certified upper bound"};

std::vector<std::string> target_row(const eval::Target& t) {
  const auto figure = [](const std::optional<double>& value) { return value ? fmt::format("{:.3f}", *value) : "-"; };
  return {t.what,
          fmt::format("{}", t.asked),
          figure(t.measured),
          !t.measured   ? "baseline has none"
          : t.reached() ? "yes"
                        : "NO",
          figure(t.equal_shares),
          figure(t.limit)};
}

// The machines in the order of the rows.
std::vector<std::pair<std::string, bool>> machines_of(const std::vector<eval::Row>& rows) {
  std::vector<std::pair<std::string, bool>> machines;
  for (const eval::Row& row : rows) {
    const std::pair<std::string, bool> machine(row.soc, row.modelled);
    if (std::find(machines.begin(), machines.end(), machine) == machines.end()) machines.push_back(machine);
  }
  return machines;
}

// Violation rates over the grid, one map per system, with the rows and columns that were played on this machine; a cell
// of these that was not is left blank. Nothing if only the diagonal was played, which the chart shows.
std::string heat_maps(const std::vector<eval::Row>& rows, const std::string& soc,
                      const std::vector<eval::Summary>& systems) {
  std::set<int> accuracies, latencies;
  bool beyond_diagonal = false;
  for (const eval::Row& row : rows) {
    if (row.soc != soc) continue;
    accuracies.insert(row.cell.accuracy_index);
    latencies.insert(row.cell.latency_index);
    beyond_diagonal = beyond_diagonal || !row.cell.diagonal();
  }
  if (!beyond_diagonal) return "";
  std::string out = "<h3>Over the grid</h3>\n";
  for (const eval::Summary& s : systems) {
    if (s.soc != soc) continue;
    HeatMap map{.title = fmt::format("{}: violations, %", s.system),
                .row_label = "accuracy",
                .column_label = "latency",
                .rows = {},
                .columns = {},
                .values = {}};
    for (const int k : latencies) map.columns.push_back(std::to_string(k));
    for (const int j : accuracies) {
      map.rows.push_back(std::to_string(j));
      auto& values = map.values.emplace_back(latencies.size(), kNothing);
      for (const eval::Row& row : rows) {
        if (row.soc != soc || row.system != s.system || row.cell.accuracy_index != j) continue;
        const auto before = std::distance(latencies.begin(), latencies.find(row.cell.latency_index));
        values[static_cast<std::size_t>(before)] = row.violation_rate.value;
      }
    }
    out += figure(map);
  }
  return out;
}

// A value with its interval.
struct Point {
  double value, low, high;
};

// A quantity over C1..C8, a line per system; nothing if no cell of the diagonal was played.
template <typename Value>
std::string diagonal_chart(const std::vector<eval::Row>& rows, const std::string& soc,
                           const std::vector<eval::Summary>& systems, const std::string& name, const Value& value) {
  Chart chart{.title = name + " over C1..C8",
              .x_label = "SLO configuration: both bounds, loose to strict",
              .y_label = name,
              .x = {},
              .series = {}};
  for (int j = 1; j <= 8; ++j) {
    const bool there = std::any_of(rows.begin(), rows.end(), [&](const eval::Row& r) {
      return r.soc == soc && r.cell.diagonal() && r.cell.accuracy_index == j && value(r).has_value();
    });
    if (!there) continue;
    chart.x.push_back(j);
    chart.x_names.push_back(fmt::format("C{}", j));
  }
  if (chart.x.size() < 2) return "";
  for (const eval::Summary& s : systems) {
    if (s.soc != soc) continue;
    Series series{.name = s.system,
                  .y = {},
                  .low = {},
                  .high = {},
                  .dashed = eval::is_baseline(s.system),
                  .strong = s.system == kOurs};
    for (const double j : chart.x) {
      for (const eval::Row& r : rows) {
        if (r.soc != soc || r.system != s.system || !r.cell.diagonal() || r.cell.accuracy_index != int(j)) continue;
        const Point v = value(r).value_or(Point{kNothing, kNothing, kNothing});
        series.y.push_back(v.value);
        series.low.push_back(v.low);
        series.high.push_back(v.high);
      }
    }
    chart.series.push_back(std::move(series));
  }
  return figure(chart);
}

std::string violations_chart(const std::vector<eval::Row>& rows, const std::string& soc,
                             const std::vector<eval::Summary>& systems) {
  return diagonal_chart(rows, soc, systems, "violations, %", [](const eval::Row& r) {
    return std::optional(Point{100 * r.violation_rate.value, 100 * r.violation_rate.low, 100 * r.violation_rate.high});
  });
}

std::string rate_charts(const std::vector<eval::Row>& rows, const std::string& soc,
                        const std::vector<eval::Summary>& systems) {
  return diagonal_chart(rows, soc, systems, "accuracy-compliant throughput, requests/s",
                        [](const eval::Row& r) {
                          return std::optional(Point{r.throughput_qps, kNothing, kNothing});
                        }) +
         diagonal_chart(rows, soc, systems, "goodput, requests/s", [](const eval::Row& r) {
           return r.goodput_qps ? std::optional(Point{r.goodput_qps->mean, r.goodput_qps->low(), r.goodput_qps->high()})
                                : std::nullopt;
         });
}

// What a machine's part of the page begins with: violations over the SLOs, and what stitching offers.
std::string pictures(const std::vector<eval::Row>& rows, const std::string& soc,
                     const std::vector<eval::Summary>& systems, const ReportText& text) {
  std::string out = violations_chart(rows, soc, systems);
  if (!out.empty()) out += "<p>Bars: 95 % intervals. Dashed: systems without stitching.</p>\n";
  for (const auto& [name, planes] : text.planes) {
    if (name == soc) out += "<div class='wide'>" + planes_svg(planes, "Zoo " + text.zoo + " on " + soc) + "</div>\n";
  }
  return out;
}

std::string tables(const std::vector<eval::Row>& rows, const std::string& soc,
                   const std::vector<eval::Summary>& systems) {
  std::vector<std::vector<std::string>> means, aims;
  std::size_t cells = 0;
  for (const eval::Summary& s : systems) {
    if (s.soc != soc) continue;
    cells = s.cells;
    means.push_back(summary_row(s));
  }
  for (const eval::Target& t : eval::targets(rows)) {
    if (t.soc == soc) aims.push_back(target_row(t));
  }
  std::string out = fmt::format("<p>Means over {} cell{} of the SLO grid.</p>\n", cells, cells == 1 ? "" : "s") +
                    html_table(kSummaryHeader, means) + "<h3>Targets</h3>\n" + html_table(kTargetHeader, aims);
  if (const auto lost = eval::lost_cells(rows, soc, kOurs); !lost.empty()) {
    out += "<p>Cells lost beyond the 95 % intervals: " + escaped(fmt::format("{}", fmt::join(lost, ", "))) + "</p>\n";
  }
  return out;
}

std::string machine_html(const std::vector<eval::Row>& rows, const std::string& soc, bool modelled,
                         const std::vector<eval::Summary>& systems, const ReportText& text) {
  std::string out = "<h2>" + escaped(soc) + "</h2>\n";
  if (modelled) out += "<p><b>Modelled</b>: latencies are computed from data sheets and played by simulation.</p>\n";
  return out + pictures(rows, soc, systems, text) + tables(rows, soc, systems) + rate_charts(rows, soc, systems) +
         heat_maps(rows, soc, systems);
}

std::string memory_chart(const std::vector<eval::MemoryPoint>& points) {
  Chart chart{.title = "violations within a memory budget",
              .x_label = "budget, % of full preloading",
              .y_label = "violations, %",
              .x = {},
              .series = {}};
  for (const char* name : {"hotness", "knapsack"}) {
    Series series{.name = name, .y = {}, .low = {}, .high = {}};
    for (const eval::MemoryPoint& p : points) {
      if (p.preloader != name) continue;
      series.y.push_back(100 * p.violation_rate);
      if (chart.series.empty()) chart.x.push_back(100 * p.share);
    }
    chart.series.push_back(std::move(series));
  }
  for (const eval::MemoryPoint& p : points) {
    if (p.preloader != "full") continue;
    chart.series.push_back({.name = "full preloading",
                            .y = std::vector<double>(chart.x.size(), 100 * p.violation_rate),
                            .low = {},
                            .high = {}});
  }
  return figure(chart);
}

}  // namespace

std::string memory_text(const std::vector<eval::MemoryPoint>& points) {
  std::string out;
  for (const eval::MemoryPoint& p : points) {
    if (p.preloader == "full") {
      out += fmt::format("Full preloading: {:.1f} MiB, {:.2f} % violations. ",
                         static_cast<double>(p.resident.count) / 1024 / 1024, 100 * p.violation_rate);
    }
  }
  for (const char* name : {"hotness", "knapsack"}) {
    const auto share = eval::least_share(points, name);
    out += share ? fmt::format("{}: no more violations (within {:.1f} points) with {:.1f} % less memory. ", name,
                               100 * eval::kSameRate, 100 * (1 - *share))
                 : fmt::format("{}: more violations at any budget. ", name);
  }
  return out;
}

std::string eval_text(const std::vector<eval::Row>& rows) {
  const std::vector<eval::Summary> systems = eval::summarize(rows);
  const std::vector<eval::Target> aims = eval::targets(rows);
  std::string out;
  for (const auto& [soc, modelled] : machines_of(rows)) {
    Table means(kSummaryHeader);
    std::size_t cells = 0;
    for (const eval::Summary& s : systems) {
      if (s.soc != soc) continue;
      means.add(summary_row(s));
      cells = s.cells;
    }
    Table reached(kTargetHeader);
    for (const eval::Target& t : aims) {
      if (t.soc == soc) reached.add(target_row(t));
    }
    out += fmt::format("\n{}: means over {} cells\n{}\n{}", soc, cells, means.text(), reached.text());
  }
  return out;
}

std::string eval_html(const std::vector<eval::Row>& rows, const ReportText& text) {
  const std::vector<eval::Summary> systems = eval::summarize(rows);
  std::string body = "<p>" + escaped("Zoo " + text.zoo + ". " + text.settings) + "</p>\n";
  if (!text.accuracy.empty()) body += "<p><b>Note</b>: " + escaped(text.accuracy) + "</p>\n";
  if (!text.complete) body += "<p><b>Not complete</b>: the run was stopped; the same command goes on from there.</p>\n";
  body +=
      "<p>A request violates its SLO if it is late or its variant is not accurate enough. Episodes: one request per "
      "task in every order. Throughput: two requests per task outstanding; <i>accuracy-compliant</i> counts those "
      "whose variant keeps the accuracy bound, <i>completed</i> all. Goodput: highest Poisson rate at which enough "
      "requests keep both bounds.</p>\n";
  for (const auto& [soc, modelled] : machines_of(rows)) body += machine_html(rows, soc, modelled, systems, text);
  for (const auto& [soc, points] : text.memory) {
    body +=
        "<h2>Memory and violations: " + escaped(soc) +
        "</h2>\n<p>Simulated episodes over 25 cells of the grid; what is not resident has to be loaded, which no bound "
        "allows for. " +
        escaped(memory_text(points)) + "</p>\n" + memory_chart(points);
  }
  for (const auto& profiling : text.profiling) body += profiling_html(profiling);
  return page("sparseloom: evaluation", body);
}

}  // namespace sparseloom::report
