#include "sparseloom/sched/dispatcher.h"

#include <algorithm>
#include <stdexcept>

namespace sparseloom::sched {

Dispatcher::Dispatcher(std::shared_ptr<const plan::Plan> plan, soc::Pools pools, std::unique_ptr<Policy> policy)
    : policy_(std::move(policy)),
      pools_(std::move(pools)),
      in_(pools_.processors()),
      busy_(pools_.processors(), false),
      ends_(pools_.processors()) {
  plans_.push_back(in_use(std::move(plan)));
  for (std::size_t p = 0; p < pools_.places(); ++p) {
    serves_.push_back({QueueId(p), QueueId(pools_.places() + pools_.of[p])});
    const soc::ProcessorId place(p);
    if (pools_.is_gang(place)) pools_.each_taken(place, [&](soc::ProcessorId m) { in_[m.index()].push_back(place); });
  }
  for (std::size_t q = 0; q < queue_count(pools_); ++q) all_queues_.emplace_back(q);
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
  return QueueId(plan.pooled ? pools_.places() + pools_.of.at(placed) : placed);
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
  start_idle(std::nullopt, plan.placement.at(0), now, out);
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
  set_free(finished.processor);
  Admitted& admitted = admitted_.at(finished.slot);
  if (sparsity && policy_->knowledge() == Knowledge::kMonitored) {
    admitted.gamma_sum += admitted.outlook->gamma_term(finished.stage.index(), *sparsity);
    ++admitted.gamma_terms;
  }
  const std::size_t next = finished.stage.index() + 1;
  const bool last = next == admitted.plan->sigma.size();
  std::optional<soc::ProcessorId> placed;
  if (last) {
    leave(finished.slot);
  } else {
    placed = admitted.plan->placement[next];
    admitted.stage = zoo::StageId(next);
    make_ready(finished.slot, now);
  }
  start_idle(placed, finished.processor, now, out);
  return last;
}

void Dispatcher::abandon(const Dispatch& failed, Seconds now, std::vector<Dispatch>& out) {
  set_free(failed.processor);
  leave(failed.slot);
  start_idle(std::nullopt, failed.processor, now, out);
}

void Dispatcher::make_ready(SlotIndex slot, Seconds last_run) {
  const Admitted& admitted = admitted_[slot];
  const Request& r = admitted.request;
  ++waiting_;
  gangs_waiting_ += on_gang(admitted) ? 1 : 0;
  policy_->push({.slot = slot,
                 .queue = queue_of(*admitted.plan, admitted.stage),
                 .request = r.id,
                 .task = r.task,
                 .stage = admitted.stage,
                 .arrival = r.arrival,
                 .deadline = r.deadline,
                 .last_run = last_run,
                 .next = admitted.next(),
                 .remaining = admitted.gamma() * admitted.times->remaining[admitted.stage.index()],
                 .isolated = admitted.times->remaining.front(),
                 .priority = r.priority});
}

/// `first`, then `second` have the first pick: where the next stage is placed, and who holds what the event left in its
/// caches.
void Dispatcher::start_idle(std::optional<soc::ProcessorId> first, soc::ProcessorId second, Seconds now,
                            std::vector<Dispatch>& out) {
  if (gangs_waiting_ > 0) return start_with_gangs(first, second, now, out);
  if (first) start_own(*first, now, out);
  start_own(second, now, out);
  for (std::size_t p = 0; p < busy_.size(); ++p) start_own(soc::ProcessorId(p), now, out);
}

void Dispatcher::start_own(soc::ProcessorId processor, Seconds now, std::vector<Dispatch>& out) {
  if (waiting_ == 0 || !is_free(processor)) return;
  const std::optional<SlotIndex> slot = policy_->next(serves_[processor.index()], moment(now));
  if (slot) run(*slot, processor, now, out);
}

/// Whatever starts may change whose stage is the most urgent, so after each the question is asked anew.
void Dispatcher::start_with_gangs(std::optional<soc::ProcessorId> first, soc::ProcessorId second, Seconds now,
                                  std::vector<Dispatch>& out) {
  for (bool started = true; started;) {
    started = false;
    const std::optional<SlotIndex> urgent = policy_->peek(all_queues_, moment(now));
    if (!urgent) return;
    std::optional<Reservation> reserved;
    if (on_gang(admitted_[*urgent])) {
      reserved = first_gang_for(admitted_[*urgent], now);
      if (is_free(reserved->gang)) {
        policy_->next(all_queues_, moment(now));
        run(*urgent, reserved->gang, now, out);
        started = true;
        continue;
      }
    }
    const auto try_on = [&](soc::ProcessorId place) {
      pools_.each_taken(place, [&](soc::ProcessorId p) { started = started || start_beside(p, reserved, now, out); });
    };
    if (first) try_on(*first);
    try_on(second);
    for (std::size_t p = 0; p < busy_.size() && !started; ++p) try_on(soc::ProcessorId(p));
  }
}

/// Starts the most urgent of what the processor may run, alone or with the other members of a gang, if it does not get
/// into the way of the reservation. Whether it did.
bool Dispatcher::start_beside(soc::ProcessorId processor, const std::optional<Reservation>& reserved, Seconds now,
                              std::vector<Dispatch>& out) {
  if (!is_free(processor)) return false;
  offered_.clear();
  offer(processor);
  const std::optional<SlotIndex> slot = policy_->peek(offered_, moment(now));
  if (!slot) return false;
  const Admitted& admitted = admitted_[*slot];
  soc::ProcessorId place = processor;
  if (on_gang(admitted)) {  // the free gang of it that is in the stage's queue; if several are, the smallest
    const QueueId queue = queue_of(*admitted.plan, admitted.stage);
    const auto& gangs = in_[processor.index()];
    place = *std::find_if(gangs.begin(), gangs.end(), [&](soc::ProcessorId gang) {
      const auto& queues = serves_[gang.index()];
      return is_free(gang) && std::find(queues.begin(), queues.end(), queue) != queues.end();
    });
    // It takes processors that others may want more: they come first.
    wanted_.swap(offered_);
    offered_.clear();
    pools_.each_taken(place, [this](soc::ProcessorId member) { offer(member); });
    wanted_.swap(offered_);
    if (policy_->peek(wanted_, moment(now)) != slot) return false;
  }
  const bool in_the_way = reserved && pools_.overlap(place, reserved->gang) &&
                          now + plan::kReservationSlack * admitted.next() > reserved->start;
  if (in_the_way) return false;
  policy_->next(offered_, moment(now));
  run(*slot, place, now, out);
  return true;
}

/// Adds the queues that the processor serves, alone or in gangs that are free, to offered_; none twice.
void Dispatcher::offer(soc::ProcessorId processor) {
  const auto add = [this](soc::ProcessorId place) {
    for (const QueueId queue : serves_[place.index()]) {
      if (std::find(offered_.begin(), offered_.end(), queue) == offered_.end()) offered_.push_back(queue);
    }
  };
  add(processor);
  for (const soc::ProcessorId gang : in_[processor.index()]) {
    if (is_free(gang)) add(gang);
  }
}

void Dispatcher::run(SlotIndex slot, soc::ProcessorId place, Seconds now, std::vector<Dispatch>& out) {
  const Admitted& admitted = admitted_[slot];
  --waiting_;
  ++running_;
  gangs_waiting_ -= on_gang(admitted) ? 1 : 0;
  const Seconds end = now + admitted.next();
  pools_.each_taken(place, [&](soc::ProcessorId p) {
    busy_[p.index()] = true;
    ends_[p.index()] = end;
  });
  Dispatch& dispatch = out.emplace_back();  // filled in place: a copy of what has just been written stalls
  dispatch.request = admitted.request.id;
  dispatch.task = admitted.request.task;
  dispatch.stage = admitted.stage;
  dispatch.variant = admitted.plan->sigma[admitted.stage.index()];
  dispatch.processor = place;
  dispatch.plan_version = admitted.plan_version;
  dispatch.slot = slot;
}

void Dispatcher::set_free(soc::ProcessorId place) {
  --running_;
  pools_.each_taken(place, [&](soc::ProcessorId p) { busy_.at(p.index()) = false; });
}

bool Dispatcher::is_free(soc::ProcessorId place) const {
  bool free = true;
  pools_.each_taken(place, [&](soc::ProcessorId p) { free = free && !busy_.at(p.index()); });
  return free;
}

bool Dispatcher::on_gang(const Admitted& admitted) const {
  return pools_.is_gang(admitted.plan->placement[admitted.stage.index()]);
}

/// The gang that can start the stage first, and when: of its placed one's pool if it is left to that. Of equals the
/// placed one.
Dispatcher::Reservation Dispatcher::first_gang_for(const Admitted& admitted, Seconds now) const {
  const auto start_on = [&](soc::ProcessorId gang) {
    Seconds start = now;
    pools_.each_taken(gang, [&](soc::ProcessorId p) {
      if (busy_[p.index()]) start = std::max(start, ends_[p.index()]);
    });
    return Reservation{gang, start};
  };
  Reservation best = start_on(admitted.plan->placement[admitted.stage.index()]);
  if (!admitted.plan->pooled) return best;
  for (const soc::ProcessorId gang : pools_.pool(best.gang)) {
    const Reservation other = start_on(gang);
    const bool better = is_free(gang) != is_free(best.gang) ? is_free(gang) : other.start < best.start;
    if (better) best = other;
  }
  return best;
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
