#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "apps/commands.h"
#include "apps/policies_option.h"
#include "apps/setup.h"
#include "apps/table.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/simulate/benchmark.h"

namespace sparseloom::apps {
namespace {

struct SimulateOptions {
  std::string traces, requests, finish_csv, json;
  std::vector<std::string> policies{"all"};
  std::string admission;
  std::size_t processors = 1;
};

Result<simulate::Admission> parse_admission(const std::string& name, std::size_t processors) {
  if (name == "standard") return simulate::Admission::kStandard;
  if (name == "benchmark" || name.empty()) {
    if (processors == 1) return simulate::Admission::kBenchmark;
    if (name.empty()) return simulate::Admission::kStandard;
    return error(Code::kInvalidArgument, "--admission benchmark: defined for one processor; got --processors {}",
                 processors);
  }
  return error(Code::kInvalidArgument, "--admission {}: allowed: benchmark, standard", name);
}

void print_results(const std::vector<std::string_view>& policies, const std::vector<simulate::Metrics>& results) {
  Table table({"policy", "violations %", "ANTT", "STP 1/s", "p50 ms", "p95 ms", "p99 ms", "busy %", "preemptions"});
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const simulate::Metrics& m = results[i];
    std::vector<std::string> busy;
    for (const double share : m.utilisation) busy.push_back(fmt::format("{:.1f}", 100 * share));
    table.add({std::string(policies[i]), fmt::format("{:.2f}", 100 * m.violation_rate()), fmt::format("{:.3f}", m.antt),
               fmt::format("{:.2f}", m.throughput), fmt::format("{:.2f}", to_ms(m.p50)),
               fmt::format("{:.2f}", to_ms(m.p95)), fmt::format("{:.2f}", to_ms(m.p99)),
               fmt::format("{}", fmt::join(busy, " ")), fmt::format("{}", m.preemptions)});
  }
  fmt::print("{}", table.text());
}

Json results_json(const std::vector<std::string_view>& policies, const std::vector<simulate::Metrics>& results) {
  Json document = Json::object();
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const simulate::Metrics& m = results[i];
    document[std::string(policies[i])] = {
        {"requests", m.requests},
        {"violation_rate", m.violation_rate()},
        {"antt", m.antt},
        {"stp_inf_per_s", m.throughput},
        {"latency_ms", {{"p50", to_ms(m.p50)}, {"p95", to_ms(m.p95)}, {"p99", to_ms(m.p99)}}},
        {"utilisation", m.utilisation},
        {"preemptions", m.preemptions},
        {"decisions", m.stages}};
  }
  return document;
}

Status simulate_traces(const SimulateOptions& options) {
  SL_RETURN_IF_ERROR(check_writable("--finish-csv", options.finish_csv));
  SL_RETURN_IF_ERROR(check_writable("--json", options.json));
  SL_ASSIGN_OR_RETURN(const std::vector<std::string_view> policies, parse_policies(options.policies));
  SL_ASSIGN_OR_RETURN(const simulate::Admission admission, parse_admission(options.admission, options.processors));
  interrupted();
  SL_ASSIGN_OR_RETURN(const auto benchmark, simulate::Benchmark::load(options.traces));
  SL_ASSIGN_OR_RETURN(simulate::RequestFile requests, simulate::RequestFile::open(options.requests, *benchmark));
  std::optional<simulate::FinishTable> finish_table;
  if (!options.finish_csv.empty()) {
    SL_ASSIGN_OR_RETURN(simulate::FinishTable table, simulate::FinishTable::create(options.finish_csv, policies));
    finish_table.emplace(std::move(table));
  }
  simulate::Stage stage = stage_for(*benchmark, options.processors);
  stage.admission = admission;
  SL_ASSIGN_OR_RETURN(
      const auto results,
      simulate::compare_policies(stage, policies, requests,
                                 {.finish_table = finish_table ? &*finish_table : nullptr, .stop = &interrupted()}));
  fmt::print("{} requests for {} models on {} simulated processor{}\n", results[0].requests, benchmark->models().size(),
             options.processors, options.processors == 1 ? "" : "s");
  print_results(policies, results);
  if (finish_table) SL_RETURN_IF_ERROR(finish_table->commit());
  if (!options.json.empty()) {
    SL_RETURN_IF_ERROR(write_file(options.json, results_json(policies, results).dump(2) + "\n"));
  }
  return {};
}

}  // namespace

std::function<Status()> add_simulate(CLI::App& command) {
  auto options = std::make_shared<SimulateOptions>();
  command
      .add_option("--traces", options->traces,
                  "folder of the benchmark's traces, a <model>.csv each (docs/simulate.md)")
      ->required();
  command.add_option("--requests", options->requests, "the benchmark's request file")->required();
  command.add_option("--policy", options->policies, "policies to compare; all: the ten of the benchmark")
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--processors", options->processors, "equal processors")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command.add_option("--admission", options->admission,
                     "benchmark: as published, the default on one processor; standard: on arrival");
  command.add_option("--finish-csv", options->finish_csv, "write finish times here, a column per policy");
  command.add_option("--json", options->json, "write the metrics here");
  return [options] { return simulate_traces(*options); };
}

}  // namespace sparseloom::apps
