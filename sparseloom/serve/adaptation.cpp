#include "sparseloom/serve/adaptation.h"

namespace sparseloom::serve {
namespace {

// "cpu0 1.00x, cpu1 1.92x the profiled times".
std::string describe(const std::vector<double>& slowdowns, const soc::Soc& soc) {
  std::string text;
  for (std::size_t p = 0; p < slowdowns.size(); ++p) {
    text += fmt::format("{}{} {:.2f}x", p == 0 ? "" : ", ", soc.processors[p].name, slowdowns[p]);
  }
  return text + " the profiled times";
}

}  // namespace

void Serving::Adaptation::look() {
  const Seconds now = serving_.engine_->now();
  const engine::LateCount count = serving_.late_.count();
  if (const Planned planned = serving_.planned(); planned.plan != watched_.plan) {  // somebody has changed something
    watch(planned);
    state_ = State::kWatching;
    taking_back_ = drifted_ = false;
    guard_.restart(count, now);
  }
  if (state_ != State::kWatching) {
    if (serving_.switcher_->busy()) return;
    settled(count, now);
  }
  if (!replanner_) return;
  taking_back_ = taking_back_ || guard_.go_back(count, now);
  if (taking_back_) return take_back();
  guard_.see(count);
  const std::vector<double> slowdowns = serving_.drift_->slowdowns();
  const bool drifted = replanner_->drifted(slowdowns);
  if (drifted && !drifted_) guard_.restart(count, now);
  drifted_ = drifted;
  if (drifted && guard_.may_replan(now)) try_another(slowdowns);
}

void Serving::Adaptation::watch(const Planned& planned) {
  watched_ = planned;
  replanner_.reset();
  const Domain& d = *planned.domain;
  if (d.tasks.empty()) return;
  replanner_.emplace(
      engine::ReplannerInput{d.zoo, d.soc, d.profile, d.slo, *serving_.planner_.load(), d.load.get(), d.memory},
      planned.plan, engine::ReplannerOptions{}, planned.slowdowns);
}

// A switch has ended, one way or the other.
void Serving::Adaptation::settled(const engine::LateCount& count, Seconds now) {
  const State state = std::exchange(state_, State::kWatching);
  const Status switched = serving_.switcher_->settle();
  serving_.late_.from(serving_.engine_->plan_version());
  drifted_ = false;
  guard_.see(count);
  if (!switched.ok()) {  // told by the switcher; the plan before serves on
    guard_.pause(now);
    const Planned old = state == State::kSwitching ? before_ : watched_;
    const std::unique_lock control(serving_.control_, std::try_to_lock);
    if (control && serving_.planned().plan == watched_.plan) serving_.follow(old);
    return;  // the next look sees that
  }
  if (state == State::kGoingBack) {
    ++serving_.undone_;
    guard_.restart(count, now);
    serving_.notice(fmt::format(
        "went back to the plan before: {:.0f} % of the requests were late under the new one, {:.0f} % before",
        100 * guard_.after(), 100 * guard_.before()));
    return;
  }
  ++serving_.replans_;
  guard_.replanned(count, now);
  serving_.notice(fmt::format("re-planned: {}", describe(watched_.slowdowns, serving_.soc_)));
}

void Serving::Adaptation::take_back() {
  if (!take_over(before_, State::kGoingBack)) return;  // tried again at the next look
  taking_back_ = false;
  watch(watched_);
}

void Serving::Adaptation::try_another(const std::vector<double>& slowdowns) {
  const Planned old = watched_;
  const auto better = replanner_->consider(slowdowns);
  if (!better.ok() || *better == nullptr) return;
  if (take_over({watched_.domain, *better, slowdowns}, State::kSwitching)) {
    before_ = old;
  } else {
    watch(old);  // the re-planner takes it for served
  }
}

bool Serving::Adaptation::take_over(const Planned& next, State state) {
  const std::unique_lock control(serving_.control_, std::try_to_lock);
  if (!control || serving_.planned().plan != watched_.plan) return false;
  watched_ = next;
  state_ = state;
  serving_.follow(next);
  serving_.switcher_->change(next.domain->slo, next.domain->expanded(*next.plan));
  return true;
}

}  // namespace sparseloom::serve
