#include "sparseloom/engine/engine.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <future>
#include <mutex>
#include <thread>

#include "sparseloom/engine/activation.h"
#include "sparseloom/engine/brief.h"
#include "sparseloom/engine/mailbox.h"
#include "sparseloom/sched/admission.h"
#include "sparseloom/sched/dispatcher.h"

namespace sparseloom::engine {
namespace {

constexpr std::size_t kMostSlots = 65'536;
constexpr std::size_t kAlignment = 64;
// A caller's buffer is bound as it is from this size on; below, copying it costs less than making the runtime look at a
// new address.
constexpr std::size_t kBindBytes = 65'536;

constexpr const char* kCancelled = "the request was cancelled";

bool serves(const plan::Plan& plan, zoo::TaskId task) {
  return task.index() < plan.tasks.size() && !plan.tasks[task.index()].sigma.empty();
}

bool bind_directly(std::span<const std::byte> data) {
  return data.size() >= kBindBytes && reinterpret_cast<std::uintptr_t>(data.data()) % kAlignment == 0;
}

Status check_inputs(const zoo::Task& task, const std::vector<std::span<const std::byte>>& inputs) {
  if (inputs.size() != task.inputs.size()) {
    return error(Code::kInvalidArgument, "task '{}': {} inputs; its model has {}", task.name, inputs.size(),
                 task.inputs.size());
  }
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (inputs[k].size() == task.inputs[k].bytes()) continue;
    return error(Code::kInvalidArgument, "task '{}': input {}: {} bytes; {} has {}", task.name, k, inputs[k].size(),
                 task.inputs[k].describe(), task.inputs[k].bytes());
  }
  return {};
}

}  // namespace

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
  std::size_t plan_version() const;
  std::size_t running() const;
  std::vector<Seconds> busy() const;
  void drain();
  bool drain_for(Seconds most);
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
    Mailbox mailbox;
    std::atomic<Seconds> busy{Seconds(0)};
    Seconds dispatched{0};  // when that was done; kept if drift is watched
    Dispatches out;         // scratch, so that an event allocates nothing
    std::thread thread;
  };

  Status start_workers();
  void work(soc::ProcessorId processor);
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
  sched::RequestId new_id(std::size_t slot) { return sched::RequestId(admitted_++ * slots_.size() + slot); }
  Slot& slot_of(sched::RequestId id) { return slots_[id.index() % slots_.size()]; }

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
  std::optional<sched::AdmissionQueue<Waiting>> admission_;
  std::vector<std::size_t> to_deliver_;  // slots whose request has completed
  std::vector<Waiting> dropped_;         // cancelled while they waited, and not called back yet
  std::vector<std::size_t> batch_;       // of these, the ones being called back
  bool delivering_ = false;              // a worker is calling back; it takes the others' completions along
  bool stopping_ = false;
  std::size_t pending_ = 0;  // submitted and not called back
  std::size_t admitted_ = 0;
  Dispatches submitted_;  // scratch of submit(), and:
  Waiting waiting_;

  std::vector<std::unique_ptr<Worker>> workers_;  // by processor; each worker's own but for its mailbox
};

Status Engine::Impl::start(std::shared_ptr<const plan::Plan> plan) {
  if (options_.slots_per_task < 1 || options_.slots_per_task > kMostSlots) {
    return error(Code::kInvalidArgument, "slots per task: got {}; allowed: 1..{}", options_.slots_per_task, kMostSlots);
  }
  SL_ASSIGN_OR_RETURN(auto policy, sched::make_policy(options_.policy, sched::Dispatcher::queue_count(soc_.pools())));
  if (policy->knowledge() == sched::Knowledge::kTruth) {
    return error(Code::kInvalidArgument, "policy '{}' knows the future, which only a simulation does; allowed: {}",
                 options_.policy, fmt::join(sched::causal_policy_names(), ", "));
  }
  SL_ASSIGN_OR_RETURN(active_, activator_.activate(plan));
  monitored_ = policy->knowledge() == sched::Knowledge::kMonitored;
  dispatcher_.emplace(std::move(plan), soc_.pools(), std::move(policy));
  admission_.emplace(capacity_, options_.slots_per_task);
  slots_ = std::vector<Slot>(capacity_ * options_.slots_per_task);
  for (std::size_t k = 0; k < slots_.size(); ++k) slots_[k].index = k % options_.slots_per_task;
  Dispatches none;
  hold_what_is_not_served(none);
  to_deliver_.reserve(slots_.size());
  batch_.reserve(slots_.size());
  return start_workers();
}

Status Engine::Impl::start_workers() {
  std::vector<std::future<Status>> pinned;
  for (std::size_t p = 0; p < soc_.processors.size(); ++p) workers_.push_back(std::make_unique<Worker>());
  for (std::size_t p = 0; p < soc_.processors.size(); ++p) {
    std::promise<Status> promise;
    pinned.push_back(promise.get_future());
    workers_[p]->out.reserve(soc_.processors.size());
    workers_[p]->thread = std::thread([this, p, promise = std::move(promise)]() mutable {
      const soc::Processor& processor = soc_.processors[p];
      name_this_thread(processor.name);
      promise.set_value(processor.cores.empty() ? Status() : pin_this_thread(processor.cores));
      work(soc::ProcessorId(p));
    });
  }
  Status first;
  for (std::future<Status>& status : pinned) {
    const Status s = status.get();
    if (first.ok()) first = s;
  }
  return first;
}

Engine::Impl::~Impl() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (std::size_t t = 0; admission_ && t < capacity_; ++t) {  // no plan will come that serves what is held
      if (!serves(*active_->plan, zoo::TaskId(t))) drop_waiting(zoo::TaskId(t));
    }
  }
  deliver_now();
  drain();
  for (const auto& worker : workers_) worker->mailbox.close();
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
}

Status Engine::Impl::submit(const sched::Request& request, const std::vector<std::span<const std::byte>>& inputs) {
  const auto lock = lock_briefly(mutex_);
  if (request.task.index() >= zoo_->tasks.size()) {
    return error(Code::kInvalidArgument, "task {}: the zoo has {}", request.task.index(), zoo_->tasks.size());
  }
  SL_RETURN_IF_ERROR(check_inputs(zoo_->task(request.task), inputs));
  if (stopping_) return error(Code::kFailedPrecondition, "the engine is stopping; it takes no more requests");
  ++pending_;
  waiting_.request = request;
  waiting_.inputs = inputs;  // scratch: allocates nothing once it was used, unless it is kept
  const auto slot = admission_->arrive(request.task, request.deadline, waiting_);
  if (!slot) return {};
  submitted_.clear();
  admit(*slot, request, waiting_.inputs, submitted_);
  std::optional<sched::Dispatch> none;
  hand_out(submitted_, std::nullopt, none);
  return {};
}

bool Engine::Impl::cancel(zoo::TaskId task, sched::RequestId id) {
  {
    const std::lock_guard lock(mutex_);
    if (task.index() >= zoo_->tasks.size()) return false;
    auto waiting = admission_->remove(task, [id](const Waiting& w) { return w.request.id == id; });
    if (!waiting) {
      const auto first = slots_.begin() + static_cast<std::ptrdiff_t>(task.index() * options_.slots_per_task);
      const auto end = first + static_cast<std::ptrdiff_t>(options_.slots_per_task);
      const auto slot = std::find_if(first, end, [id](const Slot& s) { return s.plan && s.request.id == id; });
      if (slot == end || slot->completed) return false;
      slot->cancelled = true;
      return true;
    }
    dropped_.push_back(std::move(*waiting));
  }
  deliver_now();
  return true;
}

Status Engine::Impl::extend(const zoo::Zoo& zoo) {
  if (zoo.tasks.size() > capacity_) {
    return error(Code::kResourceExhausted, "{} tasks; room was made for {}", zoo.tasks.size(), capacity_);
  }
  activator_.extend(zoo);
  Dispatches none;
  const std::lock_guard lock(mutex_);
  zoo_ = &zoo;
  hold_what_is_not_served(none);
  return {};
}

// Lets in who may be, of tasks that the active plan serves.
void Engine::Impl::hold_what_is_not_served(Dispatches& out) {
  for (std::size_t t = 0; t < capacity_; ++t) {
    const zoo::TaskId task(t);
    if (!serves(*active_->plan, task)) {
      admission_->hold(task);
      continue;
    }
    admission_->release(task);
    while (auto next = admission_->next(task)) {
      admit(next->first, next->second.request, std::move(next->second.inputs), out);
    }
  }
}

template <typename Inputs>
void Engine::Impl::admit(std::size_t slot_index, const sched::Request& request, Inputs&& inputs, Dispatches& out) {
  Slot& slot = slots_[slot_index];
  slot.request = request;
  slot.inputs = std::forward<Inputs>(inputs);
  slot.plan = active_;
  slot.plan_version = dispatcher_->plan_version();
  slot.status = Status();
  slot.completed = false;
  slot.cancelled = false;
  sched::Request inside = request;
  inside.id = new_id(slot_index);
  dispatcher_->arrive(inside, now(), out);
}

void Engine::Impl::hand_out(Dispatches& out, std::optional<soc::ProcessorId> self,
                            std::optional<sched::Dispatch>& next) {
  for (const sched::Dispatch& dispatch : out) {
    if (self && dispatch.processor == *self) {
      next = dispatch;
    } else {
      Worker& worker = *workers_[dispatch.processor.index()];
      if (options_.drift != nullptr) worker.dispatched = now();
      worker.mailbox.post(dispatch);
    }
  }
  out.clear();
}

void Engine::Impl::work(soc::ProcessorId processor) {
  Worker& self = *workers_[processor.index()];
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
      options_.drift->observe(processor, end - (handed_over ? self.dispatched : start), estimate_of(dispatch).latency);
    }
    next = after_stage(dispatch, status, end, status.ok() ? monitor(dispatch) : std::nullopt);
  }
}

Status Engine::Impl::run_stage(const sched::Dispatch& dispatch) {
  const Slot& slot = slot_of(dispatch.request);
  if (slot.cancelled) return {Code::kCancelled, kCancelled};
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
// nothing: it corrects nothing. The worker looks before it reports the stage finished, as the next one may overwrite
// the buffers.
std::optional<double> Engine::Impl::monitor(const sched::Dispatch& done) {
  if (!monitored_) return std::nullopt;
  const Slot& slot = slot_of(done.request);
  if (is_last(done)) return std::nullopt;
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
      to_deliver_.push_back(done.request.index() % slots_.size());
    }
    deliver_too = !(to_deliver_.empty() && dropped_.empty()) && !std::exchange(delivering_, true);
  }
  std::optional<sched::Dispatch> next;
  hand_out(out, done.processor, next);  // the others start before anybody is called back
  if (deliver_too) deliver(out, done.processor, next);
  return next;
}

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
  if (auto next = admission_->leave(slot.request.task, slot_index)) {
    admit(slot_index, next->request, std::move(next->inputs), out);
  }
}

Status Engine::Impl::prepare(const plan::Plan& plan) {
  activator_.prune();
  return activator_.activate(std::make_shared<plan::Plan>(plan)).status();
}

Status Engine::Impl::switch_plan(std::shared_ptr<const plan::Plan> plan) {
  SL_ASSIGN_OR_RETURN(auto active, activator_.activate(plan));
  {
    const std::lock_guard lock(mutex_);
    active_.swap(active);
    dispatcher_->switch_plan(std::move(plan));
    Dispatches out;
    hold_what_is_not_served(out);
    std::optional<sched::Dispatch> none;
    hand_out(out, std::nullopt, none);
  }
  active.reset();
  activator_.prune();
  return {};
}

std::size_t Engine::Impl::plan_version() const {
  const std::lock_guard lock(mutex_);
  return dispatcher_->plan_version();
}

std::size_t Engine::Impl::running() const {
  const std::lock_guard lock(mutex_);
  return dispatcher_->running();
}

std::vector<Seconds> Engine::Impl::busy() const {
  std::vector<Seconds> all;
  for (const auto& worker : workers_) all.push_back(worker->busy.load(std::memory_order_relaxed));
  return all;
}

void Engine::Impl::drop_waiting(zoo::TaskId task) {
  while (auto waiting = admission_->remove(task, [](const Waiting&) { return true; })) {
    dropped_.push_back(std::move(*waiting));
  }
}

// With mutex_ held: what waits is dropped, what is in flight ends after the stage that it is in.
void Engine::Impl::cancel_everything() {
  for (std::size_t t = 0; t < capacity_; ++t) drop_waiting(zoo::TaskId(t));
  for (Slot& slot : slots_) {
    if (slot.plan) slot.cancelled = true;
  }
}

void Engine::Impl::drain_old_plans() {
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] {
      return std::none_of(slots_.begin(), slots_.end(), [this](const Slot& s) { return s.plan && s.plan != active_; });
    });
  }
  activator_.prune();
}

bool Engine::Impl::drain_for(Seconds most) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, most, [this] { return pending_ == 0 && !delivering_; });
}

std::size_t Engine::Impl::stop(Seconds grace) {
  const auto done = [this] { return pending_ == 0 && !delivering_; };
  std::size_t left = 0;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    if (idle_.wait_for(lock, grace, done)) return 0;
    left = pending_;
    cancel_everything();
  }
  deliver_now();
  drain();
  return left;
}

void Engine::Impl::drain() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return pending_ == 0 && !delivering_; });
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::start(const zoo::Zoo& zoo, const soc::Soc& soc, Residency& residency,
                                              std::shared_ptr<const plan::Plan> plan, EngineOptions options,
                                              OnComplete on_complete) {
  auto impl = std::make_unique<Impl>(zoo, soc, residency, std::move(options), std::move(on_complete));
  SL_RETURN_IF_ERROR(impl->start(std::move(plan)));
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

Seconds Engine::now() const { return impl_->now(); }
std::chrono::steady_clock::time_point Engine::epoch() const { return impl_->epoch(); }
Status Engine::submit(const sched::Request& request, const std::vector<std::span<const std::byte>>& inputs) {
  return impl_->submit(request, inputs);
}
bool Engine::cancel(zoo::TaskId task, sched::RequestId id) { return impl_->cancel(task, id); }
Status Engine::extend(const zoo::Zoo& zoo) { return impl_->extend(zoo); }
Status Engine::prepare(const plan::Plan& plan) { return impl_->prepare(plan); }
Status Engine::switch_plan(std::shared_ptr<const plan::Plan> plan) { return impl_->switch_plan(std::move(plan)); }
std::size_t Engine::plan_version() const { return impl_->plan_version(); }
std::size_t Engine::running() const { return impl_->running(); }
std::vector<Seconds> Engine::busy() const { return impl_->busy(); }
void Engine::drain() { impl_->drain(); }
void Engine::drain_old_plans() { impl_->drain_old_plans(); }
bool Engine::drain_for(Seconds most) { return impl_->drain_for(most); }
std::size_t Engine::stop(Seconds grace) { return impl_->stop(grace); }

}  // namespace sparseloom::engine
