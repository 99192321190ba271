#include "bench/soak.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "sparseloom/base/thread.h"

namespace sparseloom::bench {
namespace {

// A request as it completed, with the bounds that were in force when it arrived.
struct Done {
  Seconds arrival{0}, finished{0}, alone{0};
  bool failed = false, late = false, inaccurate = false;
};

struct Span {
  Seconds begin{0}, end{0};
};

class Soak {
 public:
  explicit Soak(const SoakSetup& setup) : setup_(setup), random_(setup.seed) {}

  Result<SoakReport> play() {
    SL_ASSIGN_OR_RETURN(const auto engine,
                        engine::Engine::start(setup_.zoo, setup_.soc, setup_.residency, setup_.scenarios[0].plan,
                                              setup_.engine, [this](const engine::Completion& c) { completed(c); }));
    engine::PlanSwitcher switcher(
        *engine, setup_.residency, setup_.scenarios[0].plan,
        [this](const plan::SloConfig& slo) { return plan_for(slo); }, setup_.switching);
    switcher_ = &switcher;
    switcher.start();
    done_.reserve(setup_.requests);
    scenario_of_.resize(setup_.requests);
    std::atomic<bool> stop{false};
    std::thread watcher([&] { watch(stop); });
    const Status sent = send(*engine, switcher);
    engine->drain();
    while (switcher.busy()) std::this_thread::sleep_for(kPause);
    const Seconds lasted = engine->now();
    stop = true;
    watcher.join();
    SL_RETURN_IF_ERROR(sent);
    report_.lasted = lasted;
    report_.switches = switcher.records();
    summarize();
    return std::move(report_);
  }

 private:
  static constexpr std::chrono::milliseconds kPause{1}, kBetweenReadings{50};

  Result<std::shared_ptr<const plan::Plan>> plan_for(const plan::SloConfig& slo) const {
    for (const Scenario& s : setup_.scenarios) {
      if (s.slo.name == slo.name) return s.plan;
    }
    return error(Code::kInternal, "no scenario '{}'", slo.name);
  }

  Status send(engine::Engine& engine, engine::PlanSwitcher& switcher) {
    std::exponential_distribution<double> gap(1);
    std::uniform_int_distribution<std::size_t> any_task(0, setup_.zoo.tasks.size() - 1);
    std::uniform_int_distribution<std::size_t> another(1, setup_.scenarios.size() - 1);
    std::size_t scenario = 0, changed = 0;
    Seconds due = engine.now();
    for (std::size_t id = 0; id < setup_.requests; ++id) {
      if (changed < setup_.changes && id * setup_.changes >= changed * setup_.requests) {
        scenario = (scenario + another(random_)) % setup_.scenarios.size();
        static_cast<void>(switcher.change_here(setup_.scenarios[scenario].slo));  // records() say how it went
        ++changed;
      }
      const plan::Plan& plan = *setup_.scenarios[scenario].plan;
      const double qps = setup_.load * static_cast<double>(plan.tasks.size()) / plan.bottleneck.count();
      due += Seconds(gap(random_) / qps);
      std::this_thread::sleep_until(engine.epoch() + std::chrono::duration_cast<std::chrono::nanoseconds>(due));
      const std::size_t task = any_task(random_);
      sched::Request request;
      request.id = sched::RequestId(id);
      request.task = zoo::TaskId(task);
      request.arrival = due;
      request.deadline = due + setup_.scenarios[scenario].slo.slos[task].latency;
      const std::size_t sample = id % setup_.samples[task].inputs.size();
      scenario_of_[id] = scenario;
      SL_RETURN_IF_ERROR(engine.submit(request, setup_.samples[task].inputs[sample]));
    }
    return {};
  }

  // One call at a time.
  void completed(const engine::Completion& c) {
    switcher_->completed(c);
    const zoo::TaskId task = c.request.task;
    const zoo::Sigma sigma(c.plan->sigma.begin(), c.plan->sigma.end());
    const Scenario& scenario = setup_.scenarios[scenario_of_[c.request.id.index()]];
    done_.push_back({.arrival = c.request.arrival,
                     .finished = c.finished,
                     .alone = scenario.plan->tasks[task.index()].latency,
                     .failed = !c.status.ok(),
                     .late = c.finished > c.request.deadline,
                     .inaccurate = setup_.profile.task(task).accuracy(sigma).fraction() <
                                   scenario.slo.slos[task.index()].accuracy});
  }

  void watch(const std::atomic<bool>& stop) {
    name_this_thread("watch");
    while (!stop) {
      if (setup_.in_use) report_.most_in_use = std::max(report_.most_in_use, setup_.in_use());
      report_.most_booked = std::max(report_.most_booked, setup_.residency.booked());
      ++report_.readings;
      std::this_thread::sleep_for(kBetweenReadings);
    }
  }

  void summarize() {
    report_.most_booked = std::max(report_.most_booked, setup_.residency.counts().most);
    report_.completed = done_.size();
    std::vector<Span> switching, between;
    for (std::size_t k = 0; k + 1 < report_.switches.size(); ++k) {
      const engine::SwitchRecord& s = report_.switches[k];
      const Seconds half = (report_.switches[k + 1].asked - s.asked) / 2;
      switching.push_back({s.asked, s.switched});
      between.push_back({s.asked + half, s.switched + half});
    }
    for (const Done& d : done_) {
      report_.failed += d.failed ? 1 : 0;
      report_.late += d.late ? 1 : 0;
      report_.inaccurate += d.inaccurate ? 1 : 0;
      report_.violating += d.failed || d.late || d.inaccurate ? 1 : 0;
      const auto inside = [&](const std::vector<Span>& spans) {
        return std::any_of(spans.begin(), spans.end(),
                           [&](const Span& s) { return d.arrival < s.end && d.finished > s.begin; });
      };
      const Seconds excess = d.finished - d.arrival - d.alone;
      if (inside(switching)) report_.excess_switching.push_back(excess);
      if (inside(between)) report_.excess_between.push_back(excess);
    }
  }

  const SoakSetup& setup_;
  std::mt19937_64 random_;
  engine::PlanSwitcher* switcher_ = nullptr;
  std::vector<std::size_t> scenario_of_;  // by request
  std::vector<Done> done_;
  SoakReport report_;
};

}  // namespace

Result<SoakReport> soak(const SoakSetup& setup) {
  if (setup.scenarios.size() < 2 || setup.requests == 0 || !(setup.load > 0)) {
    return error(Code::kInvalidArgument, "soak: {} scenarios, {} requests, load {}; at least 2, 1, more than 0",
                 setup.scenarios.size(), setup.requests, setup.load);
  }
  return Soak(setup).play();
}

}  // namespace sparseloom::bench
