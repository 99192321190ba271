#include "sparseloom/base/brief.h"
#include "sparseloom/engine/engine_impl.h"

namespace sparseloom::engine {

// One thread at a time, until there is nothing left to deliver or, being a worker, it has a stage to run: whoever
// finishes a stage next then takes over.
void Engine::Impl::deliver(Dispatches& out, std::optional<soc::ProcessorId> self,
                           std::optional<sched::Dispatch>& next) {
  auto lock = lock_briefly(mutex_);
  bool delivered = false;
  // Who is no worker leaves the rest to one as soon as a stage runs that will end.
  const auto enough = [&] { return delivered && (next || (!self && dispatcher_->running() > 0)); };
  while (!(to_deliver_.empty() && dropped_.empty()) && !enough()) {
    delivered = true;
    batch_.swap(to_deliver_);
    std::vector<Waiting> dropped = std::exchange(dropped_, {});
    for (const Waiting& request : dropped) {
      lock.unlock();
      call_back(request);
      lock = lock_briefly(mutex_);
      --pending_;
      if (ending_) ++cancelled_;
    }
    for (const std::size_t slot : batch_) {
      lock.unlock();
      call_back(slots_[slot]);
      lock = lock_briefly(mutex_);
      leave(slot, out);
      hand_out(out, self, next);
    }
    batch_.clear();
  }
  delivering_ = false;
  if (pending_ == 0) idle_.notify_all();
}

// By a thread that is no worker.
void Engine::Impl::deliver_now() {
  {
    const std::lock_guard lock(mutex_);
    if (dropped_.empty() || std::exchange(delivering_, true)) return;
  }
  Dispatches out;
  std::optional<sched::Dispatch> none;
  deliver(out, std::nullopt, none);
}

void Engine::Impl::call_back(const Slot& slot) {
  if (!on_complete_) return;
  const zoo::TaskId task = slot.request.task;
  Completion completion{.request = slot.request,
                        .finished = slot.finished,
                        .status = slot.status,
                        .plan_version = slot.plan_version,
                        .plan = &slot.plan->plan->tasks[task.index()],
                        .tensors = {},
                        .outputs = {}};
  if (slot.status.ok()) {
    completion.tensors = activator_.output_tensors(task);
    completion.outputs = activator_.outputs(task, slot.index);
  }
  on_complete_(completion);
}

void Engine::Impl::call_back(const Waiting& dropped) {
  if (!on_complete_) return;
  on_complete_({.request = dropped.request,
                .finished = now(),
                .status = Status(Code::kCancelled, kCancelled),
                .plan_version = 0,
                .plan = nullptr,
                .tensors = {},
                .outputs = {}});
}

void Engine::Impl::leave(std::size_t slot_index, Dispatches& out) {
  Slot& slot = slots_[slot_index];
  if (slot.plan != active_) idle_.notify_all();
  slot.plan.reset();
  --pending_;
  if (ending_ && slot.status.code() == Code::kCancelled) ++cancelled_;
  if (auto next = admission_->leave(slot.request.task, slot_index)) {
    admit(slot_index, next->request, std::move(next->inputs), out);
  }
}

}  // namespace sparseloom::engine
