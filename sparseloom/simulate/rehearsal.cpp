#include "sparseloom/simulate/rehearsal.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <random>

#include "sparseloom/base/uniform.h"
#include "sparseloom/sched/admission.h"
#include "sparseloom/sched/closed_loops.h"

namespace sparseloom::simulate {
namespace {

using Kind = sched::Arrivals::Kind;

constexpr Seconds kForever{std::numeric_limits<double>::infinity()};

/// Times that a task's stages take: what its plan estimates.
sched::StageTimes planned_times(const plan::TaskPlan& plan) {
  std::vector<Seconds> times;
  for (const plan::StageEstimate& estimate : plan.estimates) times.push_back(estimate.latency);
  return sched::stage_times(std::move(times));
}

/// The player, the engine's admission queue and the models' stages, all made up.
class Host final : public World, public Observer {
 public:
  explicit Host(const RehearsalInput& input)
      : in_(input),
        contention_known_(input.contention != nullptr && input.contention->known()),
        meter_(input.pools),
        running_(input.pools.places()),
        works_for_(input.pools.places()),
        processors_(input.pools.members.size()),
        busy_(input.pools.members.size()),
        admission_(input.plan->tasks.size(), input.slots_per_task),
        random_(input.seed) {
    for (const plan::TaskPlan& task : in_.plan->tasks) {
      Task& made = tasks_.emplace_back(in_.pools);
      made.times = planned_times(task);
      made.last_run.resize(task.sigma.size());
    }
    for (std::size_t p = 0; p < in_.pools.places(); ++p) {
      const soc::ProcessorId place(p);
      in_.pools.each_taken(place, [&](soc::ProcessorId) { ++processors_[in_.pools.of[p]]; });
      for (std::size_t q = 0; q < in_.pools.places(); ++q) add_work(place, soc::ProcessorId(q));
    }
  }

  Status check() const {
    if (in_.slots_per_task == 0) return error(Code::kInvalidArgument, "slots per task: got 0; allowed: at least 1");
    for (const sched::Arrivals& entry : in_.workload.arrivals) {
      if (tasks_[entry.task.index()].times.remaining.front() > Seconds(0)) continue;
      return error(Code::kFailedPrecondition, "plan '{}': task {} is estimated to take no time", in_.plan->planner,
                   entry.task.index());
    }
    return {};
  }

  Result<Rehearsal> play(std::unique_ptr<sched::Policy> policy) {
    SL_ASSIGN_OR_RETURN(Simulation simulation,
                        Simulation::make(in_.plan, in_.pools, std::move(policy), Admission::kStandard, *this, *this));
    simulation_ = &simulation;
    const std::vector<sched::Arrival> first = sched::first_arrivals(in_.workload);
    loops_ = sched::ClosedLoops(in_.workload, first, Seconds(0));
    for (const sched::Arrival& arrival : first) {
      simulation.advance(arrival.at);
      if (stopped()) break;
      send(arrival.entry, arrival.at, arrival.at);
    }
    simulation.finish();
    if (stopped()) return error(Code::kCancelled, "stopped after {} requests", sent_);
    Rehearsal result{meter_.metrics(), {}};
    for (const Task& task : tasks_) result.tasks.push_back(task.meter.metrics());
    return result;
  }

  StageRun run(const Query& query, const sched::Dispatch& dispatch, Seconds now) override {
    const Seconds planned = query.truth->next[dispatch.stage.index()];
    return {contention_known_ ? beside_others(planned, query.request.task, dispatch, now) : planned, {}};
  }

  void ran(const sched::Request& request, const sched::Dispatch& dispatch, Seconds start, Seconds end,
           bool waited) override {
    const std::size_t pool = in_.pools.of[dispatch.processor.index()];
    running_[dispatch.processor.index()].reset();
    for (const std::size_t q : works_for_[dispatch.processor.index()]) busy_[q] += end - start;
    tasks_[request.task.index()].last_run[dispatch.stage.index()] = LastRun{end, busy_until(pool, end)};
    meter_.ran(request, dispatch, start, end, waited);
    tasks_[request.task.index()].meter.ran(request, dispatch, start, end, waited);
    if (in_.observer != nullptr) in_.observer->ran(request, dispatch, start, end, waited);
  }

  // In the engine's order: the caller hears of it and may send another request, then the slot is free.
  void finished(const Query& query, Seconds at) override {
    const zoo::TaskId task = query.request.task;
    meter_.finished(query, at);
    tasks_[task.index()].meter.finished(query, at);
    if (in_.observer != nullptr) in_.observer->finished(query, at);
    follow_up(query.sample, at);
    constexpr std::size_t kAnySlot = 0;  // nothing is kept by slot here
    if (const auto next = admission_.leave(task, kAnySlot)) enter(*next, at);
  }

 private:
  struct Waiting {
    std::size_t entry = 0;
    Seconds arrival{0};
  };
  struct LastRun {
    Seconds end{0};
    Seconds busy{0};  // time that the pool's processors together had run stages by then
  };
  struct Task {
    explicit Task(const soc::Pools& pools) : meter(pools) {}
    Meter meter;
    sched::StageTimes times;
    std::vector<std::optional<LastRun>> last_run;  // by stage
  };

  // Notes that a stage on `place` keeps processors busy that `other` consists of: once for each.
  void add_work(soc::ProcessorId place, soc::ProcessorId other) {
    const std::size_t pool = in_.pools.of[other.index()];
    in_.pools.each_taken(place, [&](soc::ProcessorId p) {
      in_.pools.each_taken(other, [&](soc::ProcessorId q) {
        if (p == q) works_for_[place.index()].push_back(pool);
      });
    });
  }

  // What a stage takes that starts now and would take `planned` by itself.
  Seconds beside_others(Seconds planned, zoo::TaskId task, const sched::Dispatch& dispatch, Seconds now) {
    const profile::Contention::Stage stage{task, dispatch.stage, dispatch.processor};
    const std::size_t pool = in_.pools.of[dispatch.processor.index()];
    double slowdown = in_.contention->variability(uniform(random_));
    Seconds turn{0};  // until the members of a pool that run the same subgraph, of which there is one, are done with it
    for (const auto& neighbour : running_) {
      if (!neighbour) continue;
      slowdown *= in_.contention->slowdown(stage, neighbour->stage);
      const bool same = neighbour->stage.task == stage.task && neighbour->stage.stage == stage.stage &&
                        in_.pools.of[neighbour->stage.processor.index()] == pool;
      if (same) turn = std::max(turn, neighbour->end - now);
    }
    const Seconds idle = idle_since(task, dispatch.stage, pool, now);
    const Seconds time = turn + planned * slowdown + in_.contention->cold_penalty(stage, idle);
    running_[dispatch.processor.index()] = Running{stage, now, now + time};
    return time;
  }

  // How long the processors of the stage's pool have had nothing to do since it ran last, on average over them.
  Seconds idle_since(zoo::TaskId task, zoo::StageId stage, std::size_t pool, Seconds now) const {
    const auto& last = tasks_[task.index()].last_run[stage.index()];
    if (!last) return kForever;
    return now - last->end - (busy_until(pool, now) - last->busy) / processors_[pool];
  }

  // Time that the pool's processors together have run stages, those included that are at it.
  Seconds busy_until(std::size_t pool, Seconds now) const {
    Seconds busy = busy_[pool];
    for (std::size_t p = 0; p < running_.size(); ++p) {
      if (!running_[p]) continue;
      for (const std::size_t q : works_for_[p]) busy += q == pool ? now - running_[p]->start : Seconds(0);
    }
    return busy;
  }

  bool stopped() const { return in_.stop != nullptr && in_.stop->load(std::memory_order_relaxed); }

  void follow_up(std::size_t entry, Seconds now) {
    if (stopped()) loops_.stop();
    if (loops_.completed(entry, now)) send(entry, now, now);
  }

  void send(std::size_t entry, Seconds arrival, Seconds now) {
    const zoo::TaskId task = in_.workload.arrivals[entry].task;
    Waiting request{entry, arrival};
    if (admission_.arrive(task, arrival + in_.slos[task.index()].latency, request)) enter(request, now);
  }

  void enter(const Waiting& waiting, Seconds now) {
    const sched::Arrivals& entry = in_.workload.arrivals[waiting.entry];
    Task& task = tasks_[entry.task.index()];
    simulation_->admit(
        {.request = {.id = sched::RequestId(sent_++),
                     .task = entry.task,
                     .arrival = waiting.arrival,
                     .deadline = waiting.arrival + in_.slos[entry.task.index()].latency,
                     .priority = entry.priority},
         .sample = waiting.entry,  // whose next request its end may bring; a stage takes the same for all
         .truth = &task.times},
        now);
  }

  const RehearsalInput& in_;
  const bool contention_known_;
  Meter meter_;
  std::vector<Task> tasks_;
  sched::ClosedLoops loops_;
  struct Running {
    profile::Contention::Stage stage;
    Seconds start{0}, end{0};
  };
  std::vector<std::optional<Running>> running_;      // by place
  std::vector<std::vector<std::size_t>> works_for_;  // by place: the pools whose processors it keeps busy
  std::vector<double> processors_;                   // by pool: how many it consists of
  std::vector<Seconds> busy_;                        // by pool: what its processors have run to the end
  sched::AdmissionQueue<Waiting> admission_;
  std::mt19937_64 random_;
  std::size_t sent_ = 0;
  Simulation* simulation_ = nullptr;
};

}  // namespace

Result<Rehearsal> rehearse(const RehearsalInput& input, std::string_view policy) {
  SL_ASSIGN_OR_RETURN(auto made, sched::make_policy(policy, sched::Dispatcher::queue_count(input.pools)));
  Host host(input);
  SL_RETURN_IF_ERROR(host.check());
  return host.play(std::move(made));
}

}  // namespace sparseloom::simulate
