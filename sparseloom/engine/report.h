#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sparseloom/base/json.h"
#include "sparseloom/engine/player.h"
#include "sparseloom/plan/planner.h"

namespace sparseloom::engine {

/// A share with its 95 % interval.
struct Rate {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// Share of `hits` among the records' requests with a Wilson score interval. Requests of one episode depend on each
/// other, so the sample size is divided by the design effect: the variance of the episodes' shares over what
/// independent requests would have. All requests alike: one observation per episode. `hits[i]` belongs to
/// `records[i]`. Records that are all of one episode count as independent.
Rate rate_with_interval(const std::vector<Record>& records, const std::vector<bool>& hits);

/// Requests that violate, as shares of all requests, by cause; the three add up to the violation rate.
struct Violations {
  double latency = 0;   ///< late or not served, accuracy bound kept
  double accuracy = 0;  ///< in time, but σ's accuracy (profile split) is below the bound
  double both = 0;
};

struct Violated {
  Rate rate;
  Violations causes;
};

/// How many requests violate their SLOs, and why.
Violated count_violations(const std::vector<Record>& records);

struct TaskReport {
  std::string task;
  std::vector<std::string> variant;    ///< per stage
  std::vector<std::string> placement;  ///< per stage
  std::vector<std::string> provider;   ///< per stage
  bool pooled = false;                 ///< a placement then stands for the processor's whole pool
  std::string where;  ///< placement, providers and late binding as plan::describe_placement() puts them
  std::size_t requests = 0;
  std::size_t violations = 0;
  double accuracy = 0;                    ///< of σ on the profile split, as planned
  std::optional<double> accuracy_test;    ///< of σ on the test split, if profiled
  std::optional<double> accuracy_served;  ///< of the answers given; none if nothing was served
  plan::Slo bound;
  std::optional<Seconds> p50, p95, p99;  ///< from arrival to completion, of the requests served; nearest rank
};

/// One system, a planner and a policy, under one workload.
struct SystemReport {
  std::string name;
  std::size_t requests = 0;
  Rate violation_rate;
  Violations violations;
  double throughput_qps = 0;
  double antt = 0;  ///< mean, over the requests served, of (completion - arrival) / the plan's predicted latency alone
  std::vector<TaskReport> tasks;
};

/// What a report is made from; the referenced objects must outlive the call.
struct ReportInput {
  std::string name;  ///< the system's
  const zoo::Zoo& zoo;
  const soc::Soc& soc;
  const profile::Profile& profile;
  const plan::Plan& plan;
  const std::vector<plan::Slo>& slos;
  const std::vector<TaskSamples>& samples;
  const std::vector<Record>& records;
  double throughput_qps = 0;  ///< measured apart, or completed_per_second(records)
};

SystemReport make_report(const ReportInput& input);

/// Served requests over the time from the first arrival to the last completion; 0 for none.
double completed_per_second(const std::vector<Record>& records);

/// Average normalised turnaround time: the mean, over the requests served, of what they took over what their task's
/// plan predicts for one that is alone; 0 for none, or if the plan predicts no time.
double normalised_turnaround(const std::vector<Record>& records, const plan::Plan& plan);

/// The document of `demo --json` and `run --json`. `machine` is soc.name; `complete`:
/// everything that was asked for was played.
Json report_json(const std::string& slo_config, const std::string& machine, const std::vector<SystemReport>& systems,
                 bool complete);

/// Most memory this process has had resident so far.
Bytes peak_resident_bytes();

/// The table people read: one row per task, then the totals. Aligned; several lines, each ended by a newline.
std::string format_report(const SystemReport& report);

}  // namespace sparseloom::engine
