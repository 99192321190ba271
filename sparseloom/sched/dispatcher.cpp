#include "sparseloom/sched/dispatcher.h"

#include <algorithm>
#include <stdexcept>

namespace sparseloom::sched {

Dispatcher::Dispatcher(std::shared_ptr<const plan::Plan> plan, soc::Pools pools, std::unique_ptr<Policy> policy)
    : policy_(std::move(policy)), pools_(std::move(pools)), busy_(pools_.of.size(), false) {
  plans_.push_back(in_use(std::move(plan)));
  for (std::size_t p = 0; p < pools_.of.size(); ++p) {
    serves_.push_back({QueueId(p), QueueId(pools_.of.size() + pools_.of[p])});
  }
}

Dispatcher::PlanInUse Dispatcher::in_use(std::shared_ptr<const plan::Plan> plan) {
  PlanInUse used{std::move(plan), {}};
  for (const plan::TaskPlan& task : used.plan->tasks) {
    auto& outlook = used.outlooks.emplace_back();
    if (!task.sigma.empty()) outlook.emplace(task);
  }
  return used;
}

void Dispatcher::switch_plan(std::shared_ptr<const plan::Plan> plan) {
  plans_.push_back(in_use(std::move(plan)));
  for (PlanInUse& old : plans_) {  // a plan that nobody is inside of is let go at once
    if (&old != &plans_.back() && old.requests == 0) old = {};
  }
  drop_old_plans();
}

std::size_t Dispatcher::plans_in_use() const {
  return static_cast<std::size_t>(
      std::count_if(plans_.begin(), plans_.end(), [](const PlanInUse& p) { return p.plan != nullptr; }));
}

QueueId Dispatcher::queue_of(const plan::TaskPlan& plan, zoo::StageId stage) const {
  const std::size_t placed = plan.placement.at(stage.index()).index();
  return QueueId(plan.pooled ? pools_.of.size() + pools_.of.at(placed) : placed);
}

SlotIndex Dispatcher::arrive(const Request& request, Seconds now, std::vector<Dispatch>& out, const StageTimes* truth) {
  PlanInUse& active = plans_.back();
  const plan::TaskPlan& plan = active.plan->tasks.at(request.task.index());
  const Outlook& outlook = active.outlooks.at(request.task.index()).value();
  const bool oracle = policy_->knowledge() == Knowledge::kTruth;
  const StageTimes* times = oracle ? truth : &outlook.times(policy_->knowledge());
  if (times == nullptr) throw std::out_of_range("an oracle's request without its truth");
  const SlotIndex slot = free_slot();
  admitted_[slot] = {
      .request = request, .plan_version = plan_version(), .plan = &plan, .outlook = &outlook, .times = times};
  ++active.requests;
  make_ready(slot, now);
  start_idle(plan.placement.at(0), now, out);
  return slot;
}

SlotIndex Dispatcher::free_slot() {
  if (free_.empty()) {
    free_.push_back(static_cast<SlotIndex>(admitted_.size()));
    admitted_.emplace_back();
    free_.reserve(admitted_.capacity());
  }
  const SlotIndex slot = free_.back();
  free_.pop_back();
  return slot;
}

bool Dispatcher::finish(const Dispatch& finished, Seconds now, std::vector<Dispatch>& out,
                        std::optional<double> sparsity) {
  busy_.at(finished.processor.index()) = false;
  Admitted& admitted = admitted_.at(finished.slot);
  if (sparsity && policy_->knowledge() == Knowledge::kMonitored) {
    admitted.gamma_sum += admitted.outlook->gamma_term(finished.stage.index(), *sparsity);
    ++admitted.gamma_terms;
  }
  const std::size_t next = finished.stage.index() + 1;
  const bool last = next == admitted.plan->sigma.size();
  if (last) {
    leave(finished.slot);
  } else {
    const soc::ProcessorId placed = admitted.plan->placement[next];
    admitted.stage = zoo::StageId(next);
    make_ready(finished.slot, now);
    start(placed, now, out);
  }
  start_idle(finished.processor, now, out);
  return last;
}

void Dispatcher::abandon(const Dispatch& failed, Seconds now, std::vector<Dispatch>& out) {
  busy_.at(failed.processor.index()) = false;
  leave(failed.slot);
  start_idle(failed.processor, now, out);
}

void Dispatcher::make_ready(SlotIndex slot, Seconds last_run) {
  const Admitted& admitted = admitted_[slot];
  const Request& r = admitted.request;
  const double gamma = admitted.gamma();
  ++waiting_;
  policy_->push({.slot = slot,
                 .queue = queue_of(*admitted.plan, admitted.stage),
                 .request = r.id,
                 .task = r.task,
                 .stage = admitted.stage,
                 .arrival = r.arrival,
                 .deadline = r.deadline,
                 .last_run = last_run,
                 .next = gamma * admitted.times->next[admitted.stage.index()],
                 .remaining = gamma * admitted.times->remaining[admitted.stage.index()],
                 .isolated = admitted.times->remaining.front(),
                 .priority = r.priority});
}

/// `first` has the first pick: it holds what the event left in its caches, or is where the stage is placed.
void Dispatcher::start_idle(soc::ProcessorId first, Seconds now, std::vector<Dispatch>& out) {
  start(first, now, out);
  for (std::size_t p = 0; p < busy_.size(); ++p) start(soc::ProcessorId(p), now, out);
}

void Dispatcher::start(soc::ProcessorId processor, Seconds now, std::vector<Dispatch>& out) {
  if (busy_.at(processor.index()) || waiting_ == 0) return;
  const std::optional<SlotIndex> slot = policy_->next(serves_[processor.index()], {now, in_flight()});
  if (!slot) return;
  --waiting_;
  busy_[processor.index()] = true;
  const Admitted& admitted = admitted_[*slot];
  Dispatch& dispatch = out.emplace_back();  // filled in place: a copy of what has just been written stalls
  dispatch.request = admitted.request.id;
  dispatch.task = admitted.request.task;
  dispatch.stage = admitted.stage;
  dispatch.variant = admitted.plan->sigma[admitted.stage.index()];
  dispatch.processor = processor;
  dispatch.plan_version = admitted.plan_version;
  dispatch.slot = *slot;
}

void Dispatcher::leave(SlotIndex slot) {
  PlanInUse& used = plans_.at(admitted_[slot].plan_version - oldest_version_);
  free_.push_back(slot);
  if (--used.requests > 0 || &used == &plans_.back()) return;
  used = {};
  drop_old_plans();
}

void Dispatcher::drop_old_plans() {
  while (plans_.front().plan == nullptr) {
    plans_.pop_front();
    ++oldest_version_;
  }
}

}  // namespace sparseloom::sched
