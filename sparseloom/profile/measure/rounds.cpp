#include "sparseloom/profile/measure/rounds.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "sparseloom/base/restore_cores.h"
#include "sparseloom/base/thread.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/profile/measure/warm_groups.h"

namespace sparseloom::profile {

Result<TimedRounds> time_rounds(const std::vector<backend::Session*>& sessions, const soc::Soc& soc,
                                const std::vector<soc::ProcessorId>& pool, const RoundOptions& options) {
  std::vector<std::vector<std::vector<Seconds>>> runs(sessions.size(), std::vector<std::vector<Seconds>>(pool.size()));
  std::vector<ConditionsWatch> watches;
  for (const soc::ProcessorId p : pool) watches.emplace_back(soc.processor(p).cores, options.files);
  std::vector<std::size_t> order(sessions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937_64 random(options.seed);
  const RestoreCores restore;
  const auto start = std::chrono::steady_clock::now();
  const auto run = [&](std::size_t i) -> Status {
    return options.control.stopped() ? Status(Code::kCancelled, "stopped") : sessions[i]->run();
  };
  for (int round = 0; round < options.rounds; ++round) {
    if (round >= options.least_rounds && std::chrono::steady_clock::now() - start > options.budget) break;
    std::shuffle(order.begin(), order.end(), random);
    for (std::size_t p = 0; p < pool.size(); ++p) {
      SL_RETURN_IF_ERROR(pin_this_thread(soc.processor(pool[p]).cores));
      watches[p].begin();
      SL_RETURN_IF_ERROR(time_in_warm_groups(order, options.together, run,
                                             [&](std::size_t i, Seconds time) { runs[i][p].push_back(time); }));
      watches[p].end();
    }
    if (options.after_round) options.after_round();
  }
  TimedRounds timed(sessions.size());
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    for (std::size_t p = 0; p < pool.size(); ++p) {
      timed[i].push_back(summarize(std::move(runs[i][p])));
      timed[i].back().conditions = watches[p].conditions();
    }
  }
  return timed;
}

}  // namespace sparseloom::profile
