#include "sparseloom/report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "sparseloom/report/axis.h"

namespace sparseloom::report {
namespace {

constexpr double kWidth = 640, kHeight = 400, kLeft = 70, kRight = 150, kTop = 36, kBottom = 50;
constexpr std::array kColours{"#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#999999",
                              "#000000", "#aaaa00", "#44bb99", "#ee8866", "#bb5566", "#332288"};

Axis axis_over(const std::vector<const std::vector<double>*>& lists, double from, double to, bool log) {
  double low = 1e300, high = -1e300;
  for (const auto* list : lists) {
    for (const double v : *list) {
      if (!std::isfinite(v) || (log && v <= 0)) continue;
      low = std::min(low, v), high = std::max(high, v);
    }
  }
  if (!log && low > 0 && low < 0.6 * high) low = 0;
  return {low, high, from, to, log};
}

std::string grid(const Chart& chart, const Axis& x, const Axis& y) {
  std::string out;
  const double right = kWidth - kRight, bottom = kHeight - kBottom;
  for (const double v : y.ticks()) {
    out += fmt::format("<line class='grid' x1='{}' x2='{}' y1='{:.1f}' y2='{:.1f}'/>", kLeft, right, y.pixel(v),
                       y.pixel(v));
    out += fmt::format("<text text-anchor='end' x='{}' y='{:.1f}'>{:.4g}</text>", kLeft - 6, y.pixel(v) + 4, v);
  }
  const std::vector<double> at = chart.x_names.empty() ? x.ticks() : chart.x;
  for (std::size_t k = 0; k < at.size(); ++k) {
    const double px = x.pixel(at[k]);
    out += fmt::format("<line class='grid' x1='{0:.1f}' x2='{0:.1f}' y1='{1}' y2='{2}'/>", px, kTop, bottom);
    out += fmt::format("<text text-anchor='middle' x='{:.1f}' y='{}'>{}</text>", px, bottom + 16,
                       k < chart.x_names.size() ? escaped(chart.x_names[k]) : fmt::format("{:.4g}", at[k]));
  }
  out += fmt::format("<text class='title' x='{}' y='20'>{}</text>", kLeft, escaped(chart.title));
  out += fmt::format("<text text-anchor='middle' x='{}' y='{}'>{}</text>", (kLeft + right) / 2, kHeight - 12,
                     escaped(chart.x_label));
  out += fmt::format("<text text-anchor='middle' transform='translate(16 {}) rotate(-90)'>{}</text>",
                     (kTop + bottom) / 2, escaped(chart.y_label));
  return out;
}

const std::vector<double>& x_of(const Chart& chart, const Series& series) {
  return series.x.empty() ? chart.x : series.x;
}

// Where series i stands beside its x value, so that intervals over names do not cover each other.
double aside(const Chart& chart, std::size_t i) {
  if (chart.x_names.empty()) return 0;
  return 2.5 * (static_cast<double>(i) - static_cast<double>(chart.series.size() - 1) / 2);
}

std::string stroke(const Series& series, const char* colour) {
  return fmt::format("stroke='{}' stroke-width='{}'{}", colour, series.strong ? 3 : 1.6,
                     series.dashed ? " stroke-dasharray='5 3'" : "");
}

std::string line(const Chart& chart, std::size_t i, const char* colour, const Axis& x, const Axis& y) {
  const Series& series = chart.series[i];
  std::string points, marks;
  const std::vector<double>& at = x_of(chart, series);
  for (std::size_t k = 0; k < at.size() && k < series.y.size(); ++k) {
    if (!x.shows(at[k]) || !y.shows(series.y[k])) continue;
    const double px = x.pixel(at[k]) + aside(chart, i), py = y.pixel(series.y[k]);
    const std::string where = k < chart.x_names.size() ? chart.x_names[k] : fmt::format("{:.6g}", at[k]);
    points += fmt::format("{:.1f},{:.1f} ", px, py);
    marks += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='{}' fill='{}'><title>{}: {:.6g} at {}</title></circle>",
                         px, py, series.strong ? 3.5 : 2.5, colour, escaped(series.name), series.y[k], escaped(where));
    if (k < series.low.size() && k < series.high.size() && y.shows(series.low[k]) && y.shows(series.high[k])) {
      marks += fmt::format("<line x1='{0:.1f}' x2='{0:.1f}' y1='{1:.1f}' y2='{2:.1f}' stroke='{3}'/>", px,
                           y.pixel(series.low[k]), y.pixel(series.high[k]), colour);
    }
  }
  if (!series.joined) return marks;
  return fmt::format("<polyline fill='none' {} points='{}'/>{}", stroke(series, colour), points, marks);
}

std::string numbers(const Chart& chart) {
  std::string out = "<details><summary>numbers</summary><table><tr><th>" + escaped(chart.x_label) + "</th>";
  for (const Series& s : chart.series) out += "<th>" + escaped(s.name) + "</th>";
  out += "</tr>";
  for (std::size_t k = 0; k < chart.x.size(); ++k) {
    out += fmt::format("<tr><td>{}</td>",
                       k < chart.x_names.size() ? escaped(chart.x_names[k]) : fmt::format("{:.6g}", chart.x[k]));
    for (const Series& s : chart.series) {
      out += k < s.y.size() ? fmt::format("<td>{:.6g}", s.y[k]) : "<td>";
      const bool interval = k < s.low.size() && k < s.high.size() && s.low[k] < s.high[k];
      if (interval) out += fmt::format(" [{:.6g}, {:.6g}]", s.low[k], s.high[k]);
      out += "</td>";
    }
    out += "</tr>";
  }
  return out + "</table></details>";
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string svg(const Chart& chart) {
  std::vector<const std::vector<double>*> values;
  for (const Series& s : chart.series) values.insert(values.end(), {&s.y, &s.low, &s.high});
  std::vector<const std::vector<double>*> positions;
  for (const Series& s : chart.series) positions.push_back(&x_of(chart, s));
  const Axis x = chart.x_names.empty() ? axis_over(positions, kLeft, kWidth - kRight, chart.log_x)
                                       : Axis(chart.x.front() - 0.4, chart.x.back() + 0.4, kLeft, kWidth - kRight);
  const Axis y = axis_over(values, kHeight - kBottom, kTop, chart.log_y);
  std::string out = fmt::format("<svg viewBox='0 0 {} {}' width='{}' height='{}'>", kWidth, kHeight, kWidth, kHeight);
  out += grid(chart, x, y);
  for (std::size_t i = chart.series.size(); i-- > 0;) {  // the first on top
    const Series& series = chart.series[i];
    const char* colour = kColours[i % kColours.size()];
    const double row = kTop + 10 + 18 * static_cast<double>(i);
    out += line(chart, i, colour, x, y);
    out +=
        fmt::format("<line x1='{}' x2='{}' y1='{}' y2='{}' {}/><text x='{}' y='{}'{}>{}</text>", kWidth - kRight + 12,
                    kWidth - kRight + 34, row, row, stroke(series, colour), kWidth - kRight + 40, row + 4,
                    series.strong ? " style='font-weight:600'" : "", escaped(series.name));
  }
  return out + "</svg>";
}

std::string figure(const Chart& chart) {
  return "<figure>" + svg(chart) + (chart.x.empty() ? "" : numbers(chart)) + "</figure>\n";
}

std::string html_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<table><tr>";
  for (const std::string& name : header) out += "<th>" + escaped(name) + "</th>";
  out += "</tr>";
  for (const auto& row : rows) {
    out += "<tr>";
    for (const std::string& cell : row) out += "<td>" + escaped(cell) + "</td>";
    out += "</tr>";
  }
  return out + "</table>\n";
}

std::string figure(const HeatMap& map) {
  std::string out = "<figure><table class='heat'><caption>" + escaped(map.title) + "</caption><tr><th>" +
                    escaped(map.row_label) + " \\ " + escaped(map.column_label) + "</th>";
  for (const std::string& name : map.columns) out += "<th>" + escaped(name) + "</th>";
  out += "</tr>";
  for (std::size_t r = 0; r < map.values.size(); ++r) {
    out += "<tr><th>" + escaped(map.rows[r]) + "</th>";
    for (const double v : map.values[r]) {
      if (!std::isfinite(v)) {
        out += "<td></td>";
        continue;
      }
      const double share = std::clamp(v, 0.0, 1.0);
      const auto fade = [share](double full) { return std::lround(255 - share * (255 - full)); };
      out += fmt::format("<td style='background:rgb({},{},{});color:{}'>{:.1f}</td>", fade(178), fade(24), fade(43),
                         share > 0.5 ? "#fff" : "#222", 100 * v);
    }
    out += "</tr>";
  }
  return out + "</table></figure>\n";
}

std::string page(const std::string& heading, const std::string& body) {
  return "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>" + escaped(heading) +
         "</title><style>body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:1340px;padding:0 1em;"
         "color:#222;background:#fff}figure{display:inline-block;margin:0 1em 1.5em 0;vertical-align:top;"
         "max-width:640px}svg{max-width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:#333}svg "
         ".title{font-weight:600;font-size:14px}.grid{stroke:#e4e4e4}table{border-collapse:collapse;"
         "font-size:12px}td,th{border:1px solid #ddd;padding:2px "
         "6px;text-align:right}td:first-child{text-align:left}details{overflow-x:auto}"
         "caption{font-weight:600;font-size:14px;text-align:left}.heat td{min-width:2.6em}.wide svg{width:900px}"
         "</style></head><body><h1>" +
         escaped(heading) + "</h1>\n" + body + "</body></html>\n";
}

}  // namespace sparseloom::report
