#include "sparseloom/profile/measure/contention.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <numeric>
#include <optional>
#include <random>
#include <thread>

#include "sparseloom/base/statistics.h"
#include "sparseloom/base/thread.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/profile/measure/stage_sessions.h"

namespace sparseloom::profile {
namespace {

constexpr std::size_t kScatterPoints = 257;
// How long processors idle between two runs of a stage; more than the last hardly makes a difference any more.
constexpr std::array kIdle{from_ms(1), from_ms(3), from_ms(10), from_ms(30), from_ms(100), from_ms(300)};

using Stage = Contention::Stage;

Stage on(soc::ProcessorId processor, Stage stage) {
  stage.processor = processor;
  return stage;
}

// All tasks' dense variants on one processor.
class Lane {
 public:
  static Result<Lane> make(const zoo::Zoo& zoo, const std::vector<StageTable>& tables) {
    Lane lane;
    for (std::size_t t = 0; t < tables.size(); ++t) {
      const zoo::Task& task = zoo.tasks[t];
      SL_ASSIGN_OR_RETURN(const zoo::Dataset data, zoo::Dataset::load(zoo, task, task.profile));
      SL_ASSIGN_OR_RETURN(StageSessions sessions, StageSessions::bind(tables[t]));
      sessions.load(data, 0);
      for (std::size_t s = 0; s < task.stages(); ++s) SL_RETURN_IF_ERROR(sessions.run(s, 0));
      lane.tasks_.push_back(std::move(sessions));
    }
    return lane;
  }
  Status run(const Stage& stage) { return tasks_[stage.task.index()].run(stage.stage.index(), 0); }

 private:
  std::vector<StageSessions> tasks_;
};

// A thread that runs one stage over and over on its cores, or nothing.
class BusyNeighbour {
 public:
  BusyNeighbour(Lane& lane, const std::vector<Stage>& stages, std::vector<CpuIndex> cores)
      : thread_([this, &lane, &stages, cores = std::move(cores)] {
          static_cast<void>(pin_this_thread(cores));
          for (int now = 0; (now = wanted_.load()) != kOver;) {
            if (now != kIdle && failure_.ok()) failure_ = lane.run(stages[static_cast<std::size_t>(now)]);
            running_ = now;
            running_.notify_all();
            if (now == kIdle || !failure_.ok()) wanted_.wait(now);
          }
        }) {}
  ~BusyNeighbour() { set(kOver); }
  BusyNeighbour(const BusyNeighbour&) = delete;
  BusyNeighbour& operator=(const BusyNeighbour&) = delete;

  // From the return on, that stage runs (once it has: it is warm).
  void run(std::size_t stage) { become(static_cast<int>(stage)); }
  void idle() { become(kIdle); }
  // To be asked when idle.
  const Status& failure() const { return failure_; }

 private:
  static constexpr int kIdle = -1, kOver = -2;
  void set(int wanted) {
    wanted_ = wanted;
    wanted_.notify_all();
  }
  void become(int wanted) {
    set(wanted);
    for (int now = running_; now != wanted; now = running_) running_.wait(now);
  }

  std::atomic<int> wanted_{kIdle}, running_{kIdle};
  Status failure_;  // the thread's, until it is idle
  std::jthread thread_;
};

class ContentionMeasurement {
 public:
  ContentionMeasurement(const zoo::Zoo& zoo, const soc::Soc& soc, const ContentionOptions& options)
      : zoo_(zoo), options_(options), pools_(soc.pools()), soc_(soc), result_(zoo, soc) {
    for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
      for (std::size_t s = 0; s < zoo.tasks[t].stages(); ++s) stages_.push_back({zoo::TaskId(t), zoo::StageId(s), {}});
    }
  }

  Result<Contention> run(const backend::Runtime& runtime, zoo::PieceStore& pieces) {
    std::vector<std::vector<StageTable>> tables;
    for (const auto& pool : pools_.members) {
      auto& of_pool = tables.emplace_back();
      const auto compile =
          compile_options(soc_, pool.front(), soc_.processor(pool.front()).providers.front(), options_.compile_cache);
      for (std::size_t t = 0; t < zoo_.tasks.size(); ++t) {
        auto& table = of_pool.emplace_back(1);
        for (std::size_t s = 0; s < zoo_.tasks[t].stages(); ++s) {
          auto executable = load_stage(runtime, pieces, zoo::TaskId(t), zoo::VariantId(0), zoo::StageId(s), compile);
          const bool needed = &pool == &pools_.members.front();
          if (!executable.ok() && needed) return executable.status();
          if (executable.ok()) table.front().push_back(std::move(executable).value());
        }
      }
      // A device that cannot run all of it slows nothing and is slowed by nothing, as far as is known.
      for (std::size_t t = 0; t < of_pool.size(); ++t) {
        if (of_pool[t].front().size() == zoo_.tasks[t].stages()) continue;
        of_pool.clear();
      }
    }
    for (std::size_t a = 0; a < pools_.members.size(); ++a) {
      for (std::size_t b = 0; b < pools_.members.size(); ++b) {
        if (tables[a].empty() || tables[b].empty()) continue;
        if (const auto both = apart(a, b)) SL_RETURN_IF_ERROR(measure(a, b, *both, tables));
      }
      if (!tables[a].empty()) SL_RETURN_IF_ERROR(measure_cold_penalties(a, tables[a]));
    }
    result_.set_variability(variability_points());
    return std::move(result_);
  }

 private:
  // Quantiles of the factors, evenly spaced, over their mean: chance makes some runs longer and others shorter. What
  // all take more is no chance, and under steady load they do not.
  std::vector<double> variability_points() {
    std::sort(variability_.begin(), variability_.end(),
              [](const Scattered& a, const Scattered& b) { return a.factor < b.factor; });
    double all = 0, below = 0, run = 0;
    for (const Scattered& one : variability_) {
      all += one.weight;
      run += one.weight * one.factor;
    }
    std::vector<double> points;
    for (const Scattered& one : variability_) {
      below += one.weight;
      while (points.size() + 1 < kScatterPoints &&
             below > all * static_cast<double>(points.size()) / (kScatterPoints - 1)) {
        points.push_back(one.factor * all / run);
      }
    }
    if (!variability_.empty()) points.push_back(variability_.back().factor * all / run);
    return points;
  }

  // Members of the pools that can run at the same time, if there are any.
  std::optional<std::pair<soc::ProcessorId, soc::ProcessorId>> apart(std::size_t a, std::size_t b) const {
    for (const soc::ProcessorId here : pools_.members[a]) {
      for (const soc::ProcessorId there : pools_.members[b]) {
        if (!pools_.overlap(here, there)) return std::pair(here, there);
      }
    }
    return std::nullopt;
  }

  // What stages on a member of pool `a` take beside those on one of pool `b`.
  Status measure(std::size_t a, std::size_t b, const std::pair<soc::ProcessorId, soc::ProcessorId>& both,
                 const std::vector<std::vector<StageTable>>& tables) {
    const auto [here, there] = both;
    SL_ASSIGN_OR_RETURN(Lane lane, Lane::make(zoo_, tables[a]));
    SL_ASSIGN_OR_RETURN(Lane other, Lane::make(zoo_, tables[b]));
    const std::size_t count = stages_.size();
    // [neighbour][stage]; the last neighbour is nobody.
    std::vector<std::vector<std::vector<double>>> runs(count + 1, std::vector<std::vector<double>>(count));
    Status status;
    BusyNeighbour neighbour(other, stages_, soc_.processor(there).cores);
    std::jthread([&] { status = time_beside(lane, soc_.processor(here).cores, neighbour, runs); }).join();
    neighbour.idle();
    SL_RETURN_IF_ERROR(status);
    SL_RETURN_IF_ERROR(neighbour.failure());
    for (std::size_t i = 0; i < count; ++i) {
      const double alone = quartiles(runs[count][i]).median;
      for (std::size_t n = 0; n < count; ++n) {
        if (a == b && i == n) continue;  // one subgraph for both: they take turns
        const double beside = quartiles(runs[n][i]).median;
        if (alone <= 0 || beside <= 0) continue;  // too quick for the clock
        for (const double run : runs[n][i]) variability_.push_back({.factor = run / beside, .weight = beside});
        keep(a, b, i, n, beside / alone);
      }
    }
    return {};
  }

  Status time_beside(Lane& lane, const std::vector<CpuIndex>& cores, BusyNeighbour& neighbour,
                     std::vector<std::vector<std::vector<double>>>& runs) {
    SL_RETURN_IF_ERROR(pin_this_thread(cores));
    std::vector<std::size_t> neighbours(runs.size()), order(stages_.size());
    for (std::size_t i = 0; i < neighbours.size(); ++i) neighbours[i] = i;
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::mt19937_64 random(1);
    for (int round = 0; round < options_.rounds; ++round) {
      std::shuffle(neighbours.begin(), neighbours.end(), random);
      for (const std::size_t n : neighbours) {
        if (options_.control.stopped()) return {Code::kCancelled, "stopped"};
        n < stages_.size() ? neighbour.run(n) : neighbour.idle();
        std::shuffle(order.begin(), order.end(), random);
        for (const std::size_t i : order) {
          SL_ASSIGN_OR_RETURN(const Seconds run, time(lane, i));
          runs[n][i].push_back(run.count());
        }
      }
    }
    return {};
  }

  // What stages take after idling, on a processor of a pool, and at once again. One task after the other: what they
  // take from each other's caches is no matter of idling.
  Status measure_cold_penalties(std::size_t pool, const std::vector<StageTable>& tables) {
    SL_ASSIGN_OR_RETURN(Lane lane, Lane::make(zoo_, tables));
    std::vector<IdleRuns> runs(stages_.size());
    Status status;
    const auto& cores = soc_.processor(pools_.members[pool].front()).cores;
    std::jthread([&] { status = time_idling(lane, cores, runs); }).join();
    SL_RETURN_IF_ERROR(status);
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      const double again = quartiles(runs[i].again).median;
      std::vector<Contention::ColdPenalty> points;
      for (std::size_t k = 0; k < kIdle.size(); ++k) {
        const double extra = quartiles(runs[i].after[k]).median - again;
        points.push_back({kIdle[k], Seconds(std::max(extra, points.empty() ? 0.0 : points.back().extra.count()))});
      }
      for (const soc::ProcessorId p : pools_.members[pool]) {
        result_.set_cold_penalties(on(p, stages_[i]), points);
      }
    }
    return {};
  }

  struct IdleRuns {
    std::array<std::vector<double>, kIdle.size()> after;
    std::vector<double> again;
  };

  Status time_idling(Lane& lane, const std::vector<CpuIndex>& cores, std::vector<IdleRuns>& runs) {
    SL_RETURN_IF_ERROR(pin_this_thread(cores));
    std::array<std::size_t, kIdle.size()> points{};
    std::iota(points.begin(), points.end(), std::size_t{0});
    std::mt19937_64 random(1);
    for (int round = 0; round < options_.idle_rounds; ++round) {
      for (std::size_t t = 0; t < zoo_.tasks.size(); ++t) {
        std::shuffle(points.begin(), points.end(), random);
        for (const std::size_t k : points) {
          if (options_.control.stopped()) return {Code::kCancelled, "stopped"};
          sleep(kIdle[k]);
          for (const bool again : {false, true}) {
            for (std::size_t i = 0; i < stages_.size(); ++i) {
              if (stages_[i].task.index() != t) continue;
              SL_ASSIGN_OR_RETURN(const Seconds run, time(lane, i));
              (again ? runs[i].again : runs[i].after[k]).push_back(run.count());
            }
          }
        }
      }
    }
    return {};
  }

  // What one run of the stage takes.
  Result<Seconds> time(Lane& lane, std::size_t stage) const {
    const Seconds start = now();
    SL_RETURN_IF_ERROR(lane.run(stages_[stage]));
    return now() - start;
  }

  Seconds now() const {
    return options_.clock ? options_.clock() : Seconds(std::chrono::steady_clock::now().time_since_epoch());
  }
  void sleep(Seconds time) const { options_.sleep ? options_.sleep(time) : std::this_thread::sleep_for(time); }

  // For all members of the pools.
  void keep(std::size_t a, std::size_t b, std::size_t stage, std::size_t neighbour, double slowdown) {
    for (const soc::ProcessorId p : pools_.members[a]) {
      for (const soc::ProcessorId q : pools_.members[b]) {
        if (pools_.overlap(p, q)) continue;
        result_.set_slowdown(on(p, stages_[stage]), on(q, stages_[neighbour]), slowdown);
      }
    }
  }

  const zoo::Zoo& zoo_;
  const ContentionOptions& options_;
  const soc::Pools& pools_;
  const soc::Soc& soc_;
  std::vector<Stage> stages_;  // of all tasks in a row
  struct Scattered {
    double factor = 1;  // a run's time over the median
    double weight = 0;  // the median: a hitch of 0.1 ms says more of a short stage than it means for a long one
  };
  std::vector<Scattered> variability_;
  Contention result_;
};

}  // namespace

Result<Contention> measure_contention(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                                      zoo::PieceStore& pieces, const ContentionOptions& options) {
  return ContentionMeasurement(zoo, soc, options).run(runtime, pieces);
}

}  // namespace sparseloom::profile
