#include "sparseloom/engine/plan_switcher.h"

#include <algorithm>

#include "sparseloom/base/thread.h"
#include "sparseloom/engine/activation.h"

namespace sparseloom::engine {
namespace {

constexpr std::size_t kMostRecords = 65'536;

bool alike(const plan::TaskPlan& a, const plan::TaskPlan& b) {
  return a.sigma == b.sigma && a.placement == b.placement && a.providers == b.providers && a.pooled == b.pooled;
}

}  // namespace

PlanSwitcher::PlanSwitcher(Engine& engine, Residency& residency, std::shared_ptr<const plan::Plan> active,
                           MakePlan make_plan, SwitcherOptions options)
    : engine_(engine),
      residency_(residency),
      make_plan_(std::move(make_plan)),
      options_(std::move(options)),
      active_(std::move(active)) {}

PlanSwitcher::~PlanSwitcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// Under mutex_. What came before is overtaken, whether it waits or is in hand.
PlanSwitcher::Change PlanSwitcher::next_change(plan::SloConfig slo, Seconds asked,
                                               std::shared_ptr<const plan::Plan> plan) {
  if (waiting_) set_aside(*std::exchange(waiting_, std::nullopt));
  Change change;
  change.slo = std::move(slo);
  change.asked = asked;
  change.began = asked;
  change.plan = std::move(plan);
  change.due = due_after_dwell(asked);
  change.number = ++changes_;
  return change;
}

// Under mutex_.
Seconds PlanSwitcher::due_after_dwell(Seconds asked) const {
  return last_switch_ ? std::max(asked, *last_switch_ + options_.least_dwell) : asked;
}

void PlanSwitcher::change(plan::SloConfig slo, std::shared_ptr<const plan::Plan> plan) {
  const Seconds asked = engine_.now();
  {
    const std::lock_guard lock(mutex_);
    waiting_ = next_change(std::move(slo), asked, std::move(plan));
  }
  changed_.notify_all();
}

// step() gets to see the change only if there is something left to do for it.
Status PlanSwitcher::change_here(plan::SloConfig slo) {
  const Seconds asked = engine_.now();
  Change change;
  {
    const std::lock_guard lock(mutex_);
    change = next_change(std::move(slo), asked, nullptr);
    ++changing_here_;
  }
  const std::lock_guard planning(planning_);
  {
    const std::lock_guard lock(mutex_);
    change.due = due_after_dwell(asked);  // a plan may have been made and switched to meanwhile
  }
  Result<bool> done = false;
  bool failed = false;
  if (!overtaken(change) && change.due <= engine_.now()) done = switch_to_resident(change);
  {
    const std::lock_guard lock(mutex_);
    --changing_here_;
    const bool no_room = done.status().code() == Code::kResourceExhausted && change.plan != nullptr;
    failed = !done.ok() && !no_room;
    if (failed || (done.ok() && *done)) {
      record(change, engine_.now(), done.status());
    } else if (change.number < changes_) {
      set_aside(change);
    } else {
      waiting_ = std::move(change);
    }
  }
  changed_.notify_all();
  return failed ? done.status() : Status();
}

std::optional<Seconds> PlanSwitcher::due() const {
  const std::lock_guard lock(mutex_);
  return waiting_ ? std::optional(waiting_->due) : std::nullopt;
}

bool PlanSwitcher::busy() const {
  const std::lock_guard lock(mutex_);
  return waiting_.has_value() || stepping_ || changing_here_ > 0;
}

bool PlanSwitcher::overtaken(const Change& change) const {
  const std::lock_guard lock(mutex_);
  return change.number < changes_;
}

// Room that requests in flight still take will be free.
bool PlanSwitcher::may_be_tried_again(Change& change, const Status& status) const {
  return status.code() == Code::kResourceExhausted && change.plan != nullptr && ++change.tries < options_.most_tries &&
         residency_.needed(subgraphs_of(*change.plan)) + residency_.load_reserve() <= residency_.budget();
}

bool PlanSwitcher::step(LoaderThread* loader) {
  Change change;
  {
    const std::lock_guard lock(mutex_);
    if (!waiting_ || waiting_->due > engine_.now()) return false;
    change = *std::exchange(waiting_, std::nullopt);
    stepping_ = true;
  }
  const Status status = carry_out(change, loader);
  bool again = may_be_tried_again(change, status);
  if (!status.ok() && !again) again = go_back(change, status);
  const Seconds now = engine_.now();
  std::unique_lock lock(mutex_);
  stepping_ = false;
  if (status.code() == Code::kCancelled) {
    set_aside(change);
    return false;
  }
  if (again) {
    change.due = now + options_.retry_after;
    change.number < changes_ ? set_aside(change) : void(waiting_ = std::move(change));
    return false;
  }
  const Status result = change.failure.ok() ? status : change.failure;
  record(change, now, result);
  lock.unlock();
  changed_.notify_all();
  if (!result.ok() && options_.on_failure) options_.on_failure(result);
  return true;
}

// Tasks that a plan which cannot be loaded has put on hold would wait for good: the plan before it is taken up again.
// True: it has to be loaded for that, in the change's next tries.
bool PlanSwitcher::go_back(Change& change, const Status& failure) {
  const std::lock_guard planning(planning_);
  if (before_hold_ == nullptr || change.plan == before_hold_ || overtaken(change)) return false;
  if (switch_to(before_hold_, change).ok()) return false;
  change.plan = before_hold_;
  change.failure = failure;
  change.tries = 0;
  return true;
}

// Under mutex_: a later change has overtaken it.
void PlanSwitcher::set_aside(const Change& change) {
  if (change.bridged) record(change, engine_.now(), error(Code::kCancelled, "overtaken by a later change"));
}

// Under mutex_. The dwell counts from here.
void PlanSwitcher::record(const Change& change, Seconds now, Status status) {
  if (status.ok()) last_switch_ = now;
  if (waiting_ && last_switch_) waiting_->due = std::max(waiting_->due, *last_switch_ + options_.least_dwell);
  if (records_.size() >= kMostRecords) {  // the older half is forgotten: a server may switch for years
    const std::size_t forgotten = records_.size() / 2;
    records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(forgotten));
    unserved_ -= std::min(unserved_, forgotten);
  }
  records_.push_back({.slo = change.slo.name,
                      .asked = change.asked,
                      .began = change.began,
                      .bridged = change.bridged,
                      .switched = now,
                      .served = {},
                      .loaded = change.loaded,
                      .steps = change.steps,
                      .plan_version = engine_.plan_version(),
                      .status = std::move(status)});
}

bool PlanSwitcher::hot(const plan::Plan& plan) const {
  const std::vector<SubgraphKey> keys = subgraphs_of(plan);
  return std::all_of(keys.begin(), keys.end(), [&](const SubgraphKey& k) { return residency_.resident(k); });
}

// Under planning_: plans, and switches to the plan if it is resident (true), else to a bridge.
Result<bool> PlanSwitcher::switch_to_resident(Change& change) {
  if (change.plan == nullptr) {
    change.began = engine_.now();
    SL_ASSIGN_OR_RETURN(change.plan, make_plan_(change.slo));
  }
  if (hot(*change.plan)) {
    SL_RETURN_IF_ERROR(switch_to(change.plan, change));
    return true;
  }
  // Without a bridge the old plan serves until the new one is loaded.
  if (options_.bridge && change.steps == 0) static_cast<void>(bridge(change));
  return false;
}

// Under planning_: a copy of the active plan; tasks that have come since it was made are not served.
std::shared_ptr<plan::Plan> PlanSwitcher::active_for(std::size_t tasks) const {
  auto copy = std::make_shared<plan::Plan>(*active_);
  copy->tasks.resize(std::max(tasks, copy->tasks.size()));
  return copy;
}

// Tasks whose part of the bridge is resident follow it; the others stay as they are until their subgraphs are loaded.
Status PlanSwitcher::bridge(Change& change) {
  const plan::IsResident resident = [this](const SubgraphKey& key) { return residency_.resident(key); };
  SL_ASSIGN_OR_RETURN(const auto made, options_.bridge(change.slo, resident));
  auto mixed = active_for(made->tasks.size());
  bool whole = true;
  for (std::size_t t = 0; t < made->tasks.size(); ++t) {
    const plan::TaskPlan before = std::exchange(mixed->tasks[t], made->tasks[t]);
    if (hot(*mixed)) continue;
    mixed->tasks[t] = before;
    whole = false;
  }
  SL_RETURN_IF_ERROR(switch_to(mixed, change));
  const Seconds now = engine_.now();
  if (whole) change.bridged = now;
  const std::lock_guard lock(mutex_);
  last_switch_ = now;
  return {};
}

Status PlanSwitcher::carry_out(Change& change, LoaderThread* loader) {
  {
    const std::lock_guard planning(planning_);
    if (overtaken(change)) return {Code::kCancelled, "overtaken"};
    SL_ASSIGN_OR_RETURN(const bool done, switch_to_resident(change));
    if (done) return {};
  }
  const Status together = load_and_switch(change.plan, change, loader);
  return together.code() == Code::kResourceExhausted ? switch_by_task(change, loader) : together;
}

// One subgraph at a time, so that a load that nobody wants any more ends soon; then binds them.
Status PlanSwitcher::load(const plan::Plan& plan, Change& change, LoaderThread* loader) {
  if (residency_.needed(subgraphs_of(plan)) + residency_.load_reserve() > residency_.budget()) {
    return engine_.prepare(plan);  // says so
  }
  const std::size_t before = residency_.counts().loaded;
  std::vector<std::shared_ptr<backend::Executable>> held;  // until all are there
  const auto load = [&]() -> Status {
    for (const SubgraphKey& key : subgraphs_of(plan)) {
      if (overtaken(change)) return {Code::kCancelled, "overtaken"};
      SL_ASSIGN_OR_RETURN(held.emplace_back(), residency_.get(key));
    }
    return engine_.prepare(plan);
  };
  Status loaded = loader != nullptr ? loader->run(load) : load();
  change.loaded += residency_.counts().loaded - before;
  return loaded;
}

// A plan that is resident is switched to by whoever calls: the loader's low priority must never hold the engine's lock.
Status PlanSwitcher::load_and_switch(std::shared_ptr<const plan::Plan> plan, Change& change, LoaderThread* loader) {
  if (!hot(*plan)) SL_RETURN_IF_ERROR(load(*plan, change, loader));
  const std::lock_guard planning(planning_);
  if (overtaken(change)) return {Code::kCancelled, "overtaken"};
  return switch_to(std::move(plan), change);
}

// Under planning_.
Status PlanSwitcher::switch_to(std::shared_ptr<const plan::Plan> plan, Change& change) {
  SL_RETURN_IF_ERROR(engine_.switch_plan(plan));
  ++change.steps;
  if (plan == change.plan || plan == before_hold_) before_hold_ = nullptr;  // nothing is held any more
  active_ = std::move(plan);
  return {};
}

// What one task gives up makes room for the next: as long as any gets on, the others are tried again. If none does, try
// after try, what is left of the old plan is in the way: requests of those tasks wait until theirs is loaded.
Status PlanSwitcher::switch_by_task(Change& change, LoaderThread* loader) {
  Status last;
  std::vector<std::size_t> left;
  const auto with = [&](std::size_t t) {
    const std::lock_guard planning(planning_);
    auto mixed = active_for(change.plan->tasks.size());
    mixed->tasks[t] = change.plan->tasks[t];
    return mixed;
  };
  {
    const std::lock_guard planning(planning_);
    const auto active = active_for(change.plan->tasks.size());
    for (std::size_t t = 0; t < change.plan->tasks.size(); ++t) {
      if (!alike(active->tasks[t], change.plan->tasks[t])) left.push_back(t);  // else an earlier try got that far
    }
  }
  for (bool got_on = true; got_on && !left.empty();) {
    got_on = false;
    for (auto t = left.begin(); t != left.end();) {
      Status status = load_and_switch(left.size() == 1 ? change.plan : with(*t), change, loader);
      if (status.ok()) {
        t = left.erase(t);
        got_on = true;
        continue;
      }
      if (status.code() != Code::kResourceExhausted) return status;
      last = status;
      ++t;
    }
  }
  if (left.empty() || last.code() != Code::kResourceExhausted) return left.empty() ? Status() : last;
  if (change.tries >= options_.tries_before_hold) SL_RETURN_IF_ERROR(hold(left, change));
  return last;  // tried again when what they use has been let go of
}

// The plan as it was is kept, to go back to if the new one cannot be loaded after all.
Status PlanSwitcher::hold(const std::vector<std::size_t>& tasks, Change& change) {
  if (residency_.needed(subgraphs_of(*change.plan)) + residency_.load_reserve() > residency_.budget()) return {};
  const std::lock_guard planning(planning_);
  auto mixed = active_for(change.plan->tasks.size());
  for (const std::size_t t : tasks) mixed->tasks[t] = {};
  const auto before = before_hold_ == nullptr ? active_ : before_hold_;
  SL_RETURN_IF_ERROR(switch_to(std::move(mixed), change));
  before_hold_ = before;
  return {};
}

Status PlanSwitcher::settle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !waiting_ && !stepping_ && changing_here_ == 0; });
  return records_.empty() ? Status() : records_.back().status;
}

void PlanSwitcher::start() {
  thread_ = std::thread([this] { loop(); });
}

void PlanSwitcher::loop() {
  name_this_thread("plan switcher");
  LoaderThread loader;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!waiting_) {
      changed_.wait(lock);
      continue;
    }
    const Seconds wait = waiting_->due - engine_.now();
    if (wait > Seconds(0)) {
      changed_.wait_for(lock, wait);
      continue;
    }
    lock.unlock();
    step(&loader);
    changed_.notify_all();
    lock.lock();
  }
}

void PlanSwitcher::completed(const Completion& completion) {
  const std::lock_guard lock(mutex_);
  // Records stand in the order of their plan versions.
  while (unserved_ < records_.size() && records_[unserved_].plan_version <= completion.plan_version) {
    SwitchRecord& record = records_[unserved_++];
    if (record.status.ok()) record.served = completion.finished;
  }
}

std::vector<SwitchRecord> PlanSwitcher::records() const {
  const std::lock_guard lock(mutex_);
  return records_;
}

}  // namespace sparseloom::engine
