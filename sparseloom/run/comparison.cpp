#include "sparseloom/run/comparison.h"

#include <algorithm>

namespace sparseloom::run {
namespace {

void append(std::vector<Record>& all, const std::vector<Record>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

Result<std::vector<Outcome>> compare(Player& player, const std::vector<Contender>& contenders,
                                     const std::vector<plan::Slo>& slos, const ComparisonOptions& options) {
  for (const Contender& contender : contenders) {
    SL_RETURN_IF_ERROR(player.engine().prepare(*contender.plan).with_context(contender.name));
  }
  const auto orders = all_orders(slos.size());
  const Seconds slice = options.saturated / static_cast<double>(std::max<std::size_t>(options.repeats, 1));
  std::vector<Outcome> outcomes(contenders.size());
  std::vector<std::size_t> saturated_requests(contenders.size());
  std::vector<Seconds> saturated_time(contenders.size(), Seconds(0));

  for (std::size_t repeat = 0; repeat < options.repeats; ++repeat) {
    for (std::size_t c = 0; c < contenders.size(); ++c) {
      if (player.stopped()) return outcomes;
      if (options.on_progress) {
        options.on_progress(static_cast<double>(repeat * contenders.size() + c) /
                            static_cast<double>(options.repeats * contenders.size()));
      }
      SL_RETURN_IF_ERROR(player.engine().switch_plan(contenders[c].plan).with_context(contenders[c].name));
      player.seek(repeat * orders.size());
      for (const auto& order : orders) append(outcomes[c].episodes, player.play_episode(order, slos));
      if (slice <= Seconds(0)) continue;
      saturated_requests[c] += player.play_saturated(slice, slos).size();
      saturated_time[c] += slice;
      outcomes[c].throughput_qps = static_cast<double>(saturated_requests[c]) / saturated_time[c].count();
    }
  }
  return outcomes;
}

}  // namespace sparseloom::run
