#include <fmt/format.h>

#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "bench/bench_commands.h"
#include "bench/overhead.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/scratch_folder.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/soc/discover.h"

namespace sparseloom::bench {
namespace {

// What the engine may cost; each is printed beside what was measured.
constexpr double kMostDispatchUs = 20;
constexpr double kMostSwitchMs = 1;
constexpr double kMostMonitorShare = 0.02;
constexpr double kMostRatio = 1.02;
constexpr double kLeastModelMs = 5;

constexpr std::size_t kLastVariant = std::numeric_limits<std::size_t>::max();

struct BenchOptions {
  std::string zoo, model, json;
  std::size_t repetitions = 300;
};

double to_us(Seconds t) { return t.count() * 1e6; }
const char* verdict(bool reached) { return reached ? "reached" : "NOT reached"; }

Json spread_json(const Spread& s, double unit_per_second) {
  return {{"median", s.median.count() * unit_per_second},
          {"q1", s.q1.count() * unit_per_second},
          {"q3", s.q3.count() * unit_per_second},
          {"count", s.count}};
}

void print_hand_off(const Spread& h, std::string_view where) {
  fmt::print("                  {:6.2f} us hand-off to the next stage {} [{:.2f}..{:.2f}], {} hand-offs\n",
             to_us(h.median), where, to_us(h.q1), to_us(h.q3), h.count);
}

Status bench_dispatch(const soc::Soc& soc, Json& document) {
  SL_ASSIGN_OR_RETURN(const ScratchFolder scratch, ScratchFolder::make());
  constexpr std::size_t kBatches = 200;
  fmt::print("\nEngine cost with a backend that does nothing (one task, three stages; median [quartiles]):\n");
  Json rows = Json::array();
  for (std::size_t p = 1; p <= std::min<std::size_t>(2, soc.processors.size()); ++p) {
    SL_ASSIGN_OR_RETURN(const DispatchCost cost, measure_dispatch_cost(soc, p, kBatches, scratch.path()));
    const Spread& d = cost.per_dispatch;
    fmt::print("  {} processor(s): {:6.2f} us per dispatch [{:.2f}..{:.2f}], {} batches of 1500: target <= {} us {}\n",
               p, to_us(d.median), to_us(d.q1), to_us(d.q3), d.count, kMostDispatchUs,
               verdict(to_us(d.median) <= kMostDispatchUs));
    print_hand_off(cost.hand_off, p == 1 ? "on the same processor" : "on another processor that sleeps");
    if (p > 1) print_hand_off(cost.hand_off_looking, "on another processor that looks (EngineOptions::spin)");
    rows.push_back({{"processors", p},
                    {"dispatch_us", spread_json(d, 1e6)},
                    {"hand_off_us", spread_json(cost.hand_off, 1e6)},
                    {"hand_off_looking_us", spread_json(cost.hand_off_looking, 1e6)}});
  }
  document["dispatch"] = std::move(rows);
  return {};
}

Status bench_switch(const cli::Setup& setup, std::size_t repetitions, Json& document) {
  engine::Residency residency(*setup.runtime, setup.soc, *setup.pieces, setup.compile_cache);
  SL_ASSIGN_OR_RETURN(const SwitchCost cost,
                      measure_switch_cost(setup.zoo, setup.soc, residency, uniform_plan(setup.zoo, setup.soc, 0, 0),
                                          uniform_plan(setup.zoo, setup.soc, 2, 1), repetitions));
  fmt::print("\nHot plan switch, {} tasks of zoo '{}', all subgraphs of both plans other ones (median [quartiles]):\n",
             setup.zoo.tasks.size(), setup.zoo.name);
  for (const auto& [what, s] : {std::pair("idle", cost.idle), std::pair("serving, saturated", cost.loaded)}) {
    fmt::print("  {:<18}: {:.4f} ms [{:.4f}..{:.4f}], {} switches: target <= {} ms {}\n", what, to_ms(s.median),
               to_ms(s.q1), to_ms(s.q3), s.count, kMostSwitchMs, verdict(to_ms(s.median) <= kMostSwitchMs));
  }
  document["switch_ms"] = {{"idle", spread_json(cost.idle, 1e3)}, {"saturated", spread_json(cost.loaded, 1e3)}};
  return {};
}

// Of the dense variants, whose stages take long, and of each task's last, which are the most compressed.
Status bench_monitor(const cli::Setup& setup, std::size_t repetitions, Json& document) {
  engine::Residency residency(*setup.runtime, setup.soc, *setup.pieces, setup.compile_cache);
  fmt::print("\nSparsity monitor: one look at a stage output, beside the stage's own run (median [quartiles]):\n");
  for (const auto& [what, variant] : {std::pair("dense", std::size_t{0}), std::pair("last variants", kLastVariant)}) {
    SL_ASSIGN_OR_RETURN(const MonitorCost cost,
                        measure_monitor_cost(setup.zoo, setup.soc, residency,
                                             uniform_plan(setup.zoo, setup.soc, variant, 0), repetitions));
    fmt::print(
        "  {:<13}: {:.2f} us [{:.2f}..{:.2f}], {} looks: {:.3f} % of the run [{:.3f}..{:.3f}]: target <= {} % {}\n",
        what, to_us(cost.look.median), to_us(cost.look.q1), to_us(cost.look.q3), cost.look.count,
        100 * cost.share.median, 100 * cost.share.q1, 100 * cost.share.q3, 100 * kMostMonitorShare,
        verdict(cost.share.median <= kMostMonitorShare));
    fmt::print("                 at most {:.3f} %, {}\n", 100 * cost.worst_share, cost.worst);
    document["monitor"].push_back({{"variants", what},
                                   {"look_us", spread_json(cost.look, 1e6)},
                                   {"share_of_run", report::quartiles_json(cost.share)},
                                   {"worst_stage", cost.worst},
                                   {"worst_share_of_run", cost.worst_share}});
  }
  return {};
}

// The dense model that takes longest, by a quick look.
Result<std::filesystem::path> slowest_dense(const cli::Setup& setup) {
  std::filesystem::path slowest;
  Seconds longest{-1};
  constexpr std::size_t kQuick = 5;
  for (const zoo::Task& task : setup.zoo.tasks) {
    const std::filesystem::path& model = task.variants.front().model;
    SL_ASSIGN_OR_RETURN(const auto cost, measure_whole_model(*setup.runtime, setup.soc, model, kQuick));
    if (cost.bare.median > longest) longest = cost.bare.median, slowest = model;
  }
  return slowest;
}

Status bench_model(const backend::Runtime& runtime, const soc::Soc& soc, const std::filesystem::path& model,
                   std::size_t repetitions, Json& document) {
  SL_ASSIGN_OR_RETURN(const WholeModelCost cost, measure_whole_model(runtime, soc, model, repetitions));
  fmt::print("\nWhole model through the engine beside the bare runtime, taking turns on one core ({} pairs):\n  {}\n",
             repetitions, model.string());
  fmt::print("  bare {:.3f} ms [{:.3f}..{:.3f}], engine {:.3f} ms [{:.3f}..{:.3f}]\n", to_ms(cost.bare.median),
             to_ms(cost.bare.q1), to_ms(cost.bare.q3), to_ms(cost.engine.median), to_ms(cost.engine.q1),
             to_ms(cost.engine.q3));
  fmt::print("  ratio {:.4f} [{:.4f}..{:.4f}]: target <= {} on models of at least {} ms {}{}\n", cost.ratio.median,
             cost.ratio.q1, cost.ratio.q3, kMostRatio, kLeastModelMs, verdict(cost.ratio.median <= kMostRatio),
             to_ms(cost.bare.median) < kLeastModelMs ? ", on a shorter one, which is harder (another: --model)" : "");
  document["whole_model"] = {{"model", model.string()},
                             {"bare_ms", spread_json(cost.bare, 1e3)},
                             {"engine_ms", spread_json(cost.engine, 1e3)},
                             {"ratio", report::quartiles_json(cost.ratio)},
                             {"repetitions", repetitions}};
  return {};
}

Status bench_engine(const BenchOptions& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  std::error_code ignored;
  if (!options.model.empty() && !std::filesystem::exists(options.model, ignored)) {
    return error(Code::kNotFound, "--model {}: no such file", options.model);
  }
  const bool need_zoo = options.model.empty() || !options.zoo.empty();
  SL_ASSIGN_OR_RETURN(const auto runtime, backend::make_runtime("auto"));
  std::unique_ptr<cli::Setup> setup;
  if (need_zoo) {
    SL_ASSIGN_OR_RETURN(setup,
                        cli::make_setup(options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo)));
  }
  SL_ASSIGN_OR_RETURN(const soc::Soc soc, soc::discover(*runtime));
  std::string processors;
  for (const soc::Processor& p : soc.processors) processors += (processors.empty() ? "" : ", ") + p.name;
  fmt::print("Machine: {} ({}), {} {}\n", soc.name, processors, runtime->name(), runtime->version());
  Json document{{"machine", soc.name}, {"runtime", runtime->name() + " " + runtime->version()}};
  SL_RETURN_IF_ERROR(bench_dispatch(soc, document));
  std::filesystem::path model = options.model;
  if (setup != nullptr) {
    SL_RETURN_IF_ERROR(bench_switch(*setup, options.repetitions, document));
    SL_RETURN_IF_ERROR(bench_monitor(*setup, options.repetitions, document));
  }
  if (model.empty()) {
    SL_ASSIGN_OR_RETURN(model, slowest_dense(*setup));
  }
  SL_RETURN_IF_ERROR(bench_model(*runtime, soc, model, options.repetitions, document));
  return options.json.empty() ? Status() : write_file(options.json, document.dump(2) + "\n");
}

}  // namespace

std::function<Status()> add_engine(CLI::App& command) {
  auto options = std::make_shared<BenchOptions>();
  command.add_option(
      "--zoo", options->zoo,
      "zoo whose plans are switched and whose stages are looked at (default: zoos/demo, unless --model is given)");
  command.add_option("--model", options->model, "any model file, run whole (default: the zoo's slowest dense model)");
  command
      .add_option("--repetitions", options->repetitions, "switches, runs of every stage, and pairs of whole-model runs")
      ->check(CLI::Range(10, 100'000))
      ->capture_default_str();
  command.add_option("--json", options->json, "write the figures here");
  return [options] { return bench_engine(*options); };
}

}  // namespace sparseloom::bench
