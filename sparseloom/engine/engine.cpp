#include "sparseloom/engine/engine.h"

#include <fmt/ranges.h>

#include <bit>
#include <future>

#include "sparseloom/base/brief.h"
#include "sparseloom/engine/engine_impl.h"

namespace sparseloom::engine {
namespace {

constexpr std::size_t kMostSlots = 65'536;
constexpr Seconds kMostSpin{1};

bool serves(const plan::Plan& plan, zoo::TaskId task) {
  return task.index() < plan.tasks.size() && !plan.tasks[task.index()].sigma.empty();
}

// A gang has none; its members rest while it runs.
bool has_cores_of_its_own(const soc::Soc& soc, std::size_t place) {
  if (soc.pools().is_gang(soc::ProcessorId(place))) return false;
  for (std::size_t p = 0; p < soc.processors.size(); ++p) {
    if (p == place) continue;
    for (const CpuIndex core : soc.processors[p].cores) {
      const auto& ours = soc.processors[place].cores;
      if (std::find(ours.begin(), ours.end(), core) != ours.end()) return false;
    }
  }
  return true;
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

Status Engine::Impl::start(std::shared_ptr<const plan::Plan> plan) {
  if (options_.slots_per_task < 1 || options_.slots_per_task > kMostSlots) {
    return error(Code::kInvalidArgument, "slots per task: got {}; allowed: 1..{}", options_.slots_per_task, kMostSlots);
  }
  if (!(options_.spin >= Seconds(0) && options_.spin <= kMostSpin)) {
    return error(Code::kInvalidArgument, "spin: got {} s; allowed: 0 to {} s", options_.spin.count(),
                 kMostSpin.count());
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
  id_stride_ = std::bit_ceil(slots_.size());
  for (std::size_t k = 0; k < slots_.size(); ++k) slots_[k].index = k % options_.slots_per_task;
  Dispatches none;
  hold_what_is_not_served(none);
  to_deliver_.reserve(slots_.size());
  batch_.reserve(slots_.size());
  return start_workers();
}

Status Engine::Impl::start_workers() {
  std::vector<std::future<Status>> pinned;
  for (std::size_t p = 0; p < soc_.processors.places(); ++p) {
    const bool alone = has_cores_of_its_own(soc_, p);  // else looking would take time from who works there
    workers_.push_back(std::make_unique<Worker>(alone ? options_.spin : std::min<Seconds>(options_.spin, kBrief)));
  }
  for (std::size_t p = 0; p < soc_.processors.places(); ++p) {
    std::promise<Status> promise;
    pinned.push_back(promise.get_future());
    workers_[p]->out.reserve(soc_.processors.places());
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

void Engine::Impl::hand_out(Dispatches& out, std::optional<soc::ProcessorId> self,
                            std::optional<sched::Dispatch>& next) {
  for (const sched::Dispatch& dispatch : out) {
    if (soc_.pools().is_gang(dispatch.processor)) rest_members(dispatch.processor, true);
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

// What a gang dispatched is handed out after its members' last stages ended and before its own does, so a member is
// told in that order whoever tells it.
void Engine::Impl::rest_members(soc::ProcessorId gang, bool rest) {
  soc_.pools().each_taken(gang, [&](soc::ProcessorId p) { workers_[p.index()]->mailbox.rest(rest); });
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

std::shared_ptr<const plan::Plan> Engine::Impl::plan() const {
  const std::lock_guard lock(mutex_);
  return active_->plan;
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
  std::vector<Seconds> all(soc_.processors.size());
  for (std::size_t p = 0; p < workers_.size(); ++p) {
    const Seconds busy = workers_[p]->busy.load(std::memory_order_relaxed);
    soc_.pools().each_taken(soc::ProcessorId(p), [&](soc::ProcessorId q) { all[q.index()] += busy; });
  }
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

std::size_t Engine::Impl::stop(Seconds grace) {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    if (idle_.wait_for(lock, grace, [this] { return pending_ == 0 && !delivering_; })) return 0;
    ending_ = true;
    cancel_everything();
  }
  deliver_now();
  drain();
  const std::lock_guard lock(mutex_);
  return std::exchange(cancelled_, 0);
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
std::shared_ptr<const plan::Plan> Engine::plan() const { return impl_->plan(); }
std::size_t Engine::plan_version() const { return impl_->plan_version(); }
std::size_t Engine::running() const { return impl_->running(); }
std::vector<Seconds> Engine::busy() const { return impl_->busy(); }
void Engine::drain() { impl_->drain(); }
void Engine::drain_old_plans() { impl_->drain_old_plans(); }
std::size_t Engine::stop(Seconds grace) { return impl_->stop(grace); }

}  // namespace sparseloom::engine
