#include <cstring>

#include "sparseloom/base/brief.h"
#include "sparseloom/engine/engine_impl.h"

namespace sparseloom::engine {
namespace {

constexpr std::size_t kAlignment = 64;
// A caller's buffer is bound as it is from this size on; below, copying it costs less than making the runtime look at a
// new address.
constexpr std::size_t kBindBytes = 65'536;

bool bind_directly(std::span<const std::byte> data) {
  return data.size() >= kBindBytes && reinterpret_cast<std::uintptr_t>(data.data()) % kAlignment == 0;
}

}  // namespace

void Engine::Impl::work(soc::ProcessorId place) {
  Worker& self = *workers_[place.index()];
  std::optional<sched::Dispatch> next;
  for (bool handed_over = true; next || (next = self.mailbox.take()); handed_over = !next) {
    const sched::Dispatch dispatch = *next;
    const Seconds start = now();
    const Status status = run_stage(dispatch);
    const Seconds end = now();
    self.busy.store(self.busy.load(std::memory_order_relaxed) + (end - start), std::memory_order_relaxed);
    if (options_.trace != nullptr) record(dispatch, start, end);
    if (options_.drift != nullptr && status.ok()) {
      // On a core that others use too, a worker also waits to be woken up.
      options_.drift->observe(place, end - (handed_over ? self.dispatched : start), estimate_of(dispatch).latency);
    }
    if (status.ok()) self.failures = 0;
    if (!status.ok() && status.code() != Code::kCancelled && ++self.failures == EngineOptions::kFailing &&
        options_.on_failing) {
      options_.on_failing(place, status);
    }
    if (soc_.pools().is_gang(place)) rest_members(place, false);
    next = after_stage(dispatch, status, end, status.ok() ? monitor(dispatch) : std::nullopt);
  }
}

Status Engine::Impl::run_stage(const sched::Dispatch& dispatch) {
  const Slot& slot = slot_of(dispatch.request);
  if (slot.cancelled.load(std::memory_order_relaxed)) return {Code::kCancelled, kCancelled};
  backend::Session& session = *slot.plan->stages[dispatch.task.index()][dispatch.stage.index()]->by_slot[slot.index];
  Status status = dispatch.stage.index() == 0 ? bind_inputs(slot, session) : Status();
  if (status.ok()) status = session.run();
  return status.ok() ? status : status.with_context(describe(dispatch));
}

// "image/int8 stage 1 on cpu0".
std::string Engine::Impl::describe(const sched::Dispatch& dispatch) {
  const ActivePlan& active = *slot_of(dispatch.request).plan;
  const zoo::Task& task = active.zoo->task(dispatch.task);
  const zoo::Sigma& sigma = active.plan->tasks[dispatch.task.index()].sigma;
  return fmt::format("{}/{} stage {} on {}", task.name, task.variants[sigma[dispatch.stage.index()].index()].name,
                     dispatch.stage.index(), soc_.processor(dispatch.processor).name);
}

Status Engine::Impl::bind_inputs(const Slot& slot, backend::Session& session) {
  for (std::size_t k = 0; k < slot.inputs.size(); ++k) {
    const std::span<const std::byte> data = slot.inputs[k];
    if (bind_directly(data)) {
      SL_RETURN_IF_ERROR(session.bind_input(k, data));
      continue;
    }
    HostBuffer& buffer = activator_.input(slot.request.task, slot.index, k);
    std::memcpy(buffer.data(), data.data(), data.size());
    SL_RETURN_IF_ERROR(session.bind_input(k, buffer.span()));
  }
  return {};
}

void Engine::Impl::record(const sched::Dispatch& dispatch, Seconds start, Seconds end) {
  sched::Span span{dispatch, start, end};
  span.dispatch.request = slot_of(dispatch.request).request.id;
  options_.trace->record(span);
}

// The sparsity monitor of Sparse-DySta (arXiv 2310.11096): what it sees in one stage corrects what is expected of the
// next, so the last needs no look. Nor does a stage that usually hands on no zeros, or of which the profile says
// nothing: it corrects nothing; and what stays in a device's memory cannot be looked at. The worker looks before it
// reports the stage finished, as the next one may overwrite the buffers.
std::optional<double> Engine::Impl::monitor(const sched::Dispatch& done) {
  if (!monitored_) return std::nullopt;
  const Slot& slot = slot_of(done.request);
  if (is_last(done)) return std::nullopt;
  if (slot.plan->stages[done.task.index()][done.stage.index()]->ends.output_on_device) return std::nullopt;
  const bool usually_dense = estimate_of(done).sparsity == 0;
  return usually_dense ? 0 : activator_.sparsity(done.task, slot.index, done.stage);
}

std::optional<sched::Dispatch> Engine::Impl::after_stage(const sched::Dispatch& done, const Status& status, Seconds now,
                                                         std::optional<double> sparsity) {
  Dispatches& out = workers_[done.processor.index()]->out;
  bool deliver_too = false;
  {
    const auto lock = lock_briefly(mutex_);
    Slot& slot = slot_of(done.request);
    const bool dropped = status.ok() && slot.cancelled && !is_last(done);
    bool last = true;
    if (status.ok() && !dropped) {
      last = dispatcher_->finish(done, now, out, sparsity);
    } else {
      dispatcher_->abandon(done, now, out);
    }
    if (last) {
      slot.finished = now;
      slot.status = dropped ? Status(Code::kCancelled, kCancelled) : status;
      slot.completed = true;
      to_deliver_.push_back(slot_index(done.request));
    }
    deliver_too = !(to_deliver_.empty() && dropped_.empty()) && !std::exchange(delivering_, true);
  }
  std::optional<sched::Dispatch> next;
  hand_out(out, done.processor, next);  // the others start before anybody is called back
  if (deliver_too) deliver(out, done.processor, next);
  return next;
}

}  // namespace sparseloom::engine
