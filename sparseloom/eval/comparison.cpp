#include "sparseloom/eval/comparison.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "sparseloom/plan/episodes.h"
#include "sparseloom/sched/standard_workloads.h"

namespace sparseloom::eval {
namespace {

// Of every task under saturation.
constexpr Seconds kSaturatedBound{1};

// One contender's part of a round.
struct Share {
  std::vector<engine::Record> episodes;
  std::vector<double> served_qps;
};

Result<Share> play_share(Host& host, const std::vector<std::vector<zoo::TaskId>>& orders, std::size_t first_episode,
                         const std::vector<plan::Slo>& slos, Seconds slice) {
  Share share{.episodes = {}, .served_qps = std::vector<double>(slos.size(), 0)};
  for (std::size_t o = 0; o < orders.size(); ++o) {
    SL_ASSIGN_OR_RETURN(auto records, host.play(sched::episode(orders[o], slos, host.processors()), slos));
    for (engine::Record& record : records) record.episode = first_episode + o;
    share.episodes.insert(share.episodes.end(), records.begin(), records.end());
  }
  if (slice > Seconds(0)) {
    SL_ASSIGN_OR_RETURN(share.served_qps, saturate(host, slos.size(), slice));
  }
  return share;
}

void add(Outcome& outcome, Share&& share, double weight) {
  outcome.episodes.insert(outcome.episodes.end(), share.episodes.begin(), share.episodes.end());
  outcome.served_qps.resize(share.served_qps.size(), 0);
  for (std::size_t t = 0; t < share.served_qps.size(); ++t) {
    outcome.served_qps[t] += weight * (share.served_qps[t] - outcome.served_qps[t]);  // the mean over rounds
  }
}

}  // namespace

double Outcome::throughput_qps() const { return std::accumulate(served_qps.begin(), served_qps.end(), 0.0); }

Result<std::vector<double>> saturate(Host& host, std::size_t tasks, Seconds duration) {
  const std::vector<plan::Slo> alike(tasks, {.accuracy = 0, .latency = kSaturatedBound});
  SL_ASSIGN_OR_RETURN(const auto records, host.play(sched::saturation(tasks, duration), alike));
  Seconds start = Seconds::max();
  for (const engine::Record& r : records) start = std::min(start, r.arrival);
  std::vector<double> served(tasks, 0);
  for (const engine::Record& r : records) {
    if (r.served() && r.finished - start <= duration) served[r.task.index()] += 1 / duration.count();
  }
  return served;
}

Result<Comparison> compare(Host& host, const std::vector<Contender>& contenders, const std::vector<plan::Slo>& slos,
                           const ComparisonOptions& options) {
  for (const Contender& contender : contenders) {
    SL_RETURN_IF_ERROR(host.prepare(*contender.plan).with_context(contender.name));
  }
  const auto orders = plan::episode_orders(slos.size());
  const Seconds slice = options.saturated / static_cast<double>(std::max<std::size_t>(options.repeats, 1));
  Comparison played{.outcomes = std::vector<Outcome>(contenders.size())};
  // Whoever comes after another one with like subgraphs finds the caches warm: every round has another order.
  std::vector<std::size_t> turns(contenders.size());
  std::iota(turns.begin(), turns.end(), std::size_t{0});
  std::mt19937_64 random(20261130);  // any fixed number

  for (; played.rounds < options.repeats; ++played.rounds) {
    std::vector<Share> round(contenders.size());
    std::shuffle(turns.begin(), turns.end(), random);
    for (std::size_t turn = 0; turn < turns.size(); ++turn) {
      const Contender& contender = contenders[turns[turn]];
      if (options.on_progress) {
        options.on_progress(static_cast<double>(played.rounds * contenders.size() + turn) /
                            static_cast<double>(options.repeats * contenders.size()));
      }
      SL_RETURN_IF_ERROR(host.adopt(contender.plan).with_context(contender.name));
      host.seek(played.rounds * orders.size());
      auto share = play_share(host, orders, played.rounds * orders.size(), slos, slice);
      if (host.stopped()) return played;
      if (!share.ok()) return share.status().with_context(contender.name);
      round[turns[turn]] = std::move(share).value();
    }
    const double weight = 1 / static_cast<double>(played.rounds + 1);
    for (std::size_t c = 0; c < contenders.size(); ++c) add(played.outcomes[c], std::move(round[c]), weight);
  }
  return played;
}

}  // namespace sparseloom::eval
