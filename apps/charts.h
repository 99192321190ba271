#pragma once

#include <string>
#include <vector>

namespace sparseloom::apps {

/// A line of a chart, with an interval around every point.
struct Series {
  std::string name;
  std::vector<double> y, low, high;  ///< by x; low and high may be empty: no intervals
};

/// A chart with lines over common x values.
struct Chart {
  std::string title, x_label, y_label;
  std::vector<double> x;
  std::vector<Series> series;
  bool log_x = false, log_y = false;  ///< values that are not positive are then left out
};

/// The chart as an <svg> element for a page, about 640 x 400 pixels, with a legend; the same name has the same colour
/// in all charts that list their series in one order.
std::string svg(const Chart& chart);

/// A page that needs no other file: a heading, a paragraph and the charts, with each chart's numbers in a table below
/// it.
std::string page(const std::string& heading, const std::string& paragraph, const std::vector<Chart>& charts);

}  // namespace sparseloom::apps
