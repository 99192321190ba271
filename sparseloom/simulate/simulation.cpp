#include "sparseloom/simulate/simulation.h"

namespace sparseloom::simulate {

Result<Simulation> Simulation::make(std::shared_ptr<const plan::Plan> plan, soc::Pools pools,
                                    std::unique_ptr<sched::Policy> policy, Admission admission, World& world,
                                    Observer& observer) {
  if (admission == Admission::kBenchmark && pools.places() != 1) {
    return error(Code::kInvalidArgument, "admission 'benchmark' with {} processors; it is defined for one",
                 pools.places());
  }
  Simulation simulation(admission, world, observer);
  simulation.plan_ = plan;
  simulation.running_.resize(pools.places());
  simulation.dispatcher_ = std::make_unique<sched::Dispatcher>(std::move(plan), std::move(pools), std::move(policy));
  return simulation;
}

Simulation::Running* Simulation::first_to_end() {
  Running* first = nullptr;
  for (Running& r : running_) {
    if (r.busy && (first == nullptr || r.end < first->end)) first = &r;
  }
  return first;
}

bool Simulation::is_last(const sched::Dispatch& dispatch) const {
  return dispatch.stage.index() + 1 == plan_->tasks[dispatch.task.index()].sigma.size();
}

void Simulation::arrive(const Query& query) {
  advance(query.request.arrival);
  admit(query, query.request.arrival);
}

void Simulation::advance(Seconds to) {
  while (Running* const next = first_to_end()) {
    const bool first = next->end <= to || (admission_ == Admission::kBenchmark && dispatcher_->in_flight() == 1 &&
                                           is_last(next->dispatch));
    if (!first) break;
    end(*next);
  }
}

void Simulation::admit(const Query& query, Seconds now) {
  const sched::SlotIndex slot = dispatcher_->arrive(query.request, now, out_, query.truth);
  if (slot >= inside_.size()) {
    inside_.resize(slot + std::size_t{1});
    last_end_.resize(inside_.size());
  }
  inside_[slot] = query;
  start(now);
}

void Simulation::finish() {
  while (Running* const next = first_to_end()) end(*next);
}

bool Simulation::finish_some(std::size_t stages) {
  for (; stages > 0; --stages) {
    Running* const next = first_to_end();
    if (next == nullptr) return false;
    end(*next);
  }
  return first_to_end() != nullptr;
}

void Simulation::end(Running& r) {
  r.busy = false;
  const Seconds now = r.end;
  const Query query = inside_[r.dispatch.slot];  // copied: another may take its place
  const bool waited = r.dispatch.stage.index() > 0 && last_end_[r.dispatch.slot] < r.start;
  last_end_[r.dispatch.slot] = now;
  observer_.ran(query.request, r.dispatch, r.start, now, waited);
  const bool last = is_last(r.dispatch);
  dispatcher_->finish(r.dispatch, now, out_, r.sparsity);
  start(now);
  if (last) observer_.finished(query, now);
}

void Simulation::start(Seconds now) {
  for (const sched::Dispatch& dispatch : out_) {
    const StageRun run = world_.run(inside_[dispatch.slot], dispatch, now);
    Running& running = running_[dispatch.processor.index()];
    running.busy = true;
    running.start = now;
    running.end = now + run.time;
    running.sparsity = run.sparsity;
    running.dispatch = dispatch;
  }
  out_.clear();
}

}  // namespace sparseloom::simulate
