#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <thread>

#include "bench/bench_commands.h"
#include "bench/hybrid_neighbour.h"
#include "bench/kernels/pinning.h"
#include "cli/program.h"
#include "cli/setup.h"
#include "cli/shapes.h"
#include "sparseloom/backend/hybrid/crew.h"
#include "sparseloom/backend/hybrid/hybrid.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/names.h"
#include "sparseloom/base/restore_cores.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/place/placers.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/profile/measure/operators.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/report/table.h"
#include "sparseloom/soc/discover.h"
#include "sparseloom/zoo/boundaries.h"
#include "sparseloom/zoo/cut_check.h"

// Whole models by two processors that divide their operators, as placed by measured costs, against each alone, and of
// two cores against OpenVINO on both, in one interleaved run.
namespace sparseloom::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::vector<std::string> models;
  std::vector<std::string> devices;
  std::string neighbour;
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

// From when one thread says that it is done until another one, on other cores, knows: half a round, many times.
Result<Quartiles<double>> signal_us(const std::vector<CpuIndex>& here, const std::vector<CpuIndex>& there) {
  constexpr std::uint32_t kRounds = 20'000;
  backend::Milestone ping, pong;
  Status pinned;
  std::thread other([&] {
    pinned = pin_this_thread(there);
    for (std::uint32_t i = 1; i <= kRounds; ++i) {
      ping.wait(i);
      pong.reach(i);
    }
  });
  const RestoreCores restore;
  const Status own = pin_this_thread(here);
  std::vector<double> us;
  for (std::uint32_t i = 1; i <= kRounds; ++i) {
    const auto start = Clock::now();
    ping.reach(i);
    pong.wait(i);
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count() / 2);
  }
  other.join();
  SL_RETURN_IF_ERROR(own);
  SL_RETURN_IF_ERROR(pinned);
  return quartiles(std::move(us));
}

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {}

  Status run() {
    SL_ASSIGN_OR_RETURN(const auto shapes, cli::parse_shapes(options_.shapes));
    SL_ASSIGN_OR_RETURN(runtime_, backend::make_runtime("auto"));
    SL_RETURN_IF_ERROR(find_members());
    SL_RETURN_IF_ERROR(kernels::pin_threads(2));
    for (const std::string& file : options_.models) {
      SL_ASSIGN_OR_RETURN(const auto model, runtime_->read(file, shapes));
      SL_RETURN_IF_ERROR(measure(file, *model));
      if (cli::interrupted()) break;
    }
    SL_ASSIGN_OR_RETURN(const Quartiles<double> signal, signal_us(members_[0].cores, members_[1].cores));
    if (options_.neighbour.empty()) {
      fmt::print(
          "{}, {} interleaved rounds, median and quartiles; hybrid: operators divided as the exact placement by "
          "measured "
          "costs says;\nsteps: pieces, of which so many in parts; predicted: by the placement; beside: share of {}'s "
          "work "
          "that {} works beside, at least\n\n{}\nA member knows of another's result after {:.2f} us (quartiles {:.2f}, "
          "{:.2f})\n",
          fmt::join(names_, " and "), options_.rounds, names_[0], names_[1], table_.text(), signal.median, signal.q1,
          signal.q3);
    }
    if (!options_.json.empty()) {
      SL_RETURN_IF_ERROR(write_file(options_.json, Json{{"devices", names_},
                                                        {"rounds", options_.rounds},
                                                        {"signal_us", report::quartiles_json(signal)},
                                                        {"models", models_}}
                                                           .dump(2) +
                                                       "\n"));
    }
    return cli::cancelled_if_interrupted();
  }

 private:
  Status find_members() {
    SL_ASSIGN_OR_RETURN(const soc::Soc host, soc::discover(*runtime_));
    std::vector<std::string> names = options_.devices;
    for (const soc::Processor& processor : host.processors)
      if (options_.devices.empty() && names.size() < 2 && processor.device == "CPU") names.push_back(processor.name);
    if (names.size() != 2) {
      return error(Code::kFailedPrecondition, "--devices: two are needed, different ones; given or here: {}",
                   names.size());
    }
    for (const std::string& name : names) {
      SL_ASSIGN_OR_RETURN(const soc::ProcessorId id, host.find(name));
      const soc::Processor& processor = host.processor(id);
      if (host.pools().is_gang(id) || std::find(names_.begin(), names_.end(), name) != names_.end())
        return error(Code::kInvalidArgument, "--devices: '{}': two different processors are allowed, no gangs", name);
      members_.push_back(profile::compile_options(host, id, processor.providers.front(), {}));
      members_.back().cores = processor.cores;
      names_.push_back(name);
    }
    return {};
  }

  Status beside_neighbour(const std::string& name, const backend::Model& model,
                          const profile::MeasuredOperators& operators) {
    const auto member = std::find(names_.begin(), names_.end(), options_.neighbour);
    if (member == names_.end()) return unknown_name("--neighbour", options_.neighbour, names_);
    const NeighbourOptions neighbour{members_[static_cast<std::size_t>(member - names_.begin())].cores,
                                     options_.rounds};
    SL_ASSIGN_OR_RETURN(NeighbourResult result,
                        bench_neighbour(*runtime_, name, model, operators, members_, neighbour));
    fmt::print("{}, a neighbour on {} for half of the time, {} inferences of each in a phase: {}\n", name,
               options_.neighbour, options_.rounds, result.text);
    result.json["model"] = name;
    models_.push_back(std::move(result.json));
    return {};
  }

  // On a device with memory of its own, models run whole in ONNX.
  Result<std::unique_ptr<backend::Executable>> alone(const std::string& file, const backend::Model& model,
                                                     const backend::CompileOptions& member) const {
    return backend::info(member.provider).onnx_only ? runtime_->load(file, member) : runtime_->compile(model, member);
  }

  Status measure(const std::string& name, const backend::Model& model) {
    profile::OperatorTiming timing;
    timing.model_file = name;
    timing.control = {.on_progress = cli::progress_line(), .stop = &cli::interrupted()};
    SL_ASSIGN_OR_RETURN(const auto operators, profile::measure_operators(*runtime_, model, members_, timing));
    if (!options_.neighbour.empty()) return beside_neighbour(name, model, operators);
    SL_ASSIGN_OR_RETURN(const place::Placed placed, place::place_exactly(operators.table, {}));
    SL_ASSIGN_OR_RETURN(const place::Placed on_cpu, place::place_on_cpu(operators.table, {}));
    const backend::HybridPlan plan = profile::hybrid_plan(model.graph(), operators, placed.placement);
    zoo::Boundaries boundaries(1);
    std::vector<Way> ways;
    runs_.clear();
    for (std::size_t m = 0; m < members_.size(); ++m)
      SL_RETURN_IF_ERROR(add(names_[m] + " alone", alone(name, model, members_[m]), ways));
    if (members_[0].device == "CPU" && members_[1].device == "CPU") {
      backend::CompileOptions two;
      two.threads = static_cast<int>(members_[0].cores.size() + members_[1].cores.size());
      SL_RETURN_IF_ERROR(add("openvino on both", runtime_->compile(model, two), ways));
    }
    const backend::HybridOptions hybrid{members_, {plan}, [this](const backend::HybridRun& run) {
                                          runs_.push_back(run);
                                          return std::size_t{0};
                                        }};
    SL_RETURN_IF_ERROR(add("hybrid", backend::compile_hybrid(*runtime_, model, hybrid, name), ways));
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
    report(name, ways, placed, on_cpu.latency, plan, operators.table.groups.size());
    return {};
  }

  static Status add(std::string name, Result<std::unique_ptr<backend::Executable>> executable, std::vector<Way>& ways) {
    if (!executable.ok()) return executable.status();
    ways.push_back({.name = std::move(name), .executable = std::move(*executable)});
    return {};
  }

  Status time(std::vector<Way>& ways) {
    constexpr int kWarmUp = 2;
    std::mt19937 order(0);
    std::vector<std::size_t> turn(ways.size());
    std::iota(turn.begin(), turn.end(), std::size_t{0});
    for (int round = -kWarmUp; round < options_.rounds && !cli::interrupted(); ++round) {
      if (round == 0) runs_.clear();
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

  // Of the first member's time the part in which the other one must have worked too, for both fit into the latency.
  std::optional<double> beside(const Way& hybrid) const {
    std::vector<double> shares;
    for (std::size_t i = 0; i < runs_.size() && i < hybrid.ms.size(); ++i) {
      const double first = runs_[i].members[0], rest = runs_[i].members[1] + runs_[i].copies;
      if (first > 0) shares.push_back(std::clamp((first + rest - hybrid.ms[i] / 1e3) / first, 0.0, 1.0));
    }
    if (shares.empty()) return std::nullopt;
    return quartiles(std::move(shares)).median;
  }

  void report(const std::string& name, const std::vector<Way>& ways, const place::Placed& placed, double on_cpu,
              const backend::HybridPlan& plan, std::size_t groups) {
    Json rows = Json::array();
    const auto in_parts = static_cast<std::size_t>(
        std::count_if(plan.begin(), plan.end(), [](const auto& step) { return step.range.has_value(); }));
    const std::optional<double> shared = beside(ways.back());
    for (const Way& way : ways) {
      if (way.ms.empty()) continue;
      const auto ms = quartiles(way.ms), over_first = ratio(way, ways[0]),
                 over_other = ratio(way, ways[ways.size() - 2]);
      const bool hybrid = &way == &ways.back();
      table_.add({name, way.name, fmt::format("{:.3f}", ms.median), fmt::format("{:.3f}", ms.q1),
                  fmt::format("{:.3f}", ms.q3), fmt::format("{:.2f}", over_first.median),
                  fmt::format("{:.2f}", over_other.median), fmt::format("{:.1e}", way.difference),
                  hybrid ? fmt::format("{} groups, {} steps, {} in parts", groups, plan.size(), in_parts) : "",
                  hybrid             ? fmt::format("{:.3f}", placed.latency * 1e3)
                  : &way == &ways[0] ? fmt::format("{:.3f}", on_cpu * 1e3)
                                     : "",
                  hybrid && shared ? fmt::format("{:.0f} %", *shared * 100) : ""});
      rows.push_back({{"way", way.name},
                      {"ms", report::quartiles_json(ms)},
                      {"over_first", report::quartiles_json(over_first)},
                      {"over_last_but_hybrid", report::quartiles_json(over_other)},
                      {"max_rel_diff", way.difference}});
    }
    models_.push_back({{"model", name},
                       {"groups", groups},
                       {"steps", plan.size()},
                       {"in_parts", in_parts},
                       {"predicted_ms", placed.latency * 1e3},
                       {"optimal", placed.optimal},
                       {"gap", placed.gap()},
                       {"beside", shared ? Json(*shared) : Json()},
                       {"ways", std::move(rows)}});
  }

  const Options& options_;
  std::unique_ptr<backend::Runtime> runtime_;
  std::vector<backend::CompileOptions> members_;
  std::vector<std::string> names_;
  std::vector<backend::HybridRun> runs_;  // of the model that is measured
  report::Table table_{{"model", "way", "ms", "q1", "q3", "over the first", "over the last but hybrid",
                        "answers differ by", "hybrid", "predicted ms", "beside"}};
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
      .add_option("--devices", options->devices, "the two processors that execute: cpu0,webgpu0 (default: two cores)")
      ->delimiter(',');
  command.add_option("--neighbour", options->neighbour,
                     "compute beside the model on the cores of this one of them for half of the time, and show how its "
                     "placement follows");
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
