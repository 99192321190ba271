#include "sparseloom/sched/dispatcher.h"

#include <algorithm>

namespace sparseloom::sched {

Dispatcher::Dispatcher(std::shared_ptr<const plan::Plan> plan, soc::Pools pools, std::unique_ptr<Policy> policy)
    : policy_(std::move(policy)),
      pools_(std::move(pools)),
      busy_(pools_.of.size(), false),
      pool_(std::make_unique<std::pmr::unsynchronized_pool_resource>()),
      requests_(pool_.get()) {
  plans_.push_back({std::move(plan)});
  for (std::size_t p = 0; p < pools_.of.size(); ++p) {
    serves_.push_back({QueueId(p), QueueId(pools_.of.size() + pools_.of[p])});
  }
}

void Dispatcher::switch_plan(std::shared_ptr<const plan::Plan> plan) {
  plans_.push_back({std::move(plan)});
  for (PlanInUse& old : plans_) {  // a plan that nobody is inside of is let go at once
    if (&old != &plans_.back() && old.requests == 0) old.plan.reset();
  }
  while (plans_.front().plan == nullptr) {
    plans_.pop_front();
    ++oldest_version_;
  }
}

std::size_t Dispatcher::plans_in_use() const {
  return static_cast<std::size_t>(
      std::count_if(plans_.begin(), plans_.end(), [](const PlanInUse& p) { return p.plan != nullptr; }));
}

const plan::TaskPlan& Dispatcher::task_plan(const Admitted& admitted) const {
  return plans_.at(admitted.plan_version - oldest_version_).plan->tasks.at(admitted.request.task.index());
}

QueueId Dispatcher::queue_of(const plan::TaskPlan& plan, zoo::StageId stage) const {
  const std::size_t placed = plan.placement.at(stage.index()).index();
  return QueueId(plan.late_binding ? pools_.of.size() + pools_.of.at(placed) : placed);
}

void Dispatcher::arrive(const Request& request, Seconds now, std::vector<Dispatch>& out) {
  const auto [entry, inserted] = requests_.try_emplace(request.id, Admitted{request, plan_version()});
  if (!inserted) throw std::out_of_range(fmt::format("request {} is already in flight", request.id.index()));
  ++plans_.back().requests;
  make_ready(entry->second, zoo::StageId(0), now);
  start_idle(task_plan(entry->second).placement.at(0), now, out);
}

bool Dispatcher::finish(const Dispatch& finished, Seconds now, std::vector<Dispatch>& out) {
  busy_.at(finished.processor.index()) = false;
  const Admitted& admitted = requests_.at(finished.request);
  const std::size_t next = finished.stage.index() + 1;
  const bool last = next == task_plan(admitted).sigma.size();
  if (last) {
    leave(finished.request);
  } else {
    make_ready(admitted, zoo::StageId(next), now);
    start(task_plan(admitted).placement[next], now, out);
  }
  start_idle(finished.processor, now, out);
  return last;
}

void Dispatcher::abandon(const Dispatch& failed, Seconds now, std::vector<Dispatch>& out) {
  busy_.at(failed.processor.index()) = false;
  leave(failed.request);
  start_idle(failed.processor, now, out);
}

void Dispatcher::make_ready(const Admitted& admitted, zoo::StageId stage, Seconds now) {
  const plan::TaskPlan& chosen = task_plan(admitted);
  // The plan predicts a request's latency as a whole; each stage counts for an equal share of it.
  const double share =
      static_cast<double>(chosen.sigma.size() - stage.index()) / static_cast<double>(chosen.sigma.size());
  const Request& r = admitted.request;
  policy_->push({.request = r.id,
                 .task = r.task,
                 .stage = stage,
                 .queue = queue_of(chosen, stage),
                 .arrival = r.arrival,
                 .deadline = r.deadline,
                 .ready_since = now,
                 .remaining = chosen.latency * share});
}

/// `first` has the first pick: it holds what the event left in its caches, or is where the stage is placed.
void Dispatcher::start_idle(soc::ProcessorId first, Seconds now, std::vector<Dispatch>& out) {
  start(first, now, out);
  for (std::size_t p = 0; p < busy_.size(); ++p) start(soc::ProcessorId(p), now, out);
}

void Dispatcher::start(soc::ProcessorId processor, Seconds now, std::vector<Dispatch>& out) {
  if (busy_.at(processor.index())) return;
  const std::optional<ReadyStage> stage = policy_->next(serves_[processor.index()], now);
  if (!stage) return;
  busy_[processor.index()] = true;
  const Admitted& admitted = requests_.at(stage->request);
  out.push_back({.request = stage->request,
                 .task = stage->task,
                 .stage = stage->stage,
                 .variant = task_plan(admitted).sigma[stage->stage.index()],
                 .processor = processor,
                 .plan_version = admitted.plan_version});
}

void Dispatcher::leave(RequestId request) {
  const auto entry = requests_.find(request);
  PlanInUse& used = plans_.at(entry->second.plan_version - oldest_version_);
  requests_.erase(entry);
  if (--used.requests > 0 || &used == &plans_.back()) return;
  used.plan.reset();
  while (plans_.front().plan == nullptr) {
    plans_.pop_front();
    ++oldest_version_;
  }
}

}  // namespace sparseloom::sched
