#include "sparseloom/plan/slo.h"

#include <algorithm>

#include "sparseloom/plan/costs.h"
#include "sparseloom/plan/search/infinity.h"

namespace sparseloom::plan {

namespace {

constexpr double kSteps = 9;  // indices 0..8 of steps of a ninth: the strictest bound stays one step inside the range
constexpr int kMaxIndex = 8;
constexpr double kLoneRange = 2;  // greatest bound over the latency, where variants differ in none
constexpr std::string_view kNames = "C1 to C8, or a<J>l<K> with accuracy index J and latency index K in 0..8 (a5l3)";

bool is_digit_in(char c, char lowest) { return c >= lowest && c <= '0' + kMaxIndex; }

}  // namespace

Result<std::vector<GridRange>> grid_ranges(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile) {
  SL_ASSIGN_OR_RETURN(const std::vector<TaskCosts> all, read_costs(zoo, soc, profile, Gangs::kWithout));
  std::vector<GridRange> ranges;
  for (std::size_t t = 0; t < all.size(); ++t) {
    SL_ASSIGN_OR_RETURN(const std::vector<OriginalVariant> originals,
                        read_originals(zoo, profile, zoo::TaskId(t), all[t]));
    const auto [inaccurate, accurate] = std::minmax_element(
        originals.begin(), originals.end(), [](const auto& a, const auto& b) { return a.accuracy < b.accuracy; });
    const auto [fast, slow] = std::minmax_element(originals.begin(), originals.end(),
                                                  [](const auto& a, const auto& b) { return a.latency < b.latency; });
    GridRange range{.accuracy_min = inaccurate->accuracy,
                    .accuracy_max = accurate->accuracy,
                    .latency_min = Seconds(fast->latency),
                    .latency_max = Seconds(slow->latency)};
    if (within(range.latency_max.count(), range.latency_min.count() * (1 + kTie))) {
      range.latency_max = kLoneRange * range.latency_min;
    }
    ranges.push_back(range);
  }
  return ranges;
}

Result<SloConfig> proposed_slos(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile) {
  constexpr double kLeftOver = 0.02, kRoom = 2;
  SL_ASSIGN_OR_RETURN(const std::vector<TaskCosts> all, read_costs(zoo, soc, profile, Gangs::kWithout));
  const double sharing =
      std::max(1.0, static_cast<double>(zoo.tasks.size()) / static_cast<double>(soc.processors.size()));
  SloConfig config{.name = "auto", .slos = {}};
  for (std::size_t t = 0; t < all.size(); ++t) {
    SL_ASSIGN_OR_RETURN(const std::vector<OriginalVariant> originals,
                        read_originals(zoo, profile, zoo::TaskId(t), all[t]));
    double best = 0;
    for (const OriginalVariant& variant : originals) best = std::max(best, variant.accuracy);
    const double bound = zoo.tasks[t].accuracy_known() ? std::max(0.0, best - kLeftOver) : 0;
    double fastest = kInfinity;
    for (const OriginalVariant& variant : originals) {
      if (within(bound, variant.accuracy)) fastest = std::min(fastest, variant.latency);
    }
    config.slos.push_back({.accuracy = bound, .latency = Seconds(kRoom * sharing * fastest)});
  }
  return config;
}

Result<GridCell> parse_grid_name(std::string_view name) {
  if (name.size() == 2 && name[0] == 'C' && is_digit_in(name[1], '1')) {
    return GridCell{name[1] - '0', name[1] - '0'};
  }
  if (name.size() == 4 && name[0] == 'a' && name[2] == 'l' && is_digit_in(name[1], '0') && is_digit_in(name[3], '0')) {
    return GridCell{name[1] - '0', name[3] - '0'};
  }
  return error(Code::kInvalidArgument, "SLO configuration '{}': allowed are {}", name, kNames);
}

Result<std::vector<std::string>> grid_names(std::string_view text) {
  std::vector<std::string> names;
  if (text == "diagonal") {
    for (int j = 1; j <= kMaxIndex; ++j) names.push_back(fmt::format("C{}", j));
  } else if (text == "grid" || text == "coarse") {
    const int step = text == "grid" ? 1 : 2;
    for (int j = 0; j <= kMaxIndex; j += step) {
      for (int k = 0; k <= kMaxIndex; k += step) names.push_back(GridCell{j, k}.name());
    }
  } else if (parse_grid_name(text).ok()) {
    names.emplace_back(text);
  } else {
    return error(Code::kInvalidArgument, "SLO configurations '{}': allowed are grid, coarse, diagonal, {}", text,
                 kNames);
  }
  return names;
}

Result<std::vector<GridCell>> grid_cells(std::string_view text) {
  SL_ASSIGN_OR_RETURN(const std::vector<std::string> names, grid_names(text));
  std::vector<GridCell> cells;
  for (const std::string& name : names) cells.push_back(parse_grid_name(name).value());
  return cells;
}

SloConfig grid_config(const std::vector<GridRange>& ranges, GridCell cell) {
  SloConfig config;
  config.name = cell.diagonal() ? fmt::format("C{}", cell.accuracy_index) : cell.name();
  for (const GridRange& range : ranges) {
    Slo slo;
    slo.accuracy = range.accuracy_min + cell.accuracy_index / kSteps * (range.accuracy_max - range.accuracy_min);
    slo.latency = range.latency_max - cell.latency_index / kSteps * (range.latency_max - range.latency_min);
    config.slos.push_back(slo);
  }
  return config;
}

Result<SloConfig> named_config(const std::vector<GridRange>& ranges, std::string_view name) {
  SL_ASSIGN_OR_RETURN(const GridCell cell, parse_grid_name(name));
  SloConfig config = grid_config(ranges, cell);
  config.name = name;
  return config;
}

}  // namespace sparseloom::plan
