#include "sparseloom/profile/measure/check.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "sparseloom/profile/change_latencies.h"
#include "sparseloom/profile/measure/fill_boundaries.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/profile/measure/rounds.h"
#include "sparseloom/profile/measure/stages.h"

namespace sparseloom::profile {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kLeastCheckRounds = 3;

// A subgraph by a provider that the profile knows on every processor of a pool.
struct Checkable {
  soc::SubgraphKey subgraph;  // on the first of them
  Seconds round;              // what a round of it takes: once to warm up and once timed, on every processor
};

std::vector<Checkable> checkable_on(const soc::Soc& soc, const Profile& profile,
                                    const std::vector<soc::ProcessorId>& pool) {
  std::vector<Checkable> all;
  for (std::size_t t = 0; t < profile.tasks.size(); ++t) {
    const TaskProfile& task = profile.tasks[t];
    for (std::size_t v = 0; v < task.variants(); ++v) {
      for (std::size_t s = 0; s < task.stages(); ++s) {
        for (const backend::Provider b : soc.processor(pool.front()).providers) {
          Checkable one{{zoo::TaskId(t), zoo::VariantId(v), zoo::StageId(s), pool.front(), b}, Seconds(0)};
          const bool known = std::all_of(pool.begin(), pool.end(), [&](soc::ProcessorId p) {
            const Latency& latency = task.latency(zoo::VariantId(v), zoo::StageId(s), p, b);
            one.round += 2 * latency.median;
            return latency.count > 0;
          });
          if (known) all.push_back(one);
        }
      }
    }
  }
  return all;
}

// Takes tasks in turn and of each what is least like those taken before: the same every time.
std::vector<Checkable> choose(std::vector<Checkable> from, std::size_t tasks, std::size_t count, Seconds budget) {
  std::vector<Checkable> chosen;
  const auto likeness = [&](const Checkable& one) {
    std::size_t like = 0;
    for (const Checkable& other : chosen) {
      like += other.subgraph.provider == one.subgraph.provider ? 1 : 0;
      like += other.subgraph.stage == one.subgraph.stage ? 1 : 0;
      like += other.subgraph.variant == one.subgraph.variant ? 1 : 0;
    }
    return like;
  };
  for (std::size_t turn = 0; chosen.size() < count && !from.empty(); ++turn) {
    auto best = from.end();
    for (auto one = from.begin(); one != from.end(); ++one) {
      if (one->subgraph.task.index() != turn % tasks) continue;
      if (best == from.end() || likeness(*one) < likeness(*best)) best = one;
    }
    if (best == from.end()) continue;
    if (const Seconds rounds = best->round * kLeastCheckRounds; chosen.empty() || rounds <= budget) {
      chosen.push_back(*best);
      budget -= rounds;
    }
    from.erase(best);
  }
  return chosen;
}

class Check {
 public:
  Check(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime, zoo::PieceStore& pieces,
        const Profile& profile, const CheckOptions& options)
      : zoo_(zoo), soc_(soc), runtime_(runtime), pieces_(pieces), profile_(profile), options_(options) {}

  Result<ProfileCheck> run() {
    std::vector<std::vector<soc::ProcessorId>> pools = soc_.pools().members;
    pools.resize(soc_.pools().of_processors());
    const std::size_t per_pool = std::max<std::size_t>(1, options_.subgraphs / pools.size());
    const Seconds half = options_.budget / static_cast<double>(2 * pools.size());  // to load a pool's; to run them
    for (const auto& pool : pools) {
      SL_RETURN_IF_ERROR(
          run_on(pool, choose(checkable_on(soc_, profile_, pool), zoo_.tasks.size(), per_pool, half), half));
    }
    if (result_.latencies.empty()) return error(Code::kFailedPrecondition, "profile: holds no latency to be checked");
    summarize_ratios();
    return std::move(result_);
  }

 private:
  struct Loaded {
    std::shared_ptr<backend::Executable> executable;
    std::unique_ptr<backend::Session> session;
  };

  Status run_on(const std::vector<soc::ProcessorId>& pool, const std::vector<Checkable>& chosen, Seconds half) {
    const auto start = Clock::now();
    std::vector<Loaded> loaded;
    std::vector<backend::Session*> sessions;
    for (const Checkable& one : chosen) {
      if (options_.control.stopped()) return {Code::kCancelled, "stopped"};
      if (!loaded.empty() && Clock::now() - start > half) break;
      SL_ASSIGN_OR_RETURN(Loaded subgraph, load(one.subgraph));
      sessions.push_back(subgraph.session.get());
      loaded.push_back(std::move(subgraph));
    }
    if (loaded.empty()) return {};
    const RoundOptions rounds{.least_rounds = kLeastCheckRounds,
                              .budget = half,
                              .together = sessions.size(),
                              .files = options_.files,
                              .control = options_.control,
                              .after_round = {}};
    SL_ASSIGN_OR_RETURN(const TimedRounds timed, time_rounds(sessions, soc_, pool, rounds));
    for (std::size_t i = 0; i < timed.size(); ++i) {
      soc::SubgraphKey subgraph = chosen[i].subgraph;
      for (std::size_t p = 0; p < pool.size(); ++p) {
        subgraph.processor = pool[p];
        const Latency& stored = profile_.task(subgraph.task)
                                    .latency(subgraph.variant, subgraph.stage, subgraph.processor, subgraph.provider);
        result_.latencies.push_back({subgraph, stored.median, timed[i][p]});
      }
    }
    result_.subgraphs += timed.size();
    return {};
  }

  Result<Loaded> load(const soc::SubgraphKey& subgraph) {
    const zoo::TaskId task = subgraph.task;
    if (!boundaries_.contains(task)) {
      SL_ASSIGN_OR_RETURN(zoo::Boundaries filled,
                          fill_boundaries(zoo_, runtime_, pieces_, task, options_.compile_cache));
      boundaries_.emplace(task, std::move(filled));
    }
    Loaded loaded;
    SL_ASSIGN_OR_RETURN(loaded.executable, load_stage(runtime_, pieces_, task, subgraph.variant, subgraph.stage,
                                                      compile_options(soc_, subgraph.processor, subgraph.provider,
                                                                      options_.compile_cache)));
    zoo::Boundaries& boundaries = boundaries_.at(task);
    const std::size_t stage = subgraph.stage.index();
    const zoo::StageEnds ends = measured_ends(*loaded.executable, stage, boundaries.stages());
    SL_ASSIGN_OR_RETURN(loaded.session, boundaries.bind(*loaded.executable, stage, ends));
    if (ends.input_on_device) SL_RETURN_IF_ERROR(boundaries.upload(*loaded.executable, stage));
    return loaded;
  }

  void summarize_ratios() {
    std::vector<double> all;
    std::vector<std::vector<double>> by_processor(soc_.processors.size());
    for (const CheckedLatency& latency : result_.latencies) {
      all.push_back(latency.ratio());
      by_processor[latency.subgraph.processor.index()].push_back(latency.ratio());
    }
    result_.overall = quartiles(std::move(all));
    for (std::vector<double>& ratios : by_processor) {
      result_.processors.push_back(ratios.empty() ? result_.overall : quartiles(std::move(ratios)));
    }
    for (const auto& members : soc_.pools().gangs)
      result_.processors.push_back(result_.processors[members.front().index()]);
  }

  const zoo::Zoo& zoo_;
  const soc::Soc& soc_;
  const backend::Runtime& runtime_;
  zoo::PieceStore& pieces_;
  const Profile& profile_;
  const CheckOptions& options_;
  std::map<zoo::TaskId, zoo::Boundaries> boundaries_;
  ProfileCheck result_;
};

}  // namespace

std::vector<double> ProfileCheck::slowdowns() const {
  std::vector<double> medians;
  for (const Quartiles<double>& ratio : processors) medians.push_back(ratio.median);
  return medians;
}

bool ProfileCheck::fits() const {
  return std::all_of(processors.begin(), processors.end(),
                     [](const Quartiles<double>& ratio) { return ratio.median <= kFits && ratio.median >= 1 / kFits; });
}

Result<ProfileCheck> check_profile(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                                   zoo::PieceStore& pieces, const Profile& profile, const CheckOptions& options) {
  SL_ASSIGN_OR_RETURN(const MachineLock lock, MachineLock::acquire(options.lock, options.control));
  return Check(zoo, soc, runtime, pieces, profile, options).run();
}

Profile corrected(const Profile& profile, const ProfileCheck& check) { return slowed(profile, check.slowdowns()); }

}  // namespace sparseloom::profile
