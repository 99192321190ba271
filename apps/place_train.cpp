#include "apps/place_train.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "apps/place_costs.h"
#include "cli/program.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/printable.h"
#include "sparseloom/place/learned/policy_file.h"
#include "sparseloom/place/learned/training.h"
#include "sparseloom/report/table.h"

namespace sparseloom::apps {
namespace {

struct TrainArguments {
  cli::SubjectOptions subject;
  std::string soc;
  std::string cost_model = "makespan";
  std::optional<double> handover_us;
  std::uint64_t seed = 1;
  std::size_t steps = place::TrainingOptions().steps;
  double seconds = 120;
  std::string out;
  std::string json;
};

// Latency over that of `exact`, by state, of the policy's most likely actions, and with its roll-outs.
struct Fit {
  std::vector<double> policy, rolled_out;
};

Result<Fit> fit_of(const place::CostTable& table, const place::Training& training, place::CostModel model) {
  Fit fit;
  for (const place::MachineState& state : training.states) {
    SL_ASSIGN_OR_RETURN(const place::Placed exact, place::place_exactly(in_state(table, state), {.model = model}));
    SL_ASSIGN_OR_RETURN(const place::Decision decision, place::decide(table, state, training.policy));
    fit.policy.push_back(decision.policy_latency / exact.latency);
    fit.rolled_out.push_back(decision.placed.latency / exact.latency);
  }
  return fit;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// A tenth of the points, and the best.
void print_curve(const place::Training& training) {
  report::Table curve({"inferences", "groups placed", "latency over one processor, mean of states", "temperature"});
  const std::size_t every = std::max<std::size_t>(1, training.curve.size() / 10);
  for (std::size_t k = 0; k < training.curve.size(); ++k) {
    const place::CurvePoint& point = training.curve[k];
    if (k % every != 0 && k != training.best) continue;
    curve.add({fmt::format("{}", point.episodes), fmt::format("{}", point.steps),
               fmt::format("{:.3f}{}", point.relative, k == training.best ? " (kept)" : ""),
               fmt::format("{:.3f}", point.temperature)});
  }
  fmt::print("{}", curve.text());
}

Json to_json(const place::Training& training, const Fit& fit, double seconds) {
  Json curve = Json::array(), states = Json::array();
  for (const place::CurvePoint& point : training.curve) {
    curve.push_back({{"episodes", point.episodes},
                     {"steps", point.steps},
                     {"updates", point.updates},
                     {"over_one_processor", std::isfinite(point.relative) ? Json(point.relative) : Json()},
                     {"temperature", point.temperature}});
  }
  for (std::size_t s = 0; s < training.states.size(); ++s) {
    states.push_back({{"slow_downs", training.states[s].slow_down},
                      {"policy_over_exact", fit.policy[s]},
                      {"roll_outs_over_exact", fit.rolled_out[s]}});
  }
  return {{"seed", training.policy.seed},
          {"steps", training.policy.steps},
          {"seconds", seconds},
          {"curve", std::move(curve)},
          {"states", std::move(states)}};
}

Status train(const TrainArguments& arguments) {
  SL_RETURN_IF_ERROR(cli::check_writable("--out", arguments.out));
  SL_RETURN_IF_ERROR(cli::check_writable("--json", arguments.json));
  SL_RETURN_IF_ERROR(cli::check_subject("place train-sac", arguments.subject));
  if (!(arguments.seconds > 0))
    return error(Code::kInvalidArgument, "--seconds: {}; allowed: above 0", arguments.seconds);
  SL_ASSIGN_OR_RETURN(const place::CostModel model, place::find_cost_model(arguments.cost_model));
  if (arguments.soc != kHost) SL_RETURN_IF_ERROR(cli::find_soc(arguments.soc).status());
  SL_ASSIGN_OR_RETURN(const cli::Subject subject, cli::read_subject(arguments.subject));
  CostsOfBatches all_costs(subject, arguments.soc, arguments.handover_us);
  SL_ASSIGN_OR_RETURN(const Costs* costs, all_costs.of(1));
  place::TrainingOptions options;
  options.model = model;
  options.seed = arguments.seed;
  options.steps = arguments.steps;
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return Seconds(std::chrono::steady_clock::now() - start); };
  const profile::OnProgress line = cli::progress_line();
  SL_ASSIGN_OR_RETURN(const place::Training training,
                      place::train_sac(costs->table, options, [&](const place::CurvePoint& point) {
                        const std::size_t done = std::min(point.steps, arguments.steps);
                        line({.what = "training",
                              .done = done,
                              .total = arguments.steps,
                              .elapsed = elapsed(),
                              .per_second = static_cast<double>(done) / elapsed().count(),
                              .unit = "groups placed",
                              .left = {}});
                        return !cli::interrupted() && elapsed().count() < arguments.seconds;
                      }));
  SL_RETURN_IF_ERROR(cli::cancelled_if_interrupted());
  const double seconds = elapsed().count();
  SL_ASSIGN_OR_RETURN(const Fit fit, fit_of(costs->table, training, model));
  fmt::print("{} on {}, {} operator groups, {} model, seed {}: trained in {:.1f} s\n\n", printable(subject.name),
             costs->soc, costs->table.groups.size(), arguments.cost_model, arguments.seed, seconds);
  print_curve(training);
  fmt::print("\nOver exact: {:.3f} as the machine is, mean {:.3f} over {} states; with roll-outs {:.3f}, mean {:.3f}\n",
             fit.policy.front(), mean_of(fit.policy), fit.policy.size(), fit.rolled_out.front(),
             mean_of(fit.rolled_out));
  SL_RETURN_IF_ERROR(write_file(arguments.out, place::format_policy(training.policy)));
  if (arguments.json.empty()) return {};
  return write_file(arguments.json, to_json(training, fit, seconds).dump(1) + "\n");
}

}  // namespace

std::function<Status()> add_train_sac(CLI::App& command) {
  auto arguments = std::make_shared<TrainArguments>();
  cli::add_subject_options(command, arguments->subject);
  command.add_option("--soc", arguments->soc, "the machine, as of place")->required();
  command.add_option("--cost-model", arguments->cost_model, "as of place");
  command.add_option("--handover-us", arguments->handover_us, "as of place");
  command.add_option("--seed", arguments->seed, "of all that is random")->capture_default_str();
  command.add_option("--steps", arguments->steps, "operator groups to place, then it ends")
      ->check(CLI::Range(1, 100'000'000))
      ->capture_default_str();
  command.add_option("--seconds", arguments->seconds, "it ends after that long, too")->capture_default_str();
  command.add_option("--out", arguments->out, "the policy's file, for place --policy")->required();
  command.add_option("--json", arguments->json,
                     "also write the learning curve, and how the policy compares with exact");
  return [arguments] { return train(*arguments); };
}

}  // namespace sparseloom::apps
