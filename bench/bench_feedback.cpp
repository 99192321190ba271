#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>

#include "bench/bench_commands.h"
#include "cli/server.h"
#include "cli/setup.h"
#include "cli/test_data.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/scratch_folder.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/engine/replanner.h"
#include "sparseloom/plan/explain.h"
#include "sparseloom/plan/plan_file.h"
#include "sparseloom/plan/planners/sparseloom_planner.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/report/table.h"
#include "sparseloom/sched/standard_workloads.h"

namespace sparseloom::bench {
namespace {

struct FeedbackOptions {
  std::string zoo, slo_config = "C3", json;
  double seconds = 4;  // of each half: quiet, then with a neighbour
  double load = 0.25;  // arrival rate over what the plan can serve at most
  double slack = 2;    // latency bounds over the configuration's: on a quiet machine nearly all keep them
  std::size_t repeats = 5;
};

// Keeps a processor's cores busy for others' harm, from when it is told to.
class Neighbour {
 public:
  explicit Neighbour(const std::vector<CpuIndex>& cores) {
    for (const CpuIndex core : cores) {
      threads_.emplace_back([this, core] {
        static_cast<void>(pin_this_thread({core}));
        volatile double heat = 1;
        while (!over_.load(std::memory_order_relaxed)) {
          for (int i = 0; i < 1000; ++i) heat = heat * 1.0000001;
        }
      });
    }
  }
  ~Neighbour() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

 private:
  std::atomic<bool> over_{false};
  std::vector<std::thread> threads_;
};

// One half of one run.
struct Half {
  double late = 0;
  Seconds p99{0};
};

Half half_of(const std::vector<engine::Record>& records) {
  if (records.empty()) return {};
  std::vector<Seconds> times;
  double late = 0;
  for (const engine::Record& r : records) {
    times.push_back(r.finished - r.arrival);
    late += r.late() ? 1 : 0;
  }
  std::sort(times.begin(), times.end());
  return {late / static_cast<double>(records.size()), quantile(times, 0.99)};
}

// A way to serve: a server of its own for every run, which begins with this plan.
struct Way {
  std::string name;
  std::shared_ptr<const plan::Plan> plan;
  bool adapt = false;
};

struct Run {
  Half quiet, disturbed;
  std::vector<Seconds> changes;   // of plan, in the disturbed half, since its start
  std::vector<double> slowdowns;  // by processor, at its end
  std::uint64_t replanned = 0, undone = 0;
};

// What all runs share.
struct Bench {
  const cli::Setup& setup;
  const profile::Profile& profile;
  const plan::SloConfig& slo;
  const cli::TestData& data;
  std::shared_ptr<const plan::Load> load;
  std::filesystem::path scratch;
};

// The times at which a server says something.
class Notices {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    times_.push_back(std::chrono::steady_clock::now());
  }
  std::vector<Seconds> since(std::chrono::steady_clock::time_point start) const {
    const std::lock_guard lock(mutex_);
    std::vector<Seconds> all;
    for (const auto time : times_) {
      if (time >= start) all.push_back(time - start);
    }
    return all;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::chrono::steady_clock::time_point> times_;
};

// The same arrivals on the quiet machine, then beside a neighbour.
Result<Run> play(const Bench& bench, const Way& way, const sched::Workload& workload) {
  const auto file = bench.scratch / "plan.json";
  const plan::PlanFile plan{.plan = *way.plan, .slo = bench.slo};
  SL_RETURN_IF_ERROR(write_file(file, plan::format_plan(plan, {bench.setup.zoo, bench.setup.soc, bench.profile})));
  Notices notices;
  ServerOptions options;
  options.zoo = bench.setup.zoo.root;
  options.plan = file;
  options.expected_load = bench.load;
  options.adapt = way.adapt;
  options.check_profile = false;  // the plans are of the profile as it was measured
  options.on_notice = [&notices](std::string_view) { notices.add(); };
  SL_ASSIGN_OR_RETURN(Server server, Server::open(std::move(options)));
  cli::ServerPlayer player(server, bench.data.samples, &cli::interrupted(), Seconds(1));
  Run run;
  run.quiet = half_of(player.play(workload, bench.slo.slos));
  const Neighbour neighbour(soc::cpus_of(bench.setup.soc).processors.back().cores);
  const auto start = std::chrono::steady_clock::now();
  run.disturbed = half_of(player.play(workload, bench.slo.slos));
  SL_RETURN_IF_ERROR(player.failures());
  run.changes = notices.since(start);
  const Metrics metrics = server.metrics();
  run.replanned = metrics.replans;
  run.undone = metrics.undone;
  for (const ProcessorMetrics& p : metrics.processors) run.slowdowns.push_back(1 + p.prediction_error);
  return run;
}

// The runs of one way.
struct Summary {
  std::vector<double> quiet_late, late, p99_ms, reaction_ms;
  std::uint64_t replans = 0, undone = 0;  // in all runs
  void add(const Run& run) {
    quiet_late.push_back(100 * run.quiet.late);
    late.push_back(100 * run.disturbed.late);
    p99_ms.push_back(to_ms(run.disturbed.p99));
    replans += run.replanned;
    undone += run.undone;
    if (!run.changes.empty()) reaction_ms.push_back(to_ms(run.changes.front()));
  }
};

std::string spread(const std::vector<double>& values) {
  if (values.empty()) return "-";
  const Quartiles<double> q = quartiles(values);
  return fmt::format("{:.1f} [{:.1f}..{:.1f}]", q.median, q.q1, q.q3);
}

Json json_of(const Way& way, const Summary& s) {
  return {{"way", way.name},
          {"late_quiet_percent", report::quartiles_json(quartiles(s.quiet_late))},
          {"late_percent", report::quartiles_json(quartiles(s.late))},
          {"late_percent_runs", s.late},
          {"p99_ms", report::quartiles_json(quartiles(s.p99_ms))},
          {"replans", s.replans},
          {"undone", s.undone},
          {"first_change_after_ms",
           s.reaction_ms.empty() ? Json() : Json(report::quartiles_json(quartiles(s.reaction_ms)))}};
}

// Late requests of the first way less those of another, run by run: their mean with its interval.
Mean difference(const Summary& ours, const Summary& other) {
  std::vector<double> differences;
  for (std::size_t r = 0; r < std::min(ours.late.size(), other.late.size()); ++r) {
    differences.push_back(ours.late[r] - other.late[r]);
  }
  return mean95(differences);
}

// A rate that the plan for one request of each task at a time could serve so many times over.
Result<double> rate_at(const Bench& bench, const plan::Planner& planner, double load) {
  SL_ASSIGN_OR_RETURN(const plan::Plan episodes,
                      planner.plan({bench.setup.zoo, bench.setup.soc, bench.profile, bench.slo}));
  return load * static_cast<double>(bench.setup.zoo.tasks.size()) / episodes.bottleneck.count();
}

// A plan file holds what the profile says, not what a slowed machine makes of it.
plan::Plan as_profiled(plan::Plan plan) {
  for (plan::TaskPlan& task : plan.tasks) {
    task.latency = Seconds(0);
    for (const plan::StageEstimate& stage : task.estimates) task.latency += stage.latency;
  }
  return plan;
}

// The four ways; what slows the machine down is measured in a run that does not count.
Result<std::vector<Way>> ways_of(const Bench& bench, const sched::Workload& trial) {
  static const plan::SparseloomPlanner pooling, pinning({.pooled = false});
  const plan::Problem problem{bench.setup.zoo, bench.setup.soc, bench.profile, bench.slo, {}, bench.load.get()};
  const auto shared = [](plan::Plan plan) { return std::make_shared<const plan::Plan>(std::move(plan)); };
  SL_ASSIGN_OR_RETURN(plan::Plan pooled, pooling.plan(problem));
  SL_ASSIGN_OR_RETURN(plan::Plan pinned, pinning.plan(problem));
  std::vector<Way> ways{{"adaptive", shared(std::move(pooled)), true}, {"pinned", shared(std::move(pinned)), false}};
  ways.push_back({"pooled", ways[0].plan, false});
  SL_ASSIGN_OR_RETURN(const Run disturbed, play(bench, ways.back(), trial));
  SL_ASSIGN_OR_RETURN(plan::Plan slowed, engine::plan_slowed(problem, pooling, disturbed.slowdowns));
  ways.insert(ways.begin() + 1, {"for the slowed machine", shared(as_profiled(std::move(slowed))), false});
  std::string seen;
  for (std::size_t p = 0; p < disturbed.slowdowns.size(); ++p) {
    seen += fmt::format("{}{} {:.2f}x", p == 0 ? "" : ", ", bench.setup.soc.processors[p].name, disturbed.slowdowns[p]);
  }
  fmt::print("Beside the neighbour, over the profile: {}\n", seen);
  return ways;
}

// Where each way's plan puts the tasks, to begin with.
void print_plans(const Bench& bench, const std::vector<Way>& ways) {
  std::vector<std::string> header{""};
  for (const zoo::Task& task : bench.setup.zoo.tasks) header.push_back(task.name);
  report::Table table(header);
  for (const Way& way : ways) {
    std::vector<std::string> row{way.name};
    for (const plan::TaskPlan& task : way.plan->tasks) {
      row.push_back(plan::describe_placement(bench.setup.soc, task));
    }
    table.add(std::move(row));
  }
  fmt::print("{}* or on another processor of the same kind, if that is free first\n\n", table.text());
}

void print_summary(const std::vector<Way>& ways, const std::vector<Summary>& summaries) {
  report::Table table(
      {"", "late % when quiet", "late % beside it", "p99 ms beside it", "re-plans", "undone", "first after ms"});
  for (std::size_t w = 0; w < ways.size(); ++w) {
    const Summary& s = summaries[w];
    table.add({ways[w].name, spread(s.quiet_late), spread(s.late), spread(s.p99_ms), fmt::to_string(s.replans),
               fmt::to_string(s.undone), spread(s.reaction_ms)});
  }
  fmt::print("{}", table.text());
  for (std::size_t w = 1; w < ways.size(); ++w) {
    const Mean d = difference(summaries[0], summaries[w]);
    fmt::print("{} less {}: {:+.1f} points late, 95 % interval {:+.1f} .. {:+.1f}\n", ways[0].name, ways[w].name,
               d.mean, d.low(), d.high());
  }
}

Status bench_feedback(const FeedbackOptions& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_RETURN_IF_ERROR(plan::parse_grid_name(options.slo_config).status());
  SL_ASSIGN_OR_RETURN(const auto setup,
                      cli::make_setup(options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo)));
  if (setup->soc.processors.size() < 2) {
    return error(Code::kFailedPrecondition, "bench feedback: one processor; at least two are needed");
  }
  SL_ASSIGN_OR_RETURN(const profile::Profile profile, cli::read_profile(*setup));
  SL_ASSIGN_OR_RETURN(const auto ranges, plan::grid_ranges(setup->zoo, setup->soc, profile));
  SL_ASSIGN_OR_RETURN(plan::SloConfig slo, plan::named_config(ranges, options.slo_config));
  for (plan::Slo& bounds : slo.slos) bounds.latency *= options.slack;
  SL_ASSIGN_OR_RETURN(const cli::TestData data, cli::load_test_data(setup->zoo));
  SL_ASSIGN_OR_RETURN(const ScratchFolder scratch, ScratchFolder::make());
  Bench bench{*setup, profile, slo, data, nullptr, scratch.path()};
  SL_ASSIGN_OR_RETURN(const plan::Planner* planner, plan::find_planner("sparseloom"));
  SL_ASSIGN_OR_RETURN(const double rate, rate_at(bench, *planner, options.load));
  const std::size_t tasks = setup->zoo.tasks.size();
  const auto workload = [&](std::uint64_t seed) {
    return sched::poisson(tasks, rate, static_cast<std::size_t>(rate * options.seconds), seed);
  };
  bench.load = std::make_shared<const plan::Load>(sched::load_of(workload(0)));
  SL_ASSIGN_OR_RETURN(const std::vector<Way> ways, ways_of(bench, workload(99)));

  print_plans(bench, ways);
  std::vector<Summary> summaries(ways.size());
  for (std::size_t r = 0; r < options.repeats && !cli::interrupted(); ++r) {
    for (std::size_t w = 0; w < ways.size() && !cli::interrupted(); ++w) {
      // None of the draws that the plans are made for.
      SL_ASSIGN_OR_RETURN(const Run run, play(bench, ways[w], workload(100 + r)));
      if (!cli::interrupted()) summaries[w].add(run);
    }
  }
  fmt::print(
      "{} with {}x its latency bounds, at {:.0f} % load, {} runs of each; a neighbour spins on {} in the second {} "
      "s\n\n",
      slo.name, options.slack, 100 * options.load, summaries.back().late.size(), setup->soc.processors.back().name,
      options.seconds);
  print_summary(ways, summaries);
  if (!options.json.empty()) {
    Json document{
        {"machine", setup->soc.name}, {"slo_config", slo.name}, {"load", options.load}, {"slack", options.slack}};
    for (std::size_t w = 0; w < ways.size(); ++w) document["ways"].push_back(json_of(ways[w], summaries[w]));
    SL_RETURN_IF_ERROR(write_file(options.json, document.dump(2) + "\n"));
  }
  return cli::cancelled_if_interrupted();
}

}  // namespace

std::function<Status()> add_feedback(CLI::App& command) {
  auto options = std::make_shared<FeedbackOptions>();
  command.add_option("--zoo", options->zoo, "folder of the zoo (default: zoos/demo)");
  command.add_option("--slo-config", options->slo_config, "C1 to C8, or a<J>l<K>")->capture_default_str();
  command.add_option("--seconds", options->seconds, "of each half of a run")
      ->check(CLI::Range(0.5, 600.0))
      ->capture_default_str();
  command.add_option("--load", options->load, "arrival rate over what the plan can serve at most")
      ->check(CLI::Range(0.01, 2.0))
      ->capture_default_str();
  command
      .add_option("--slack", options->slack,
                  "the configuration's latency bounds times this, so that most are kept in quiet")
      ->check(CLI::Range(0.1, 100.0))
      ->capture_default_str();
  command.add_option("--repeats", options->repeats, "runs of each way")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--json", options->json, "write the figures here");
  return [options] { return bench_feedback(*options); };
}

}  // namespace sparseloom::bench
