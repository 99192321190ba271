#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "bench/bench_commands.h"
#include "bench/synthetic/synthetic_problem.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/plan/planner.h"
#include "sparseloom/plan/search/joint.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/report/table.h"

namespace sparseloom::bench {
namespace {

constexpr double kMostDemoMs = 5;
constexpr double kMostSyntheticMs = 100;

struct Options {
  std::string zoo, json;
  std::size_t seeds = 100;
  double memory = 1;
  bool synthetic_only = false;
};

class Stopwatch {
 public:
  double ms() const { return to_ms(std::chrono::steady_clock::now() - start_); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::string verdict(bool reached) { return reached ? "(reached)" : "(NOT reached)"; }

struct Spread {
  Quartiles<double> quartiles;
  double most = 0;
};

Spread spread_of(const std::vector<double>& values) {
  return {quartiles(values), *std::max_element(values.begin(), values.end())};
}

Json to_json(const Spread& spread) {
  Json json = report::quartiles_json(spread.quartiles);
  json["max"] = spread.most;
  return json;
}

std::string text_of(const Spread& spread, int digits) {
  return fmt::format("{:.{}f} [{:.{}f}..{:.{}f}], at most {:.{}f}", spread.quartiles.median, digits,
                     spread.quartiles.q1, digits, spread.quartiles.q3, digits, spread.most, digits);
}

// Every planner on every cell of the SLO grid, the planners taking turns.
Status bench_zoo(const Options& options, Json& document) {
  const std::filesystem::path path = options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo);
  SL_ASSIGN_OR_RETURN(const auto setup, cli::make_setup(path));
  SL_ASSIGN_OR_RETURN(const profile::Profile profile, cli::read_profile(*setup));
  SL_ASSIGN_OR_RETURN(const auto ranges, plan::grid_ranges(setup->zoo, setup->soc, profile));
  std::vector<std::vector<double>> times(plan::planners().size());
  std::size_t proven = 0;
  SL_ASSIGN_OR_RETURN(const auto grid, plan::grid_cells("grid"));
  for (const plan::GridCell cell : grid) {
    const plan::SloConfig slo = plan::grid_config(ranges, cell);
    for (std::size_t p = 0; p < times.size(); ++p) {
      const Stopwatch watch;
      SL_ASSIGN_OR_RETURN(const plan::Plan plan, plan::planners()[p]->plan({setup->zoo, setup->soc, profile, slo}));
      times[p].push_back(watch.ms());
      if (plan.planner == "exact") proven += plan.optimal ? 1 : 0;
    }
  }
  fmt::print("Planning zoo '{}' on {}, ms (median [quartiles], at most) over the {} cells of the SLO grid:\n",
             setup->zoo.name, setup->soc.name, grid.size());
  report::Table table({"planner", "ms"});
  for (std::size_t p = 0; p < times.size(); ++p) {
    const Spread spread = spread_of(times[p]);
    table.add({std::string(plan::planners()[p]->name()), text_of(spread, 2)});
    document["zoo"][std::string(plan::planners()[p]->name())] = to_json(spread);
    if (plan::planners()[p]->name() != "exact") continue;
    document["zoo"]["exact_proven"] = proven;
    document["zoo"]["cells"] = grid.size();
  }
  fmt::print("{}", table.text());
  const double exact_ms = document["zoo"]["exact"]["median"];
  fmt::print("exact: proven the least in {} of {} cells; median {:.2f} ms, target <= {} ms {}\n\n", proven, grid.size(),
             exact_ms, kMostDemoMs, verdict(exact_ms <= kMostDemoMs));
  return {};
}

double bytes_of(const std::vector<plan::BusyOption>& chosen) {
  double sum = 0;
  for (const plan::BusyOption& option : chosen) sum += option.bytes;
  return sum;
}

struct Solved {
  double ms = 0, gap = 0;
};

// With a budget: the given share of the way from the least memory that will do to what is used without one.
Result<Solved> solve_synthetic(std::uint64_t seed, double memory) {
  const SyntheticOptions shape;
  const std::vector<plan::StagewiseTask> tasks = synthetic_tasks(seed, shape);
  plan::JointLimits limits = plan::kLargeProblem;
  Stopwatch watch;
  const std::vector<plan::StagewiseOptions> stagewise(tasks.begin(), tasks.end());
  std::vector<const plan::OptionSource*> sources;
  for (const plan::StagewiseOptions& task : stagewise) sources.push_back(&task);
  SL_ASSIGN_OR_RETURN(plan::JointResult found, plan::least_bottleneck(sources, shape.processors, limits));
  if (memory < 1) {
    const plan::Prices memory_alone{std::vector<double>(shape.processors, 0.0), 1};
    double least = 0;
    for (const plan::OptionSource* task : sources) least += task->cheapest(memory_alone, {}).options.front().bytes;
    limits.budget_bytes = least + memory * (bytes_of(found.chosen) - least);
    watch = Stopwatch();
    SL_ASSIGN_OR_RETURN(found, plan::least_bottleneck(sources, shape.processors, limits));
  }
  return Solved{watch.ms(), 1 - found.lower_bound / found.bottleneck};
}

Status bench_synthetic(const Options& options, Json& document) {
  std::vector<double> times, gaps;
  for (std::uint64_t seed = 1; seed <= options.seeds; ++seed) {
    SL_RETURN_IF_ERROR(cli::cancelled_if_interrupted());
    SL_ASSIGN_OR_RETURN(const Solved solved, solve_synthetic(seed, options.memory));
    times.push_back(solved.ms);
    gaps.push_back(100 * solved.gap);
  }
  const SyntheticOptions shape;
  fmt::print("Made-up problems: {} tasks, {} variants, {} stages, {} processors, accuracy additive; {} seeds{}:\n",
             shape.tasks, shape.variants, shape.stages, shape.processors, options.seeds,
             options.memory < 1
                 ? fmt::format("; memory budget {:.0f} % of the way from the least to what is used without one",
                               100 * options.memory)
                 : "");
  const Spread time = spread_of(times);
  const Spread gap = spread_of(gaps);
  const auto in_time = std::count_if(times.begin(), times.end(), [](double ms) { return ms <= kMostSyntheticMs; });
  fmt::print("  time, ms: {}; within {} ms: {} of {} {}\n", text_of(time, 1), kMostSyntheticMs, in_time, options.seeds,
             verdict(in_time == static_cast<std::ptrdiff_t>(options.seeds)));
  fmt::print("  proven gap to the least bottleneck, %: {}\n", text_of(gap, 3));
  document["synthetic"] = {
      {"seeds", options.seeds}, {"memory", options.memory}, {"plan_ms", to_json(time)}, {"gap_percent", to_json(gap)}};
  return {};
}

Status run(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  Json document = Json::object();
  if (!options.synthetic_only) SL_RETURN_IF_ERROR(bench_zoo(options, document));
  SL_RETURN_IF_ERROR(bench_synthetic(options, document));
  return options.json.empty() ? Status() : write_file(options.json, document.dump(2) + "\n");
}

}  // namespace

std::function<Status()> add_planners(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--zoo", options->zoo, "folder of the zoo (default: zoos/demo)");
  command.add_flag("--synthetic", options->synthetic_only, "the made-up problems alone");
  command.add_option("--seeds", options->seeds, "made-up problems")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command
      .add_option("--memory", options->memory,
                  "their memory budget, between the least that will do (0) and what is used without one (1)")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command.add_option("--json", options->json, "write the figures here");
  return [options] { return run(*options); };
}

}  // namespace sparseloom::bench
