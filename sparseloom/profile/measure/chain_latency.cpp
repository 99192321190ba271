#include "sparseloom/profile/measure/chain_latency.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <thread>

#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/profile/measure/stage_sessions.h"
#include "sparseloom/profile/measure/warm_groups.h"

namespace sparseloom::profile {
namespace {

using StageOf = std::pair<std::size_t, zoo::VariantId>;

// What is timed: a chain's stages, or one stage.
struct TimedStages {
  std::vector<StageOf> stages;
  std::vector<Seconds> runs;
};

Status run_rounds(StageSessions& sessions, const zoo::Dataset& data, std::vector<TimedStages>& subjects,
                  const ChainLatencyOptions& options) {
  SL_RETURN_IF_ERROR(pin_this_thread(options.cores));
  std::vector<std::size_t> order(subjects.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::mt19937_64 random(1);
  sessions.load(data, 0);
  const auto run = [&](std::size_t i) -> Status {
    if (options.control.stopped()) return {Code::kCancelled, "stopped"};
    for (const auto& [s, v] : subjects[i].stages) SL_RETURN_IF_ERROR(sessions.run(s, v.index()));
    return {};
  };
  const auto keep = [&](std::size_t i, Seconds time) { subjects[i].runs.push_back(time); };
  for (int round = 0; round < options.rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    SL_RETURN_IF_ERROR(time_in_warm_groups(order, options.together, run, keep));
  }
  return {};
}

}  // namespace

Result<std::vector<ChainLatency>> measure_chains(const StageTable& stages, const zoo::Dataset& data,
                                                 const std::vector<zoo::Sigma>& sigmas,
                                                 const ChainLatencyOptions& options) {
  SL_ASSIGN_OR_RETURN(StageSessions sessions, StageSessions::bind(stages));
  std::vector<TimedStages> subjects;
  std::map<StageOf, std::size_t> alone;
  for (const zoo::Sigma& sigma : sigmas) {
    TimedStages& chain = subjects.emplace_back();
    for (std::size_t s = 0; s < sigma.size(); ++s) chain.stages.emplace_back(s, sigma[s]);
  }
  for (std::size_t k = 0; k < sigmas.size(); ++k) {
    for (std::size_t s = 0; s < sigmas[k].size(); ++s) {
      const StageOf stage(s, sigmas[k][s]);
      if (alone.emplace(stage, subjects.size()).second) subjects.push_back({{stage}, {}});
    }
  }
  Status status;
  std::jthread([&] { status = run_rounds(sessions, data, subjects, options); }).join();
  SL_RETURN_IF_ERROR(status);
  std::vector<Seconds> median;
  for (TimedStages& subject : subjects) median.push_back(summarize(std::move(subject.runs)).median);
  std::vector<ChainLatency> measured;
  for (std::size_t k = 0; k < sigmas.size(); ++k) {
    ChainLatency& one = measured.emplace_back();
    one.sigma = sigmas[k];
    one.chain = median[k];
    for (std::size_t s = 0; s < sigmas[k].size(); ++s) one.stages += median[alone.at({s, sigmas[k][s]})];
  }
  return measured;
}

}  // namespace sparseloom::profile
