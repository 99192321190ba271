#include "sparseloom/run/comparison.h"

#include <algorithm>

#include "sparseloom/plan/predict.h"

namespace sparseloom::run {
namespace {

void append(std::vector<Record>& all, const std::vector<Record>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

// One contender's part of a round.
struct Share {
  std::vector<Record> episodes;
  std::size_t saturated_requests = 0;
};

Share play_share(Player& player, const std::vector<std::vector<zoo::TaskId>>& orders,
                 const std::vector<plan::Slo>& slos, Seconds slice) {
  Share share;
  for (const auto& order : orders) append(share.episodes, player.play_episode(order, slos));
  if (slice > Seconds(0)) {
    const auto records = player.play_saturated(slice, slos);
    const auto served = std::count_if(records.begin(), records.end(), [](const Record& r) { return r.served(); });
    share.saturated_requests = static_cast<std::size_t>(served);
  }
  return share;
}

}  // namespace

Result<Comparison> compare(Player& player, const std::vector<Contender>& contenders, const std::vector<plan::Slo>& slos,
                           const ComparisonOptions& options) {
  for (const Contender& contender : contenders) {
    SL_RETURN_IF_ERROR(player.engine().prepare(*contender.plan).with_context(contender.name));
  }
  const auto orders = plan::episode_orders(slos.size());
  const Seconds slice = options.saturated / static_cast<double>(std::max<std::size_t>(options.repeats, 1));
  Comparison played{.outcomes = std::vector<Outcome>(contenders.size())};
  std::vector<std::size_t> saturated_requests(contenders.size());

  for (; played.rounds < options.repeats; ++played.rounds) {
    std::vector<Share> round;
    for (const Contender& contender : contenders) {
      if (options.on_progress) {
        options.on_progress(static_cast<double>(played.rounds * contenders.size() + round.size()) /
                            static_cast<double>(options.repeats * contenders.size()));
      }
      SL_RETURN_IF_ERROR(player.engine().switch_plan(contender.plan).with_context(contender.name));
      player.seek(played.rounds * orders.size());
      round.push_back(play_share(player, orders, slos, slice));
      if (player.stopped()) return played;
    }
    for (std::size_t c = 0; c < contenders.size(); ++c) {
      append(played.outcomes[c].episodes, round[c].episodes);
      saturated_requests[c] += round[c].saturated_requests;
      if (slice <= Seconds(0)) continue;
      const Seconds saturated = slice * static_cast<double>(played.rounds + 1);
      played.outcomes[c].throughput_qps = static_cast<double>(saturated_requests[c]) / saturated.count();
    }
  }
  return played;
}

}  // namespace sparseloom::run
