// Private to the engine: what it is made of. Its members are in engine.cpp (requests and plans come and go),
// engine_worker.cpp (stages run) and engine_delivery.cpp (completions are handed over).
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "sparseloom/engine/activation.h"
#include "sparseloom/engine/engine.h"
#include "sparseloom/engine/mailbox.h"
#include "sparseloom/sched/admission.h"
#include "sparseloom/sched/dispatcher.h"

namespace sparseloom::engine {

/// Why a request has no outputs that was cancelled.
inline constexpr const char* kCancelled = "the request was cancelled";

class Engine::Impl {
 public:
  Impl(const zoo::Zoo& zoo, const soc::Soc& soc, Residency& residency, EngineOptions options, OnComplete on_complete)
      : soc_(soc),
        options_(std::move(options)),
        on_complete_(std::move(on_complete)),
        capacity_(std::max(zoo.tasks.size(), options_.task_capacity)),
        activator_(zoo, soc, residency, capacity_, options_.slots_per_task),
        zoo_(&zoo) {}
  ~Impl();

  Status start(std::shared_ptr<const plan::Plan> plan);
  Status submit(const sched::Request& request, const std::vector<std::span<const std::byte>>& inputs);
  bool cancel(zoo::TaskId task, sched::RequestId id);
  Status extend(const zoo::Zoo& zoo);
  Status prepare(const plan::Plan& plan);
  Status switch_plan(std::shared_ptr<const plan::Plan> plan);
  std::shared_ptr<const plan::Plan> plan() const;
  std::size_t plan_version() const;
  std::size_t running() const;
  std::vector<Seconds> busy() const;
  void drain();
  void drain_old_plans();
  std::size_t stop(Seconds grace);

  std::chrono::steady_clock::time_point epoch() const { return epoch_; }
  Seconds now() const { return options_.clock ? options_.clock() : std::chrono::steady_clock::now() - epoch_; }

 private:
  using Dispatches = std::vector<sched::Dispatch>;

  // Everything one request needs while it is in flight. Written under mutex_ while nobody runs a stage of the request
  // (but for `cancelled`), read by the one worker that does.
  struct Slot {
    std::size_t index = 0;  // among its task's slots
    std::atomic<bool> cancelled{false};
    sched::Request request;
    std::vector<std::span<const std::byte>> inputs;
    std::shared_ptr<const ActivePlan> plan;
    std::size_t plan_version = 0;
    Seconds finished{0};
    Status status;
    bool completed = false;
  };
  struct Waiting {
    sched::Request request;
    std::vector<std::span<const std::byte>> inputs;
  };
  struct Worker {
    explicit Worker(Seconds spin) : mailbox(spin) {}
    Mailbox mailbox;
    std::atomic<Seconds> busy{Seconds(0)};
    Seconds dispatched{0};  // when that was done; kept if drift is watched
    int failures = 0;       // of its last stages, in a row
    Dispatches out;         // scratch, so that an event allocates nothing
    std::thread thread;
  };

  Status start_workers();
  void work(soc::ProcessorId place);
  void rest_members(soc::ProcessorId gang, bool rest);
  Status run_stage(const sched::Dispatch& dispatch);
  std::string describe(const sched::Dispatch& dispatch);
  Status bind_inputs(const Slot& slot, backend::Session& session);
  void record(const sched::Dispatch& dispatch, Seconds start, Seconds end);
  std::optional<double> monitor(const sched::Dispatch& done);
  const plan::StageEstimate& estimate_of(const sched::Dispatch& dispatch) {
    return slot_of(dispatch.request).plan->plan->tasks[dispatch.task.index()].estimates[dispatch.stage.index()];
  }

  bool is_last(const sched::Dispatch& d) {
    return d.stage.index() + 1 == slot_of(d.request).plan->plan->tasks[d.task.index()].sigma.size();
  }

  // The dispatcher's ids: they rise with admission, as its ties want, and carry the slot. The caller's are kept apart,
  // so that two callers may use the same.
  sched::RequestId new_id(std::size_t slot) { return sched::RequestId(admitted_++ * id_stride_ + slot); }
  std::size_t slot_index(sched::RequestId id) const { return id.index() & (id_stride_ - 1); }
  Slot& slot_of(sched::RequestId id) { return slots_[slot_index(id)]; }

  std::optional<sched::Dispatch> after_stage(const sched::Dispatch& done, const Status& status, Seconds now,
                                             std::optional<double> sparsity);
  void deliver(Dispatches& out, std::optional<soc::ProcessorId> self, std::optional<sched::Dispatch>& next);
  void deliver_now();
  void call_back(const Slot& slot);
  void call_back(const Waiting& dropped);
  void hand_out(Dispatches& out, std::optional<soc::ProcessorId> self, std::optional<sched::Dispatch>& next);

  // Called with mutex_ held.
  template <typename Inputs>
  void admit(std::size_t slot, const sched::Request& request, Inputs&& inputs, Dispatches& out);
  void leave(std::size_t slot, Dispatches& out);
  void hold_what_is_not_served(Dispatches& out);
  void drop_waiting(zoo::TaskId task);
  void cancel_everything();

  const soc::Soc& soc_;
  const EngineOptions options_;
  const OnComplete on_complete_;
  const std::chrono::steady_clock::time_point epoch_ = std::chrono::steady_clock::now();
  const std::size_t capacity_;  // tasks that there may be
  Activator activator_;
  bool monitored_ = false;  // the policy wants to know the sparsity of what stages hand on; set before workers start

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable idle_;
  const zoo::Zoo* zoo_;
  std::optional<sched::Dispatcher> dispatcher_;
  std::shared_ptr<const ActivePlan> active_;
  std::vector<Slot> slots_;
  std::size_t id_stride_ = 1;  // the least power of two that is no less than the slots: masked, not divided by
  std::optional<sched::AdmissionQueue<Waiting>> admission_;
  std::vector<std::size_t> to_deliver_;  // slots whose request has completed
  std::vector<Waiting> dropped_;         // cancelled while they waited, and not called back yet
  std::vector<std::size_t> batch_;       // of these, the ones being called back
  bool delivering_ = false;              // a worker is calling back; it takes the others' completions along
  bool stopping_ = false;
  bool ending_ = false;        // the grace is over: everything is cancelled
  std::size_t cancelled_ = 0;  // requests that ended so since
  std::size_t pending_ = 0;    // submitted and not called back
  std::size_t admitted_ = 0;
  Dispatches submitted_;  // scratch of submit(), and:
  Waiting waiting_;

  std::vector<std::unique_ptr<Worker>> workers_;  // by place; each worker's own but for its mailbox
};

template <typename Inputs>
void Engine::Impl::admit(std::size_t slot_index, const sched::Request& request, Inputs&& inputs, Dispatches& out) {
  Slot& slot = slots_[slot_index];
  slot.request = request;
  slot.inputs = std::forward<Inputs>(inputs);
  slot.plan = active_;
  slot.plan_version = dispatcher_->plan_version();
  slot.status = Status();
  slot.completed = false;
  slot.cancelled.store(false, std::memory_order_relaxed);  // mutex_ publishes it
  sched::Request inside = request;
  inside.id = new_id(slot_index);
  dispatcher_->arrive(inside, now(), out);
}

}  // namespace sparseloom::engine
