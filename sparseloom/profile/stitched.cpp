#include "sparseloom/profile/stitched.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "sparseloom/base/statistics.h"
#include "sparseloom/base/thread.h"
#include "sparseloom/profile/measure/conditions.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/profile/measure/stages.h"
#include "sparseloom/zoo/chain.h"

namespace sparseloom::profile {
namespace {

using Clock = std::chrono::steady_clock;
using Placement = std::vector<soc::ProcessorId>;

// One run of a chain under a placement, passed from worker to worker. Written by whoever holds it.
struct Relay {
  zoo::Chain* chain = nullptr;
  const Placement* placement = nullptr;
  std::size_t stage = 0;
  Clock::time_point start;
  Clock::time_point end;
  Status status;
};

// One pinned thread per place, those of a gang on its members' cores. A run starts at the processor of its first stage;
// each worker runs the stages that are its own and wakes the next one's.
class Workers {
 public:
  explicit Workers(const soc::Soc& soc) : batons_(soc.processors.places()) {
    for (std::size_t p = 0; p < soc.processors.places(); ++p) {
      threads_.emplace_back([this, p, cores = soc.processors[p].cores] { serve(p, cores); });
    }
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers() {
    stop_ = true;
    for (auto& baton : batons_) give(baton);
  }

  // Runs once and returns how long it took from the first stage's start to the last one's end.
  Result<Seconds> run(zoo::Chain& chain, const Placement& placement) {
    relay_ = {.chain = &chain, .placement = &placement, .stage = 0, .start = {}, .end = {}, .status = {}};
    give(batons_[placement.front().index()]);
    take(done_);
    if (!relay_.status.ok()) return relay_.status;
    return Seconds(relay_.end - relay_.start);
  }

 private:
  using Baton = std::atomic<int>;
  static void give(Baton& baton) {
    baton.store(1, std::memory_order_seq_cst);  // weaker, its wake may be lost (engine/mailbox.h)
    baton.notify_one();
  }
  static void take(Baton& baton) {
    baton.wait(0, std::memory_order_acquire);
    baton.store(0, std::memory_order_relaxed);
  }

  void serve(std::size_t processor, const std::vector<CpuIndex>& cores) {
    name_this_thread("placement");
    const Status pinned = pin_this_thread(cores);
    for (;;) {
      take(batons_[processor]);
      if (stop_) return;
      if (relay_.status.ok()) relay_.status = pinned;
      run_mine(processor);
    }
  }

  void run_mine(std::size_t processor) {
    Relay& relay = relay_;
    if (relay.stage == 0) relay.start = Clock::now();
    while (relay.status.ok() && relay.stage < relay.placement->size()) {
      const std::size_t wanted = (*relay.placement)[relay.stage].index();
      if (wanted != processor) return give(batons_[wanted]);
      relay.status = relay.chain->run_stage(relay.stage++);
    }
    relay.end = Clock::now();
    give(done_);
  }

  std::vector<Baton> batons_;
  Baton done_{0};
  std::atomic<bool> stop_{false};
  Relay relay_;
  std::vector<std::jthread> threads_;
};

// All placements if there are few enough, else those with at most one change of processor.
std::vector<Placement> placements_of(std::size_t processors, std::size_t stages, std::size_t most) {
  const TaskProfile enumeration(processors, stages, 0);  // processors in the place of variants
  std::vector<Placement> all;
  const bool few = enumeration.stitched() <= most;
  for (std::size_t i = 0; i < enumeration.stitched(); ++i) {
    Placement placement;
    for (const zoo::VariantId digit : enumeration.sigma_at(i)) placement.emplace_back(digit.index());
    std::size_t changes = 0;
    for (std::size_t s = 1; s < stages; ++s) changes += placement[s] == placement[s - 1] ? 0 : 1;
    if (few || changes <= 1) all.push_back(std::move(placement));
  }
  return all;
}

// The chains that placements need. Placements over interchangeable processors share one, so that differences between
// them are the processors' and the hand-over's and not those of separate memory.
class Chains {
 public:
  Chains(const soc::Soc& soc, const backend::Runtime& runtime, zoo::PieceStore& pieces, zoo::TaskId task,
         const zoo::Sigma& sigma, const PlacementOptions& options)
      : soc_(soc), runtime_(runtime), pieces_(pieces), task_(task), sigma_(sigma), options_(options) {}

  /// Whether every stage's variant is there for something that its processor offers.
  bool possible(const Placement& placement) const {
    for (std::size_t s = 0; s < placement.size(); ++s)
      if (!provider_at(s, placement[s])) return false;
    return true;
  }

  Result<zoo::Chain*> get(const Placement& placement, const zoo::Dataset& data) {
    std::vector<std::size_t> pools;
    for (const soc::ProcessorId p : placement) pools.push_back(soc_.pools().of[p.index()]);
    if (const auto found = chains_.find(pools); found != chains_.end()) return found->second.get();
    std::vector<std::shared_ptr<backend::Executable>> stages;
    for (std::size_t s = 0; s < placement.size(); ++s) {
      SL_ASSIGN_OR_RETURN(auto executable, stage(s, placement[s]));
      stages.push_back(std::move(executable));
    }
    SL_ASSIGN_OR_RETURN(zoo::Chain chain, zoo::Chain::bind(std::move(stages)));
    chain.load(data, 0);
    return (chains_[pools] = std::make_unique<zoo::Chain>(std::move(chain))).get();
  }

 private:
  // The first that the processor offers and that runs the stage's variant.
  std::optional<backend::Provider> provider_at(std::size_t s, soc::ProcessorId p) const {
    for (const backend::Provider provider : soc_.processor(p).providers)
      if (pieces_.runs(task_, sigma_[s], provider)) return provider;
    return std::nullopt;
  }

  Result<std::shared_ptr<backend::Executable>> stage(std::size_t s, soc::ProcessorId p) {
    auto& known = executables_[{s, soc_.pools().of[p.index()]}];
    if (known == nullptr) {
      SL_ASSIGN_OR_RETURN(known, load_stage(runtime_, pieces_, task_, sigma_[s], zoo::StageId(s),
                                            compile_options(soc_, p, *provider_at(s, p), options_.compile_cache)));
    }
    return known;
  }

  const soc::Soc& soc_;
  const backend::Runtime& runtime_;
  zoo::PieceStore& pieces_;
  zoo::TaskId task_;
  const zoo::Sigma& sigma_;
  const PlacementOptions& options_;
  std::map<std::pair<std::size_t, std::size_t>, std::shared_ptr<backend::Executable>> executables_;  // stage, pool
  std::map<std::vector<std::size_t>, std::unique_ptr<zoo::Chain>> chains_;
};

}  // namespace

std::pair<double, double> interval95(const Accuracy& accuracy) {
  if (accuracy.samples == 0) return {0, 1};
  return wilson95(accuracy.fraction(), static_cast<double>(accuracy.samples));
}

Result<Accuracy> run_accuracy(const zoo::Zoo& zoo, const backend::Runtime& runtime, zoo::PieceStore& pieces,
                              zoo::TaskId task, const zoo::Sigma& sigma, const zoo::Dataset& data, std::size_t samples,
                              const Control& control) {
  if (samples == 0 || samples > data.size()) {
    return error(Code::kInvalidArgument, "task '{}': {} samples; 1 to {} are allowed", zoo.task(task).name, samples,
                 data.size());
  }
  std::vector<std::shared_ptr<backend::Executable>> stages;
  for (std::size_t s = 0; s < sigma.size(); ++s) {
    SL_ASSIGN_OR_RETURN(auto executable, load_stage(runtime, pieces, task, sigma[s], zoo::StageId(s), {}));
    stages.push_back(std::move(executable));
  }
  SL_ASSIGN_OR_RETURN(zoo::Chain chain, zoo::Chain::bind(std::move(stages)));
  Accuracy accuracy;
  for (std::size_t n = 0; n < samples; ++n) {
    if (control.stopped()) return Status(Code::kCancelled, "stopped");
    chain.load(data, n);
    SL_RETURN_IF_ERROR(chain.run());
    const zoo::Score score = data.score(n, chain.output(0));
    accuracy.correct += score.correct;
    accuracy.samples += score.of;
  }
  return accuracy;
}

Result<std::vector<PlacementLatency>> measure_placements(const soc::Soc& soc, const backend::Runtime& runtime,
                                                         zoo::PieceStore& pieces, zoo::TaskId task,
                                                         const zoo::Sigma& sigma, const zoo::Dataset& data,
                                                         const PlacementOptions& options) {
  auto placements = placements_of(soc.processors.places(), sigma.size(), options.most_placements);
  Chains chains(soc, runtime, pieces, task, sigma, options);
  std::erase_if(placements, [&](const Placement& placement) { return !chains.possible(placement); });
  if (placements.empty()) {
    return Status(Code::kFailedPrecondition, "stitched variant: no processor offers what runs each of its stages");
  }
  std::vector<zoo::Chain*> chain_of;
  for (const Placement& placement : placements) {
    SL_ASSIGN_OR_RETURN(zoo::Chain * chain, chains.get(placement, data));
    chain_of.push_back(chain);
  }
  SL_ASSIGN_OR_RETURN(const MachineLock lock, MachineLock::acquire(options.lock, options.control));
  std::vector<CpuIndex> cores;
  for (const soc::Processor& p : soc.processors) cores.insert(cores.end(), p.cores.begin(), p.cores.end());
  ConditionsWatch watch(cores);
  Workers workers(soc);
  std::vector<std::vector<Seconds>> runs(placements.size());
  watch.begin();
  for (int round = -2; round < options.rounds; ++round) {  // the first two warm up
    for (std::size_t i = 0; i < placements.size(); ++i) {
      if (options.control.stopped()) return Status(Code::kCancelled, "stopped");
      SL_ASSIGN_OR_RETURN(const Seconds took, workers.run(*chain_of[i], placements[i]));
      if (round >= 0) runs[i].push_back(took);
    }
  }
  watch.end();
  std::vector<PlacementLatency> measured;
  for (std::size_t i = 0; i < placements.size(); ++i) {
    measured.push_back({placements[i], summarize(std::move(runs[i]))});
    measured.back().latency.conditions = watch.conditions();
  }
  return measured;
}

}  // namespace sparseloom::profile
