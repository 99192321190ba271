#include "sparseloom/run/plan_switcher.h"

#include <algorithm>

#include "sparseloom/base/thread.h"
#include "sparseloom/run/activation.h"

namespace sparseloom::run {
namespace {

bool alike(const plan::TaskPlan& a, const plan::TaskPlan& b) {
  return a.sigma == b.sigma && a.placement == b.placement && a.backends == b.backends &&
         a.late_binding == b.late_binding;
}

}  // namespace

PlanSwitcher::PlanSwitcher(Engine& engine, Residency& residency, std::shared_ptr<const plan::Plan> active,
                           MakePlan make_plan, SwitcherOptions options)
    : engine_(engine),
      residency_(residency),
      make_plan_(std::move(make_plan)),
      options_(options),
      active_(std::move(active)) {}

PlanSwitcher::~PlanSwitcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void PlanSwitcher::change(plan::SloConfig slo) {
  const Seconds now = engine_.now();
  {
    const std::lock_guard lock(mutex_);
    const Seconds due = last_switch_ ? std::max(now, *last_switch_ + options_.least_dwell) : now;
    waiting_.emplace();
    waiting_->slo = std::move(slo);
    waiting_->asked = now;
    waiting_->due = due;
  }
  changed_.notify_all();
}

std::optional<Seconds> PlanSwitcher::due() const {
  const std::lock_guard lock(mutex_);
  return waiting_ ? std::optional(waiting_->due) : std::nullopt;
}

bool PlanSwitcher::busy() const {
  const std::lock_guard lock(mutex_);
  return waiting_.has_value() || stepping_;
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
  const Seconds now = engine_.now();
  const std::lock_guard lock(mutex_);
  stepping_ = false;
  if (status.code() == Code::kResourceExhausted && change.plan != nullptr && ++change.tries < options_.most_tries &&
      residency_.needed(subgraphs_of(*change.plan)) + residency_.load_reserve() <= residency_.budget()) {
    change.due = now + options_.retry_after;
    if (!waiting_) waiting_ = std::move(change);  // a later change overtakes it
    return false;
  }
  if (status.ok()) last_switch_ = now;
  if (waiting_ && last_switch_) waiting_->due = std::max(waiting_->due, *last_switch_ + options_.least_dwell);
  records_.push_back({.slo = change.slo.name,
                      .asked = change.asked,
                      .began = change.began,
                      .switched = now,
                      .served = {},
                      .loaded = change.loaded,
                      .steps = change.steps,
                      .plan_version = engine_.plan_version(),
                      .status = status});
  return true;
}

Status PlanSwitcher::carry_out(Change& change, LoaderThread* loader) {
  if (change.plan == nullptr) {
    change.began = engine_.now();
    SL_ASSIGN_OR_RETURN(change.plan, make_plan_(change.slo));
  }
  const Status together = switch_to(change.plan, change, loader);
  return together.code() == Code::kResourceExhausted ? switch_by_task(change, loader) : together;
}

// A plan that is resident is switched to by whoever calls: the loader's low priority must never hold the engine's lock.
Status PlanSwitcher::switch_to(std::shared_ptr<const plan::Plan> plan, Change& change, LoaderThread* loader) {
  const std::vector<SubgraphKey> keys = subgraphs_of(*plan);
  const bool hot = std::all_of(keys.begin(), keys.end(), [&](const SubgraphKey& k) { return residency_.resident(k); });
  if (!hot) {
    const std::size_t before = residency_.counts().loaded;
    const auto load = [&] { return engine_.prepare(*plan); };
    const Status loaded = loader != nullptr ? loader->run(load) : load();
    change.loaded += residency_.counts().loaded - before;
    SL_RETURN_IF_ERROR(loaded);
  }
  SL_RETURN_IF_ERROR(engine_.switch_plan(plan));
  ++change.steps;
  active_ = std::move(plan);
  return {};
}

// What one task gives up makes room for the next: as long as any gets on, the others are tried again.
Status PlanSwitcher::switch_by_task(Change& change, LoaderThread* loader) {
  Status last;
  std::vector<std::size_t> left;
  for (std::size_t t = 0; t < change.plan->tasks.size(); ++t) {
    if (!alike(active_->tasks[t], change.plan->tasks[t])) left.push_back(t);  // else an earlier try got that far
  }
  for (bool got_on = true; got_on && !left.empty();) {
    got_on = false;
    for (auto t = left.begin(); t != left.end();) {
      auto mixed = std::make_shared<plan::Plan>(*active_);
      mixed->tasks[*t] = change.plan->tasks[*t];
      if (left.size() == 1) *mixed = *change.plan;
      const Status status = switch_to(std::move(mixed), change, loader);
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
  return left.empty() ? Status() : last;
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

}  // namespace sparseloom::run
