#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sparseloom/engine/plan_switcher.h"
#include "sparseloom/engine/player.h"
#include "sparseloom/plan/planner.h"
#include "sparseloom/profile/profile.h"

namespace sparseloom::bench {

/// SLOs that may come into force, with the plan that serves them.
struct Scenario {
  plan::SloConfig slo;
  std::shared_ptr<const plan::Plan> plan;
};

/// What a soak plays; the referenced objects must outlive the call.
struct SoakSetup {
  const zoo::Zoo& zoo;
  const soc::Soc& soc;
  const profile::Profile& profile;
  engine::Residency& residency;
  const std::vector<engine::TaskSamples>& samples;  ///< by zoo::TaskId
  const std::vector<Scenario>& scenarios;           ///< at least two; the first is in force at the start
  std::size_t requests = 10'000;
  std::size_t changes = 200;  ///< of SLOs, evenly spread over the requests; each to another scenario
  double load = 0.7;          ///< of the throughput bound of the plan in force
  std::uint64_t seed = 0;
  engine::SwitcherOptions switching{};
  engine::EngineOptions engine{};
  /// Memory in use; read twenty times a second.
  std::function<Bytes()> in_use{};
};

/// What became of it.
struct SoakReport {
  std::size_t completed = 0;
  std::size_t failed = 0;      ///< of these
  std::size_t late = 0;        ///< completed after the latency bound that was in force when they arrived
  std::size_t inaccurate = 0;  ///< served by a σ below the accuracy bound that was in force when they arrived
  std::size_t violating = 0;   ///< failed, late, inaccurate, or several of these
  std::vector<engine::SwitchRecord> switches;
  /// By how much requests took longer than their plan predicts for one that is alone: those inside at some time from a
  /// change of SLOs to the end of its switch; and, to compare with, those inside at some time of a span as long that
  /// begins half-way to the next change. (Who is inside at a given time has on average been there for long: so must
  /// those be that are compared with.) Queueing is in both.
  std::vector<Seconds> excess_switching, excess_between;
  Bytes most_in_use;  ///< the largest reading
  Bytes most_booked;  ///< by the residency
  std::size_t readings = 0;
  Seconds lasted{0};
};

/// Serves random requests (tasks equally likely, Poisson arrivals) in real time while SLOs change.
/// kInvalidArgument: fewer than two scenarios, no requests, a load that is not above 0; and what Engine::start reports.
Result<SoakReport> soak(const SoakSetup& setup);

}  // namespace sparseloom::bench
