#pragma once

#include <string>
#include <vector>

namespace sparseloom::report {

/// A line of a chart, with an interval around every point.
struct Series {
  std::string name;
  std::vector<double> y, low, high;  ///< by x; low and high may be empty, or equal, or NaN: no intervals
  std::vector<double> x{};           ///< its own; empty: the chart's
  bool joined = true;                ///< false: points without a line
  bool dashed = false;               ///< its line
  bool strong = false;               ///< the one that the chart is about
};

/// A chart with lines over common x values.
struct Chart {
  std::string title, x_label, y_label;
  std::vector<double> x;
  std::vector<Series> series;
  bool log_x = false, log_y = false;   ///< values that are not positive are then left out
  std::vector<std::string> x_names{};  ///< of all x, shown in place of round numbers; empty: none
};

/// The chart as an <svg> element for a page, about 640 x 400 pixels, with a legend; the same name has the same colour
/// in all charts that list their series in one order.
std::string svg(const Chart& chart);

/// The chart as a <figure>, with its numbers in a table below it (those of series that share the chart's x).
std::string figure(const Chart& chart);

/// A table of text.
std::string html_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

/// A table of shares 0..1, shown in percent and the darker the larger. `values` by row and column; NaN: nothing there.
struct HeatMap {
  std::string title, row_label, column_label;
  std::vector<std::string> rows, columns;
  std::vector<std::vector<double>> values;
};
std::string figure(const HeatMap& map);

/// `text` as it must stand in HTML.
std::string escaped(const std::string& text);

/// A page that needs no other file; `body` is HTML.
std::string page(const std::string& heading, const std::string& body);

}  // namespace sparseloom::report
