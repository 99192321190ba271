#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "bench/bench_commands.h"
#include "cli/setup.h"
#include "cli/test_data.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/engine/player.h"
#include "sparseloom/engine/replanner.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/report/table.h"
#include "sparseloom/sched/standard_workloads.h"

namespace sparseloom::bench {
namespace {

struct FeedbackOptions {
  std::string zoo, slo_config = "C3", json;
  double seconds = 4;  // of each half: quiet, then with a neighbour
  double load = 0.25;  // arrival rate over what the plan can serve at most
  std::size_t repeats = 3;
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

// Asks a Replanner every few milliseconds and switches the engine's plan.
class Watch {
 public:
  struct Switch {
    Seconds at{0}, planning{0}, switching{0};  // `at` on the engine's clock: when the new plan serves
  };

  Watch(engine::Replanner& replanner, const engine::Drift& drift, engine::Engine& engine)
      : thread_([this, &replanner, &drift, &engine] {
          lower_priority_of_this_thread();
          for (Seconds pause = kPeriod; !over_;) {
            std::this_thread::sleep_for(pause);
            const Seconds before = engine.now();
            const auto plan = replanner.consider(drift.slowdowns());
            const Seconds planned = engine.now();
            pause = std::max(kPeriod, kPlanningShare * (planned - before));
            if (!plan.ok() || *plan == nullptr) continue;
            if (!engine.switch_plan(*plan).ok()) continue;
            switches_.push_back({engine.now(), planned - before, engine.now() - planned});
          }
        }) {}
  ~Watch() { static_cast<void>(finish()); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Ends it, and says what it did.
  const std::vector<Switch>& finish() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
    return switches_;
  }

 private:
  static constexpr Seconds kPeriod{0.02};
  static constexpr double kPlanningShare = 10;  // pauses at least so many times as long as planning took
  std::atomic<bool> over_{false};
  std::vector<Switch> switches_;
  std::thread thread_;  // last: it uses the rest
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

struct Run {
  Half quiet, disturbed;
  std::vector<Watch::Switch> switches;  // in the disturbed half, `at` since its start
};

// What all runs share.
struct Bench {
  const cli::Setup& setup;
  const profile::Profile& profile;
  const plan::SloConfig& slo;
  const plan::Planner& planner;
  std::shared_ptr<const plan::Plan> plan;
  engine::Player& player;
  const engine::Drift& drift;
  const plan::Load& load;
};

// The same arrivals on the quiet machine, then beside a neighbour.
Result<Run> play(const Bench& bench, const sched::Workload& workload, bool feedback) {
  engine::Engine& engine = bench.player.engine();
  SL_RETURN_IF_ERROR(engine.switch_plan(bench.plan));
  Run result;
  result.quiet = half_of(bench.player.play(workload, bench.slo.slos));
  engine::Replanner replanner({bench.setup.zoo, bench.setup.soc, bench.profile, bench.slo, bench.planner, &bench.load},
                              bench.plan);
  const Seconds start = engine.now();
  const Neighbour neighbour(bench.setup.soc.processors.back().cores);
  std::optional<Watch> watch;
  if (feedback) watch.emplace(replanner, bench.drift, engine);
  result.disturbed = half_of(bench.player.play(workload, bench.slo.slos));
  if (!watch) return result;
  result.switches = watch->finish();
  for (Watch::Switch& s : result.switches) s.at -= start;
  return result;
}

// The runs of one way, with or without feedback.
struct Summary {
  std::vector<double> quiet_late, late, p99_ms, planning_ms, reaction_ms;
  void add(const Run& run) {
    quiet_late.push_back(100 * run.quiet.late);
    late.push_back(100 * run.disturbed.late);
    p99_ms.push_back(to_ms(run.disturbed.p99));
    for (const Watch::Switch& s : run.switches) planning_ms.push_back(to_ms(s.planning));
    if (!run.switches.empty()) reaction_ms.push_back(to_ms(run.switches.front().at));
  }
};

std::string spread(const std::vector<double>& values) {
  if (values.empty()) return "-";
  const Quartiles<double> q = quartiles(values);
  return fmt::format("{:.1f} [{:.1f}..{:.1f}]", q.median, q.q1, q.q3);
}

Json json_of(const Summary& s) {
  return {{"late_quiet_percent", report::quartiles_json(quartiles(s.quiet_late))},
          {"late_percent", report::quartiles_json(quartiles(s.late))},
          {"p99_ms", report::quartiles_json(quartiles(s.p99_ms))},
          {"switches", s.planning_ms.size()},
          {"planning_ms", report::quartiles_json(quartiles(s.planning_ms))},
          {"first_switch_after_ms", report::quartiles_json(quartiles(s.reaction_ms))}};
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
  SL_ASSIGN_OR_RETURN(const plan::SloConfig slo, plan::named_config(ranges, options.slo_config));
  SL_ASSIGN_OR_RETURN(const plan::Planner* planner, plan::find_planner("sparseloom"));
  const std::size_t tasks = setup->zoo.tasks.size();
  SL_ASSIGN_OR_RETURN(const plan::Plan episodes, planner->plan({setup->zoo, setup->soc, profile, slo}));
  const double rate = options.load * static_cast<double>(tasks) / episodes.bottleneck.count();
  const auto requests = static_cast<std::size_t>(rate * options.seconds);
  const plan::Load load = sched::load_of(sched::poisson(tasks, rate, requests, 0));
  SL_ASSIGN_OR_RETURN(plan::Plan made, planner->plan({setup->zoo, setup->soc, profile, slo, {}, &load}));
  const auto plan = std::make_shared<const plan::Plan>(std::move(made));
  SL_ASSIGN_OR_RETURN(const cli::TestData data, cli::load_test_data(setup->zoo));

  engine::Residency residency(*setup->runtime, setup->soc, *setup->pieces, setup->compile_cache);
  engine::Drift drift(setup->soc.processors.size());
  SL_ASSIGN_OR_RETURN(const auto player, engine::Player::start({.zoo = setup->zoo,
                                                                .soc = setup->soc,
                                                                .residency = residency,
                                                                .samples = data.samples,
                                                                .engine = {.drift = &drift},
                                                                .stop = &cli::interrupted()},
                                                               plan));
  const Bench bench{*setup, profile, slo, *planner, plan, *player, drift, load};
  Summary without, with;
  for (std::size_t r = 0; r < options.repeats && !cli::interrupted(); ++r) {
    // None of the draws that the plans are made for.
    const auto workload = sched::poisson(tasks, rate, requests, 100 + r);
    for (const bool feedback : {false, true}) {
      SL_ASSIGN_OR_RETURN(const Run run, play(bench, workload, feedback));
      (feedback ? with : without).add(run);
    }
  }
  fmt::print("{} at {:.0f} % load, {} runs of each; a neighbour spins on {} in the second half of {} s\n\n", slo.name,
             100 * options.load, without.late.size(), setup->soc.processors.back().name, options.seconds);
  report::Table table(
      {"", "late % when quiet", "late % beside it", "p99 ms beside it", "first new plan after ms", "planning ms"});
  table.add({"without feedback", spread(without.quiet_late), spread(without.late), spread(without.p99_ms), "-", "-"});
  table.add({"with feedback", spread(with.quiet_late), spread(with.late), spread(with.p99_ms), spread(with.reaction_ms),
             spread(with.planning_ms)});
  fmt::print("{}", table.text());
  if (!options.json.empty()) {
    const Json document{{"machine", setup->soc.name},
                        {"slo_config", slo.name},
                        {"load", options.load},
                        {"without", json_of(without)},
                        {"with", json_of(with)}};
    SL_RETURN_IF_ERROR(write_file(options.json, document.dump(2) + "\n"));
  }
  SL_RETURN_IF_ERROR(player->failures());
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
  command.add_option("--repeats", options->repeats, "runs of each way")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--json", options->json, "write the figures here");
  return [options] { return bench_feedback(*options); };
}

}  // namespace sparseloom::bench
