#include "sparseloom/plan/slo.h"

#include <algorithm>
#include <utility>

#include "sparseloom/plan/costs.h"

namespace sparseloom::plan {

namespace {

constexpr double kSteps = 9;  // indices 0..8 of steps of a ninth: the strictest bound stays one step inside the range
constexpr int kMaxIndex = 8;

bool is_digit_in(char c, char lowest) { return c >= lowest && c <= '0' + kMaxIndex; }

}  // namespace

SloConfig grid_config(const std::vector<GridRange>& ranges, int accuracy_index, int latency_index) {
  SloConfig config;
  config.name = accuracy_index == latency_index && accuracy_index > 0
                    ? fmt::format("C{}", accuracy_index)
                    : fmt::format("a{}l{}", accuracy_index, latency_index);
  for (const GridRange& range : ranges) {
    Slo slo;
    slo.accuracy = range.accuracy_min + accuracy_index / kSteps * (range.accuracy_max - range.accuracy_min);
    slo.latency = range.latency_max - latency_index / kSteps * (range.latency_max - range.latency_min);
    config.slos.push_back(slo);
  }
  return config;
}

Result<std::vector<GridRange>> grid_ranges(const zoo::Zoo& zoo, const soc::Soc& soc, const profile::Profile& profile) {
  SL_ASSIGN_OR_RETURN(const std::vector<TaskCosts> all, read_costs(zoo, soc, profile));
  std::vector<GridRange> ranges;
  for (std::size_t t = 0; t < all.size(); ++t) {
    const TaskCosts& costs = all[t];
    GridRange range;
    for (std::size_t v = 0; v < costs.variants(); ++v) {
      const zoo::Sigma sigma = original(v, costs.stages());
      SL_ASSIGN_OR_RETURN(const double accuracy, read_accuracy(zoo, profile, zoo::TaskId(t), sigma));
      const Seconds latency(costs.latency(sigma, costs.best_placement(sigma)));
      const bool first = v == 0;
      range.accuracy_min = first ? accuracy : std::min(range.accuracy_min, accuracy);
      range.accuracy_max = first ? accuracy : std::max(range.accuracy_max, accuracy);
      range.latency_min = first ? latency : std::min(range.latency_min, latency);
      range.latency_max = first ? latency : std::max(range.latency_max, latency);
    }
    ranges.push_back(range);
  }
  return ranges;
}

Result<std::pair<int, int>> parse_grid_name(std::string_view name) {
  if (name.size() == 2 && name[0] == 'C' && is_digit_in(name[1], '1')) {
    return std::pair(name[1] - '0', name[1] - '0');
  }
  if (name.size() == 4 && name[0] == 'a' && name[2] == 'l' && is_digit_in(name[1], '0') && is_digit_in(name[3], '0')) {
    return std::pair(name[1] - '0', name[3] - '0');
  }
  return error(Code::kInvalidArgument,
               "SLO configuration '{}': allowed are C1 to C8, or a<J>l<K> with accuracy index J and latency index K "
               "in 0..8 (a5l3)",
               name);
}

}  // namespace sparseloom::plan
