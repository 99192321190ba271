#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>

#include "bench/bench_commands.h"
#include "bench/kernels/pinning.h"
#include "cli/program.h"
#include "cli/setup.h"
#include "cli/shapes.h"
#include "sparseloom/backend/hybrid/hybrid.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/place/placers.h"
#include "sparseloom/profile/measure/operators.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/report/table.h"
#include "sparseloom/zoo/boundaries.h"
#include "sparseloom/zoo/cut_check.h"

// Whole models by two cores that divide their operators, as placed by measured costs, against OpenVINO on one core and
// on two, in one interleaved run.
namespace sparseloom::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::vector<std::string> models;
  std::vector<std::string> shapes;
  int rounds = 30;
  std::string json;
};

struct Way {
  std::string name;
  std::unique_ptr<backend::Executable> executable;
  std::unique_ptr<backend::Session> session{};
  std::vector<double> ms{};
  double difference = 0;  // from the first way's answers
};

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {}

  Status run() {
    SL_ASSIGN_OR_RETURN(const auto shapes, cli::parse_shapes(options_.shapes));
    SL_ASSIGN_OR_RETURN(runtime_, backend::make_runtime("openvino"));
    const std::vector<CpuIndex> cpus = allowed_cpus();
    if (cpus.size() < 2) return error(Code::kFailedPrecondition, "this process may use one core; two are needed");
    for (std::size_t m = 0; m < 2; ++m) {
      members_.emplace_back().cores = {cpus[m]};
    }
    SL_RETURN_IF_ERROR(kernels::pin_threads(2));
    for (const std::string& file : options_.models) {
      SL_ASSIGN_OR_RETURN(const auto model, runtime_->read(file, shapes));
      SL_RETURN_IF_ERROR(measure(file, *model));
      if (cli::interrupted()) break;
    }
    fmt::print(
        "Two cores, {} interleaved rounds, median and quartiles; hybrid: operators divided as the exact placement by "
        "measured costs says;\nsteps: pieces, of which so many in parts; predicted: by the placement\n\n{}",
        options_.rounds, table_.text());
    if (!options_.json.empty()) {
      SL_RETURN_IF_ERROR(
          write_file(options_.json, Json{{"rounds", options_.rounds}, {"models", models_}}.dump(2) + "\n"));
    }
    return cli::cancelled_if_interrupted();
  }

 private:
  Status measure(const std::string& name, const backend::Model& model) {
    profile::OperatorTiming timing;
    timing.control = {.on_progress = cli::progress_line(), .stop = &cli::interrupted()};
    SL_ASSIGN_OR_RETURN(const auto operators, profile::measure_operators(*runtime_, model, members_, timing));
    SL_ASSIGN_OR_RETURN(const place::Placed placed, place::place_exactly(operators.table, {}));
    SL_ASSIGN_OR_RETURN(const place::Placed alone, place::place_on_cpu(operators.table, {}));
    const backend::HybridPlan plan = profile::hybrid_plan(model.graph(), operators, placed.placement);
    backend::CompileOptions one, two;
    two.threads = 2;
    zoo::Boundaries boundaries(1);
    std::vector<Way> ways;
    SL_RETURN_IF_ERROR(add("openvino, one core", runtime_->compile(model, one), ways));
    SL_RETURN_IF_ERROR(add("openvino, two cores", runtime_->compile(model, two), ways));
    SL_RETURN_IF_ERROR(add("hybrid", backend::compile_hybrid(*runtime_, model, {members_, plan}), ways));
    std::vector<std::vector<std::byte>> answers;
    for (Way& way : ways) {
      SL_ASSIGN_OR_RETURN(way.session, boundaries.bind(*way.executable, 0));
      if (&way == &ways.front()) {
        const auto made_up = zoo::seeded_inputs(model.graph(), 0);
        for (std::size_t k = 0; k < made_up.size(); ++k)
          std::copy_n(made_up[k].data(), made_up[k].size(), boundaries.at(0)[k].data());
      }
      for (HostBuffer& output : boundaries.at(1)) std::fill_n(output.data(), output.size(), std::byte{0x55});
      SL_RETURN_IF_ERROR(way.session->run());
      for (std::size_t k = 0; k < boundaries.at(1).size(); ++k) {
        const auto now = boundaries.at(1)[k].span();
        if (&way == &ways.front()) answers.emplace_back(now.begin(), now.end());
        way.difference = std::max(way.difference, zoo::compare(boundaries.tensors(1)[k], answers[k], now).max_rel);
      }
    }
    if (const double bound = zoo::difference_bound(model.graph()); !(ways.back().difference <= bound)) {
      return error(Code::kInternal, "{}: hybrid answers differ by {:.2g} of the largest number; {:g} is allowed", name,
                   ways.back().difference, bound);
    }
    SL_RETURN_IF_ERROR(time(ways));
    report(name, ways, placed, alone.latency, plan, operators.table.groups.size());
    return {};
  }

  static Status add(std::string name, Result<std::unique_ptr<backend::Executable>> executable, std::vector<Way>& ways) {
    if (!executable.ok()) return executable.status();
    ways.push_back({.name = std::move(name), .executable = std::move(*executable)});
    return {};
  }

  Status time(std::vector<Way>& ways) const {
    constexpr int kWarmUp = 2;
    std::mt19937 order(0);
    std::vector<std::size_t> turn{0, 1, 2};
    for (int round = -kWarmUp; round < options_.rounds && !cli::interrupted(); ++round) {
      std::shuffle(turn.begin(), turn.end(), order);
      for (const std::size_t i : turn) {
        const auto start = Clock::now();
        SL_RETURN_IF_ERROR(ways[i].session->run());
        const std::chrono::duration<double, std::milli> took = Clock::now() - start;
        if (round >= 0) ways[i].ms.push_back(took.count());
      }
    }
    return {};
  }

  static Quartiles<double> ratio(const Way& of, const Way& over) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < of.ms.size(); ++i) ratios.push_back(of.ms[i] / over.ms[i]);
    return quartiles(std::move(ratios));
  }

  void report(const std::string& name, const std::vector<Way>& ways, const place::Placed& placed, double alone_s,
              const backend::HybridPlan& plan, std::size_t groups) {
    Json rows = Json::array();
    const auto in_parts = static_cast<std::size_t>(
        std::count_if(plan.begin(), plan.end(), [](const auto& step) { return step.range.has_value(); }));
    for (const Way& way : ways) {
      if (way.ms.empty()) continue;
      const auto ms = quartiles(way.ms), over_one = ratio(way, ways[0]), over_two = ratio(way, ways[1]);
      const bool hybrid = &way == &ways[2];
      table_.add({name, way.name, fmt::format("{:.3f}", ms.median), fmt::format("{:.3f}", ms.q1),
                  fmt::format("{:.3f}", ms.q3), fmt::format("{:.2f}", over_one.median),
                  fmt::format("{:.2f}", over_two.median), fmt::format("{:.1e}", way.difference),
                  hybrid ? fmt::format("{} groups, {} steps, {} in parts", groups, plan.size(), in_parts) : "",
                  hybrid             ? fmt::format("{:.3f}", placed.latency * 1e3)
                  : &way == &ways[0] ? fmt::format("{:.3f}", alone_s * 1e3)
                                     : ""});
      rows.push_back({{"way", way.name},
                      {"ms", report::quartiles_json(ms)},
                      {"over_one_core", report::quartiles_json(over_one)},
                      {"over_two_cores", report::quartiles_json(over_two)},
                      {"max_rel_diff", way.difference}});
    }
    models_.push_back({{"model", name},
                       {"groups", groups},
                       {"steps", plan.size()},
                       {"in_parts", in_parts},
                       {"predicted_ms", placed.latency * 1e3},
                       {"optimal", placed.optimal},
                       {"gap", placed.gap()},
                       {"ways", std::move(rows)}});
  }

  const Options& options_;
  std::unique_ptr<backend::Runtime> runtime_;
  std::vector<backend::CompileOptions> members_;
  report::Table table_{
      {"model", "way", "ms", "q1", "q3", "over one core", "over two", "answers differ by", "hybrid", "predicted ms"}};
  Json models_ = Json::array();
};

Status bench_hybrid(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  cli::interrupted();
  return Bench(options).run();
}

}  // namespace

std::function<Status()> add_hybrid(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("MODEL", options->models, "OpenVINO IR (.xml) or ONNX files")->required();
  command
      .add_option("--shape", options->shapes, "static shape of a dynamic input: NAME=1,3,224,224 (default: batch 1)")
      ->allow_extra_args(false);
  command.add_option("--rounds", options->rounds, "timed runs of each")
      ->check(CLI::Range(3, 10'000))
      ->capture_default_str();
  command.add_option("--json", options->json, "write the figures here");
  return [options] { return bench_hybrid(*options); };
}

}  // namespace sparseloom::bench
