#include "bench/bench_policies.h"

#include <fmt/format.h>

#include "bench/bench_commands.h"
#include "bench/decision_cost.h"
#include "cli/policies_option.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/report/charts.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/report/table.h"
#include "sparseloom/simulate/generate.h"

namespace sparseloom::bench {
namespace {

Result<Json> bench_agreement(simulate::Benchmark& benchmark) {
  Json rows = Json::array();
  fmt::print("\nDecisions that dysta_fixed takes as dysta does, the same stages waiting (1,000 requests, Poisson):\n");
  for (const double load : {0.7, 0.85, 1.1}) {
    simulate::Generator requests(benchmark, {.requests = 1000, .load = load});
    SL_ASSIGN_OR_RETURN(const double share, decision_agreement(benchmark, "dysta", "dysta_fixed", requests));
    fmt::print("  load {:<4}: {:.3f} %\n", load, 100 * share);
    rows.push_back({{"load", load}, {"agreement", share}});
  }
  return rows;
}

}  // namespace

Status bench_policies(const PolicyBenchOptions& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_RETURN_IF_ERROR(cli::check_writable("--html", options.html));
  SL_ASSIGN_OR_RETURN(const auto policies, cli::parse_policies(options.policies));
  SL_ASSIGN_OR_RETURN(const auto benchmark, simulate::Benchmark::load(options.traces));
  fmt::print("Time of one decision in us (median [quartiles]) by how many stages wait:\n");
  std::vector<std::string> header{"policy"};
  report::Chart chart{"Time of a decision", "stages waiting", "us", {}, {}, true, true};
  for (const std::size_t waiting : options.waiting) {
    header.push_back(fmt::format("{} waiting", waiting));
    chart.x.push_back(static_cast<double>(waiting));
  }
  report::Table table(header);
  Json rows = Json::array();
  for (const std::string_view policy : policies) {
    std::vector<std::string> cells{std::string(policy)};
    report::Series& series = chart.series.emplace_back(report::Series{std::string(policy), {}, {}, {}});
    for (const std::size_t waiting : options.waiting) {
      SL_ASSIGN_OR_RETURN(const Quartiles<double> cost, measure_decision_cost(*benchmark, policy, waiting));
      const Quartiles<double> us{cost.median * 1e6, cost.q1 * 1e6, cost.q3 * 1e6};
      cells.push_back(fmt::format("{:.3f} [{:.3f}..{:.3f}]", us.median, us.q1, us.q3));
      series.y.push_back(us.median), series.low.push_back(us.q1), series.high.push_back(us.q3);
      rows.push_back({{"policy", policy}, {"waiting", waiting}, {"decision_us", report::quartiles_json(us)}});
    }
    table.add(std::move(cells));
  }
  fmt::print("{}", table.text());
  SL_ASSIGN_OR_RETURN(const Json agreement, bench_agreement(*benchmark));
  if (!options.json.empty()) {
    const Json document{{"rows", rows}, {"dysta_fixed_agreement", agreement}};
    SL_RETURN_IF_ERROR(write_file(options.json, document.dump(2) + "\n"));
  }
  if (options.html.empty()) return {};
  return write_file(options.html,
                    report::page("What a decision costs",
                                 "<p>Medians and quartiles over batches of decisions.</p>\n" + report::figure(chart)));
}

std::function<Status()> add_policies(CLI::App& command) {
  auto options = std::make_shared<PolicyBenchOptions>();
  options->policies = {"all", "edf", "dysta_fixed", "stretch"};
  command.add_option("--traces", options->traces, "folder of traces to make requests over (docs/simulate.md)")
      ->required();
  command.add_option("--policy", options->policies, "policies; all: the ten of the public benchmark")
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--waiting", options->waiting, "how many stages wait")
      ->delimiter(',')
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  command.add_option("--json", options->json, "write the figures here");
  command.add_option("--html", options->html, "write a page with a chart here");
  return [options] { return bench_policies(*options); };
}

}  // namespace sparseloom::bench
