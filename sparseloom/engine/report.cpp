#include "sparseloom/engine/report.h"

#include <fmt/ranges.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "sparseloom/base/statistics.h"
#include "sparseloom/plan/costs.h"
#include "sparseloom/plan/explain.h"
#include "sparseloom/plan/names.h"

namespace sparseloom::engine {
namespace {

struct Group {
  double requests = 0;
  double hits = 0;
};

// How many independent requests the episodes are worth.
double effective_size(const std::vector<Group>& groups, double share, double requests) {
  const auto episodes = static_cast<double>(groups.size());
  if (groups.size() < 2) return requests;
  if (share <= 0.0 || share >= 1.0) return episodes;
  double scatter = 0;  // variance of the ratio of sums over episodes (cluster sampling)
  for (const Group& g : groups) scatter += (g.hits - share * g.requests) * (g.hits - share * g.requests);
  const double variance = scatter * episodes / (episodes - 1) / (requests * requests);
  const double independent = share * (1 - share) / requests;
  const double design_effect = std::max(1.0, variance / independent);
  return std::max(1.0, requests / design_effect);
}

std::optional<Seconds> nearest_rank(const std::vector<Seconds>& sorted, double quantile) {
  if (sorted.empty()) return std::nullopt;
  const auto rank = static_cast<std::size_t>(std::ceil(quantile * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

// What the records of one task add up to.
struct Tally {
  std::vector<Seconds> latencies;  // of the requests served
  std::size_t requests = 0;
  std::size_t violations = 0;
  std::size_t correct = 0;
};

std::vector<Tally> tally(const ReportInput& in) {
  std::vector<Tally> tallies(in.zoo.tasks.size());
  for (const Record& r : in.records) {
    Tally& t = tallies[r.task.index()];
    ++t.requests;
    t.violations += r.violates() ? 1 : 0;
    if (!r.served()) continue;
    t.latencies.push_back(r.finished - r.arrival);
    t.correct += r.predicted == in.samples[r.task.index()].labels[r.sample] ? 1 : 0;
  }
  for (Tally& t : tallies) std::sort(t.latencies.begin(), t.latencies.end());
  return tallies;
}

TaskReport task_report(const ReportInput& in, zoo::TaskId id, const Tally& tally) {
  const zoo::Task& task = in.zoo.task(id);
  const plan::TaskPlan& chosen = in.plan.tasks[id.index()];
  TaskReport report;
  report.task = task.name;
  report.variant = plan::variant_names(task, chosen.sigma);
  report.placement = plan::processor_names(in.soc, chosen.placement);
  report.provider = plan::provider_names(chosen.providers);
  report.pooled = chosen.pooled;
  report.where = plan::describe_placement(in.soc, chosen);
  report.requests = tally.requests;
  report.violations = tally.violations;
  report.accuracy = chosen.accuracy;
  const profile::Accuracy& test = in.profile.task(id).accuracy_test(chosen.sigma);
  if (test.samples > 0) {
    report.accuracy_test = test.fraction();
  } else if (std::equal(chosen.sigma.begin() + 1, chosen.sigma.end(), chosen.sigma.begin())) {
    report.accuracy_test = task.variants[chosen.sigma.front().index()].accuracy_test;  // an original: the zoo says
  }
  if (!tally.latencies.empty()) {
    report.accuracy_served = static_cast<double>(tally.correct) / static_cast<double>(tally.latencies.size());
  }
  report.bound = in.slos[id.index()];
  report.p50 = nearest_rank(tally.latencies, 0.50);
  report.p95 = nearest_rank(tally.latencies, 0.95);
  report.p99 = nearest_rank(tally.latencies, 0.99);
  return report;
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json ms_or_null(const std::optional<Seconds>& value) { return value ? Json(to_ms(*value)) : Json(nullptr); }

Json to_json(const TaskReport& t) {
  return {{"task", t.task},
          {"variant", t.variant},
          {"placement", t.placement},
          {"provider", t.provider},
          {"pooled", t.pooled},
          {"late_binding", t.pooled},  // what it was called first
          {"requests", t.requests},
          {"violations", t.violations},
          {"accuracy", t.accuracy},
          {"accuracy_test", or_null(t.accuracy_test)},
          {"accuracy_served", or_null(t.accuracy_served)},
          {"accuracy_bound", t.bound.accuracy},
          {"latency_bound_ms", to_ms(t.bound.latency)},
          {"latency_ms", {{"p50", ms_or_null(t.p50)}, {"p95", ms_or_null(t.p95)}, {"p99", ms_or_null(t.p99)}}}};
}

Json to_json(const SystemReport& s) {
  Json tasks = Json::array();
  for (const TaskReport& t : s.tasks) tasks.push_back(to_json(t));
  return {{"name", s.name},
          {"requests", s.requests},
          {"violation_rate", s.violation_rate.value},
          {"violation_rate_ci", {s.violation_rate.low, s.violation_rate.high}},
          {"violations",
           {{"latency", s.violations.latency}, {"accuracy", s.violations.accuracy}, {"both", s.violations.both}}},
          {"throughput_qps", s.throughput_qps},
          {"antt", s.antt},
          {"tasks", std::move(tasks)}};
}

std::string ms_text(const std::optional<Seconds>& value) { return value ? fmt::format("{:.2f}", to_ms(*value)) : "-"; }
std::string percent_text(const std::optional<double>& v) { return v ? fmt::format("{:.1f}", *v * 100) : "-"; }

}  // namespace

Rate rate_with_interval(const std::vector<Record>& records, const std::vector<bool>& hits) {
  if (records.empty()) return {0, 0, 1};
  std::map<std::size_t, Group> by_episode;
  double sum = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    Group& group = by_episode[records[i].episode];
    group.requests += 1;
    group.hits += hits[i] ? 1 : 0;
    sum += hits[i] ? 1 : 0;
  }
  std::vector<Group> groups;
  for (const auto& [episode, group] : by_episode) groups.push_back(group);
  const auto requests = static_cast<double>(records.size());
  const double share = sum / requests;
  const auto [low, high] = wilson95(share, effective_size(groups, share, requests));
  return {share, low, high};
}

Violated count_violations(const std::vector<Record>& records) {
  Violated violated;
  std::vector<bool> hits;
  const double one = 1.0 / static_cast<double>(std::max<std::size_t>(records.size(), 1));
  for (const Record& r : records) {
    hits.push_back(r.violates());
    if (!hits.back()) continue;
    Violations& causes = violated.causes;
    (r.accurate ? causes.latency : (r.late() ? causes.both : causes.accuracy)) += one;
  }
  violated.rate = rate_with_interval(records, hits);
  return violated;
}

SystemReport make_report(const ReportInput& in) {
  SystemReport report;
  report.name = in.name;
  report.requests = in.records.size();
  report.throughput_qps = in.throughput_qps;
  report.antt = normalised_turnaround(in.records, in.plan);
  const Violated violated = count_violations(in.records);
  report.violation_rate = violated.rate;
  report.violations = violated.causes;
  const std::vector<Tally> tallies = tally(in);
  for (std::size_t t = 0; t < in.zoo.tasks.size(); ++t) {
    report.tasks.push_back(task_report(in, zoo::TaskId(t), tallies[t]));
  }
  return report;
}

double completed_per_second(const std::vector<Record>& records) {
  Seconds first{0}, last{0};
  double served = 0;
  for (const Record& r : records) {
    if (!r.served()) continue;
    first = served == 0 ? r.arrival : std::min(first, r.arrival);
    last = std::max(last, r.finished);
    served += 1;
  }
  return last > first ? served / (last - first).count() : 0;
}

double normalised_turnaround(const std::vector<Record>& records, const plan::Plan& plan) {
  double sum = 0, served = 0;
  for (const Record& r : records) {
    const Seconds alone = plan.tasks.at(r.task.index()).latency;
    if (!r.served() || alone <= Seconds(0)) continue;
    sum += (r.finished - r.arrival) / alone;
    served += 1;
  }
  return served > 0 ? sum / served : 0;
}

Json report_json(const std::string& slo_config, const std::string& machine, const std::vector<SystemReport>& systems,
                 bool complete) {
  Json list = Json::array();
  for (const SystemReport& system : systems) list.push_back(to_json(system));
  return {{"slo_config", slo_config},
          {"machine", machine},
          {"complete", complete},
          {"peak_rss_bytes", peak_resident_bytes().count},
          {"systems", std::move(list)}};
}

Bytes peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {static_cast<std::uint64_t>(usage.ru_maxrss) * 1024};  // Linux counts KiB
}

std::string format_report(const SystemReport& report) {
  std::vector<std::string> variants, placements;
  std::size_t task_width = 4, variant_width = 17, placement_width = 9;
  for (const TaskReport& t : report.tasks) {
    variants.push_back(fmt::format("{}", fmt::join(t.variant, "|")));
    placements.push_back(t.where);
    task_width = std::max(task_width, t.task.size());
    variant_width = std::max(variant_width, variants.back().size());
    placement_width = std::max(placement_width, t.where.size());
  }
  constexpr const char* kRow = "{:<{}}  {:<{}}  {:<{}}  {:>8}  {:>10}  {:>12}  {:>14}  {:>10}  {:>8}  {:>8}  {:>8}\n";
  std::string text = fmt::format(kRow, "task", task_width, "variant per stage", variant_width, "placement",
                                 placement_width, "requests", "violations", "accuracy (%)", ">= bound (%)",
                                 "bound (ms)", "p50 (ms)", "p95 (ms)", "p99 (ms)");
  for (std::size_t t = 0; t < report.tasks.size(); ++t) {
    const TaskReport& row = report.tasks[t];
    text +=
        fmt::format(kRow, row.task, task_width, variants[t], variant_width, row.where, placement_width, row.requests,
                    row.violations, percent_text(row.accuracy_served), percent_text(row.bound.accuracy),
                    ms_text(row.bound.latency), ms_text(row.p50), ms_text(row.p95), ms_text(row.p99));
  }
  text += plan::placement_legend(placements);
  const auto pct = [](double v) { return fmt::format("{:.2f} %", v * 100); };
  text += fmt::format(
      "{}: {} requests, {} violate (95 % interval {}..{}): {} late, {} inaccurate, {} both; {:.1f} served per second\n",
      report.name, report.requests, pct(report.violation_rate.value), pct(report.violation_rate.low),
      pct(report.violation_rate.high), pct(report.violations.latency), pct(report.violations.accuracy),
      pct(report.violations.both), report.throughput_qps);
  return text;
}

}  // namespace sparseloom::engine
