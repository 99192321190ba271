#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "apps/commands.h"
#include "cli/policies_option.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/names.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/report/charts.h"
#include "sparseloom/report/table.h"
#include "sparseloom/simulate/generate.h"

namespace sparseloom::apps {
namespace {

using Kind = simulate::GeneratorOptions::Kind;

struct SweepOptions {
  std::string traces, against = "dysta", arrivals = "poisson", json, html;
  std::vector<std::string> policies{"all", "edf", "stretch"};
  std::vector<double> loads{0.7, 0.85, 1.0, 1.1}, slos{10};
  std::size_t seeds = 30, first_seed = 1, requests = 1000, processors = 1;
};

/// One policy's results over the seeds, in one scenario.
struct Outcome {
  std::vector<double> violation_rate, antt, throughput;  // by seed
};

struct Scenario {
  double load = 0, slo_multiplier = 0;
  std::vector<Outcome> outcomes;  // by policy
};

Result<Kind> parse_kind(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, Kind>, 3> kKinds{
      {{"poisson", Kind::kPoisson}, {"periodic", Kind::kPeriodic}, {"bursty", Kind::kBursty}}};
  for (const auto& [known, kind] : kKinds) {
    if (name == known) return kind;
  }
  return unknown_name("--arrivals", name, std::array{"poisson", "periodic", "bursty"});
}

Result<Scenario> play(const SweepOptions& options, const std::vector<std::string_view>& policies, Kind kind,
                      simulate::Benchmark& benchmark, double load, double slo) {
  Scenario scenario{load, slo, std::vector<Outcome>(policies.size())};
  const simulate::Stage stage = cli::stage_for(benchmark, options.processors);
  for (std::size_t s = 0; s < options.seeds; ++s) {
    simulate::Generator requests(benchmark, {.kind = kind,
                                             .requests = options.requests,
                                             .load = load,
                                             .slo_multiplier = slo,
                                             .seed = options.first_seed + s,
                                             .processors = options.processors});
    SL_ASSIGN_OR_RETURN(const auto results,
                        simulate::compare_policies(stage, policies, requests, {.stop = &cli::interrupted()}));
    for (std::size_t i = 0; i < policies.size(); ++i) {
      scenario.outcomes[i].violation_rate.push_back(results[i].violation_rate());
      scenario.outcomes[i].antt.push_back(results[i].antt);
      scenario.outcomes[i].throughput.push_back(results[i].throughput);
    }
  }
  return scenario;
}

/// Seed by seed: the same requests under both.
Mean difference(const std::vector<double>& ours, const std::vector<double>& theirs) {
  std::vector<double> differences;
  for (std::size_t s = 0; s < ours.size(); ++s) differences.push_back(ours[s] - theirs[s]);
  return mean95(differences);
}

std::string seeds_text(const SweepOptions& options, std::string_view intervals) {
  return options.seeds == 1 ? "one seed" : fmt::format("means of {} seeds {} 95 % intervals", options.seeds, intervals);
}

std::string with_interval(const Mean& m, double unit, int digits) {
  if (std::isnan(m.half_width)) return fmt::format("{:.{}f}", m.mean * unit, digits);
  return fmt::format("{:.{}f} ±{:.{}f}", m.mean * unit, digits, m.half_width * unit, digits);
}

void print(const Scenario& scenario, const std::vector<std::string_view>& policies, std::size_t against) {
  fmt::print("\nLoad {}, SLO {} x the isolated time:\n", scenario.load, scenario.slo_multiplier);
  report::Table table({"policy", "violations %", "ANTT", "STP 1/s", fmt::format("violations - {}'s", policies[against]),
                       fmt::format("ANTT - {}'s", policies[against])});
  const Outcome& base = scenario.outcomes[against];
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const Outcome& o = scenario.outcomes[i];
    table.add({std::string(policies[i]), with_interval(mean95(o.violation_rate), 100, 2),
               with_interval(mean95(o.antt), 1, 3), with_interval(mean95(o.throughput), 1, 2),
               i == against ? "" : with_interval(difference(o.violation_rate, base.violation_rate), 100, 2),
               i == against ? "" : with_interval(difference(o.antt, base.antt), 1, 3)});
  }
  fmt::print("{}", table.text());
}

Json mean_json(const Mean& m) {
  return {{"mean", m.mean}, {"ci95", std::isnan(m.half_width) ? Json(nullptr) : Json{m.low(), m.high()}}};
}

Json rows_json(const std::vector<Scenario>& scenarios, const std::vector<std::string_view>& policies,
               std::size_t against) {
  Json rows = Json::array();
  for (const Scenario& s : scenarios) {
    for (std::size_t i = 0; i < policies.size(); ++i) {
      const Outcome &o = s.outcomes[i], &base = s.outcomes[against];
      rows.push_back({{"load", s.load},
                      {"slo_multiplier", s.slo_multiplier},
                      {"policy", policies[i]},
                      {"violation_rate", mean_json(mean95(o.violation_rate))},
                      {"antt", mean_json(mean95(o.antt))},
                      {"stp_inf_per_s", mean_json(mean95(o.throughput))},
                      {"violation_rate_difference", mean_json(difference(o.violation_rate, base.violation_rate))},
                      {"antt_difference", mean_json(difference(o.antt, base.antt))}});
    }
  }
  return rows;
}

/// One chart per fixed value of the other parameter.
template <typename Fixed, typename Moving>
void add_charts(std::vector<report::Chart>& charts, const std::vector<Scenario>& scenarios,
                const std::vector<std::string_view>& policies, const std::vector<double>& fixed_values,
                const char* fixed_name, const char* moving_name, const Fixed& fixed, const Moving& moving) {
  struct Quantity {
    const char* name;
    std::vector<double> Outcome::*values;
    double unit;
    bool log;
  };
  constexpr std::array kQuantities{Quantity{"violations, %", &Outcome::violation_rate, 100, false},
                                   Quantity{"ANTT", &Outcome::antt, 1, true},
                                   Quantity{"STP, requests/s", &Outcome::throughput, 1, false}};
  for (const double value : fixed_values) {
    for (const Quantity& quantity : kQuantities) {
      report::Chart chart{fmt::format("{} at {} {}", quantity.name, fixed_name, value),
                          moving_name,
                          quantity.name,
                          {},
                          {},
                          false,
                          quantity.log};
      for (const std::string_view policy : policies)
        chart.series.push_back({.name = std::string(policy), .y = {}, .low = {}, .high = {}});
      for (const Scenario& s : scenarios) {
        if (fixed(s) != value) continue;
        chart.x.push_back(moving(s));
        for (std::size_t i = 0; i < policies.size(); ++i) {
          const Mean m = mean95(s.outcomes[i].*quantity.values);
          chart.series[i].y.push_back(m.mean * quantity.unit);
          chart.series[i].low.push_back(m.low() * quantity.unit);
          chart.series[i].high.push_back(m.high() * quantity.unit);
        }
      }
      charts.push_back(std::move(chart));
    }
  }
}

std::string html(const SweepOptions& options, const std::vector<Scenario>& scenarios,
                 const std::vector<std::string_view>& policies) {
  std::vector<report::Chart> charts;
  const auto load = [](const Scenario& s) { return s.load; };
  const auto slo = [](const Scenario& s) { return s.slo_multiplier; };
  if (options.loads.size() > 1) {
    add_charts(charts, scenarios, policies, options.slos, "SLO multiplier", "load", slo, load);
  }
  if (options.slos.size() > 1) {
    add_charts(charts, scenarios, policies, options.loads, "load", "SLO multiplier", load, slo);
  }
  std::string body = "<p>" +
                     report::escaped(fmt::format("Simulated: traces {}, {} arrivals, {} requests, {} processor(s), {}.",
                                                 options.traces, options.arrivals, options.requests, options.processors,
                                                 seeds_text(options, "with their"))) +
                     "</p>\n";
  for (const report::Chart& chart : charts) body += report::figure(chart);
  return report::page("Scheduling policies over load and SLO", body);
}

Status sweep(const SweepOptions& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_RETURN_IF_ERROR(cli::check_writable("--html", options.html));
  SL_ASSIGN_OR_RETURN(const Kind kind, parse_kind(options.arrivals));
  SL_ASSIGN_OR_RETURN(std::vector<std::string_view> policies, cli::parse_policies(options.policies));
  SL_ASSIGN_OR_RETURN(const auto base, cli::parse_policies({options.against}));
  if (base.size() != 1) return error(Code::kInvalidArgument, "--against {}: allowed: one policy", options.against);
  auto found = std::find(policies.begin(), policies.end(), base[0]);
  if (found == policies.end()) found = policies.insert(policies.end(), base[0]);
  const auto against = static_cast<std::size_t>(found - policies.begin());
  cli::interrupted();
  SL_ASSIGN_OR_RETURN(const auto benchmark, simulate::Benchmark::load(options.traces));
  fmt::print("{} models, {} arrivals, {} requests, {} simulated processor{}, {}\n", benchmark->models().size(),
             options.arrivals, options.requests, options.processors, options.processors == 1 ? "" : "s",
             seeds_text(options, "±"));
  std::vector<Scenario> scenarios;
  for (const double slo : options.slos) {
    for (const double load : options.loads) {
      SL_ASSIGN_OR_RETURN(Scenario scenario, play(options, policies, kind, *benchmark, load, slo));
      print(scenario, policies, against);
      std::fflush(stdout);
      scenarios.push_back(std::move(scenario));
    }
  }
  if (!options.json.empty()) {
    const Json document{{"against", base[0]}, {"rows", rows_json(scenarios, policies, against)}};
    SL_RETURN_IF_ERROR(write_file(options.json, document.dump(2) + "\n"));
  }
  if (!options.html.empty()) SL_RETURN_IF_ERROR(write_file(options.html, html(options, scenarios, policies)));
  return {};
}

}  // namespace

std::function<Status()> add_sweep(CLI::App& command) {
  auto options = std::make_shared<SweepOptions>();
  const auto positive = CLI::Range(1e-3, 1e6);
  command.add_option("--traces", options->traces, "folder of traces, a <model>.csv each (docs/simulate.md)")
      ->required();
  command.add_option("--policy", options->policies, "policies to compare; all: the ten of the public benchmark")
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--against", options->against, "the policy that the others' differences are from")
      ->capture_default_str();
  command.add_option("--load", options->loads, "work that arrives over what the processors can do")
      ->delimiter(',')
      ->check(positive)
      ->capture_default_str();
  command.add_option("--slo", options->slos, "latency bounds, in times that a model takes alone")
      ->delimiter(',')
      ->check(positive)
      ->capture_default_str();
  command.add_option("--arrivals", options->arrivals, "poisson, periodic or bursty")->capture_default_str();
  command.add_option("--requests", options->requests, "requests of one run")
      ->check(CLI::Range(1, 100'000'000))
      ->capture_default_str();
  command.add_option("--seeds", options->seeds, "runs of each scenario")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command.add_option("--first-seed", options->first_seed, "seed of the first run; the others follow")
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  command.add_option("--processors", options->processors, "equal processors")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command.add_option("--json", options->json, "write the means and intervals here");
  command.add_option("--html", options->html, "write a page with charts here");
  return [options] { return sweep(*options); };
}

}  // namespace sparseloom::apps
