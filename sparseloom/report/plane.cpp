#include "sparseloom/report/plane.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sparseloom/plan/costs.h"
#include "sparseloom/plan/search/non_dominated.h"
#include "sparseloom/report/axis.h"
#include "sparseloom/report/charts.h"

namespace sparseloom::report {
namespace {

// Pixels: of the picture, of a panel, and of what stands around a panel's plot.
constexpr double kPlaneWidth = 900, kHead = 76, kPanelWidth = kPlaneWidth / 2, kPanelHeight = 300;
constexpr double kPlaneLeft = 62, kPlaneRight = 14, kPlaneTop = 34, kPlaneBottom = 52;
constexpr int kSteps = 9;  // of the grid of bounds

constexpr const char* kInk = "#222";
constexpr const char* kOriginal = "#cc3311";
constexpr const char* kStitched = "#0077bb";
constexpr const char* kKept = "#cfe8d5";          // bounds that an original variant keeps
constexpr const char* kKeptStitched = "#ffe9b8";  // those that only stitched ones keep

using Points = std::vector<PlanePoint>;

// Those that no other is as fast and as accurate as, fastest first.
Points front_of(const Points& points) {
  plan::Rows rows{.width = 2, .values = {}};
  for (const PlanePoint& p : points) rows.values.insert(rows.values.end(), {p.latency_ms, -p.accuracy});
  Points front;
  for (const std::size_t k : plan::non_dominated(rows, std::vector<double>(points.size(), 0.0))) {
    front.push_back(points[k]);
  }
  return front;
}

bool keeps(const Points& points, const plan::Slo& slo) {
  return std::any_of(points.begin(), points.end(), [&](const PlanePoint& p) {
    return plan::within(p.latency_ms, to_ms(slo.latency)) && plan::within(slo.accuracy, p.accuracy);
  });
}

plan::Slo bounds(const Plane& plane, int accuracy_index, int latency_index) {
  return plan::grid_config({plane.range}, {accuracy_index, latency_index}).slos.front();
}

Points all_of(const Plane& plane) {
  Points all = plane.originals;
  all.insert(all.end(), plane.stitched.begin(), plane.stitched.end());
  return all;
}

// Of all variants, but for those that are less accurate than any bound.
Points stitched_front(const Plane& plane) {
  Points front = front_of(all_of(plane));
  std::erase_if(front, [&](const PlanePoint& p) { return !plan::within(plane.range.accuracy_min, p.accuracy); });
  return front;
}

// What a panel shows: the range of bounds with room around it, and what is on the front even if that is outside. Other
// stitched variants that are slower or less accurate than all of this are cut off.
struct View {
  Axis x, y;
  double left = 0, right = 0, top = 0, bottom = 0;

  bool shows(const PlanePoint& p) const {
    const double px = x.pixel(p.latency_ms), py = y.pixel(100 * p.accuracy);
    return px >= left && px <= right && py >= top && py <= bottom;
  }
  std::string at(const PlanePoint& p) const {
    return fmt::format("{:.1f} {:.1f}", x.pixel(p.latency_ms), y.pixel(100 * p.accuracy));
  }
};

View view_of(const Plane& plane, double left, double top) {
  Points shown = stitched_front(plane);
  shown.insert(shown.end(), plane.originals.begin(), plane.originals.end());
  double x_low = 1e300, x_high = 0, y_low = 1e300, y_high = 0;
  for (const PlanePoint& p : shown) {
    x_low = std::min(x_low, p.latency_ms), x_high = std::max(x_high, p.latency_ms);
    y_low = std::min(y_low, 100 * p.accuracy), y_high = std::max(y_high, 100 * p.accuracy);
  }
  const double x_room = 0.06 * (x_high - x_low), y_room = 0.08 * (y_high - y_low);
  const double l = left + kPlaneLeft, r = left + kPanelWidth - kPlaneRight, t = top + kPlaneTop,
               b = top + kPanelHeight - kPlaneBottom;
  return {Axis(x_low - x_room, x_high + x_room, l, r), Axis(y_low - y_room, y_high + y_room, b, t), l, r, t, b};
}

std::string text(double x, double y, const std::string& content, const std::string& style) {
  return fmt::format("<text x='{:.1f}' y='{:.1f}' style='{}'>{}</text>", x, y, style, escaped(content));
}

// The cell of a pair of bounds lies above and to the left of where the two meet: a variant in there or beyond keeps it.
std::string grid_of(const Plane& plane, const View& view) {
  std::string out;
  const Points all = all_of(plane);
  for (int j = 0; j < kSteps; ++j) {
    for (int k = 0; k < kSteps; ++k) {
      const plan::Slo slo = bounds(plane, j, k), next = bounds(plane, j + 1, k + 1);
      const double right = view.x.pixel(to_ms(slo.latency)), left = view.x.pixel(to_ms(next.latency));
      const double bottom = view.y.pixel(100 * slo.accuracy), top = view.y.pixel(100 * next.accuracy);
      const char* fill = keeps(plane.originals, slo) ? kKept : keeps(all, slo) ? kKeptStitched : "none";
      out += fmt::format("<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}' fill='{}'/>", left, top,
                         right - left, bottom - top, fill);
    }
  }
  return "<g stroke='#c4c4c4' stroke-width='.7'>" + out + "</g>";
}

std::string axes_of(const Plane& plane, const View& view) {
  const BoundsKept kept = bounds_kept(plane);
  std::string out = fmt::format("<path fill='none' stroke='#888' d='M{0} {1}V{2}H{3}'/>", view.left, view.top,
                                view.bottom, view.right);
  for (const double v : view.x.ticks(7)) {
    out += fmt::format("<path stroke='#888' d='M{:.1f} {}v4'/>", view.x.pixel(v), view.bottom);
    out += text(view.x.pixel(v), view.bottom + 17, fmt::format("{:.4g}", v), "text-anchor:middle");
  }
  for (const double v : view.y.ticks(7)) {
    out += fmt::format("<path stroke='#888' d='M{} {:.1f}h-4'/>", view.left, view.y.pixel(v));
    out += text(view.left - 8, view.y.pixel(v) + 4, fmt::format("{:.4g}", v), "text-anchor:end");
  }
  out += text((view.left + view.right) / 2, view.bottom + 35, "latency alone, ms", "text-anchor:middle");
  out += fmt::format(
      "<text transform='translate({:.1f} {:.1f}) rotate(-90)' style='text-anchor:middle'>accuracy, %</text>",
      view.left - 46, (view.top + view.bottom) / 2);
  out += text(view.left, view.top - 12, plane.task, "font-weight:600;font-size:15px");
  out += text(view.right, view.top - 12,
              fmt::format("bounds kept: {} of 81, without stitching {}", kept.by_any, kept.by_originals),
              "text-anchor:end");
  return out;
}

// As a path of points: a thousand elements less.
std::string cloud(const Points& points, const View& view) {
  std::string path;
  for (const PlanePoint& p : points) {
    if (view.shows(p)) path += fmt::format("M{}h0", view.at(p));
  }
  return fmt::format("<path d='{}' stroke='{}' stroke-width='3' stroke-linecap='round' stroke-opacity='.45'/>", path,
                     kStitched);
}

// Steps: between two points of the front nothing is better than the faster one.
std::string staircase(const Points& front, const View& view, const char* colour, const char* dashes) {
  std::string path;
  for (const PlanePoint& p : front) {
    path += path.empty() ? "M" + view.at(p)
                         : fmt::format("H{:.1f}V{:.1f}", view.x.pixel(p.latency_ms), view.y.pixel(100 * p.accuracy));
  }
  return fmt::format("<path d='{}' fill='none' stroke='{}' stroke-width='2' stroke-dasharray='{}'/>", path, colour,
                     dashes);
}

std::string diamond(double x, double y, const std::string& title) {
  return fmt::format(
      "<path d='M{:.1f} {:.1f}l5.5 5.5l-5.5 5.5l-5.5 -5.5z' fill='{}' stroke='#fff'><title>{}</title></path>", x,
      y - 5.5, kOriginal, escaped(title));
}

std::string panel(const Plane& plane, double left, double top) {
  const View view = view_of(plane, left, top);
  std::string out = grid_of(plane, view) + axes_of(plane, view) + cloud(plane.stitched, view);
  out += staircase(front_of(plane.originals), view, kOriginal, "5 3");
  const Points front = stitched_front(plane);
  out += staircase(front, view, kStitched, "none");
  for (const PlanePoint& p : front) {
    out += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='3' fill='{}'/>", view.x.pixel(p.latency_ms),
                       view.y.pixel(100 * p.accuracy), kStitched);
  }
  for (const PlanePoint& p : plane.originals) {
    out += diamond(view.x.pixel(p.latency_ms), view.y.pixel(100 * p.accuracy),
                   fmt::format("{}: {:.3g} ms, {:.1f} %", p.name, p.latency_ms, 100 * p.accuracy));
  }
  return out;
}

// Two rows of what the marks mean, under the line that says where this is.
std::string legend(const std::string& where) {
  constexpr std::array kColumns{62.0, 342.0, 622.0};
  std::string out = text(kColumns[0], 24, where, "font-weight:600;font-size:15px");
  const auto label = [&](std::size_t column, double row, const std::string& mark, const std::string& meaning) {
    out += fmt::format("<g transform='translate({} {})'>{}</g>", kColumns[column], row, mark);
    out += text(kColumns[column] + 30, row + 4, meaning, "");
  };
  const auto swatch = [](const char* fill) {
    return fmt::format("<rect x='0' y='-6' width='20' height='12' fill='{}' stroke='#c4c4c4'/>", fill);
  };
  const auto dashed = fmt::format("<path d='M0 0h22' stroke='{}' stroke-width='2' stroke-dasharray='5 3'/>", kOriginal);
  const auto front =
      fmt::format("<path d='M0 0h22' stroke='{0}' stroke-width='2'/><circle cx='11' r='3' fill='{0}'/>", kStitched);
  const auto dots = fmt::format(
      "<path d='M2 3h0M8 -3h0M13 2h0M19 -2h0' stroke='{}' stroke-width='3' stroke-linecap='round' "
      "stroke-opacity='.5'/>",
      kStitched);
  label(0, 46, dashed + diamond(11, 0, "original variant"), "original variants, Pareto front");
  label(1, 46, dots, "stitched variants");
  label(2, 46, front, "Pareto front with stitching");
  label(0, 66, swatch(kKept), "SLO bounds an original keeps");
  label(1, 66, swatch(kKeptStitched), "SLO bounds only stitching keeps");
  label(2, 66, swatch("#fff"), "SLO bounds no variant keeps");
  return out;
}

}  // namespace

Result<std::vector<Plane>> planes_of(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile) {
  SL_ASSIGN_OR_RETURN(const auto costs, plan::read_costs(zoo, soc, profile, plan::Gangs::kWithout));
  SL_ASSIGN_OR_RETURN(const auto ranges, plan::grid_ranges(zoo, soc, profile));
  std::vector<Plane> planes;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    Plane& plane =
        planes.emplace_back(Plane{.task = zoo.tasks[t].name, .originals = {}, .stitched = {}, .range = ranges[t]});
    const profile::TaskProfile& measured = profile.tasks[t];
    for (std::size_t i = 0; i < measured.stitched(); ++i) {
      const zoo::Sigma sigma = measured.sigma_at(i);
      const profile::Accuracy& accuracy = measured.accuracy(sigma);
      if (accuracy.samples == 0) continue;
      const std::size_t v = sigma.front().index();
      const bool original = sigma == plan::original(v, sigma.size());
      (original ? plane.originals : plane.stitched)
          .push_back({.name = original ? zoo.tasks[t].variants[v].name : "",
                      .latency_ms = 1e3 * costs[t].latency(sigma, costs[t].best_placement(sigma)),
                      .accuracy = accuracy.fraction()});
    }
  }
  return planes;
}

BoundsKept bounds_kept(const Plane& plane) {
  BoundsKept kept;
  const Points all = all_of(plane);
  for (int j = 0; j < kSteps; ++j) {
    for (int k = 0; k < kSteps; ++k) {
      const plan::Slo slo = bounds(plane, j, k);
      kept.by_originals += keeps(plane.originals, slo) ? 1 : 0;
      kept.by_any += keeps(all, slo) ? 1 : 0;
    }
  }
  return kept;
}

std::string planes_svg(const std::vector<Plane>& planes, const std::string& where) {
  const std::size_t rows_of_two = (planes.size() + 1) / 2;
  const auto rows = static_cast<double>(rows_of_two);
  const double height = kHead + rows * kPanelHeight;
  std::string out = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {0} {1}' width='{0}' height='{1}' font-family='system-ui, "
      "sans-serif' font-size='12.5' fill='{2}'><rect width='{0}' height='{1}' rx='6' fill='#fff'/>\n",
      kPlaneWidth, height, kInk);
  out += legend(where) + "\n";
  for (std::size_t i = 0; i < planes.size(); ++i) {
    const std::size_t row = i / 2, column = i % 2;
    out += panel(planes[i], kPanelWidth * static_cast<double>(column), kHead + kPanelHeight * static_cast<double>(row));
    out += "\n";
  }
  return out + "</svg>\n";
}

}  // namespace sparseloom::report
