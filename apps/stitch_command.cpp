#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <memory>

#include "apps/commands.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/names.h"
#include "sparseloom/plan/names.h"
#include "sparseloom/profile/stitched.h"
#include "sparseloom/report/accuracy_note.h"
#include "sparseloom/report/profile_trust.h"
#include "sparseloom/report/table.h"

namespace sparseloom::apps {
namespace {

struct Options {
  std::string zoo;
  std::string task;
  std::string variant;
  std::string split = "profile";
  std::int64_t samples = 0;
  int rounds = 50;
  std::string json;
};

// "a,b,c", or one name for an original variant.
Result<zoo::Sigma> parse_sigma(const zoo::Task& task, const std::string& text) {
  zoo::Sigma sigma;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    SL_ASSIGN_OR_RETURN(const zoo::VariantId variant, task.variant(text.substr(start, end - start)));
    sigma.push_back(variant);
    start = end + 1;
  }
  if (sigma.size() == 1) sigma.assign(task.stages(), sigma.front());
  if (sigma.size() == task.stages()) return sigma;
  return error(Code::kInvalidArgument, "--variant: {} names; task '{}' has {} stages: give {} names, or one for all",
               sigma.size(), task.name, task.stages(), task.stages());
}

struct Evaluated {
  zoo::Sigma sigma;
  profile::Accuracy accuracy;
  std::vector<profile::PlacementLatency> placements;
};

Json to_json(const Options& options, const cli::Setup& setup, const zoo::Task& task, const Evaluated& result) {
  const auto [low, high] = profile::interval95(result.accuracy);
  Json placements = Json::array();
  for (const auto& p : result.placements) {
    placements.push_back({{"placement", plan::processor_names(setup.soc, p.placement)},
                          {"latency_ms",
                           {{"median", to_ms(p.latency.median)},
                            {"q1", to_ms(p.latency.q1)},
                            {"q3", to_ms(p.latency.q3)},
                            {"count", p.latency.count},
                            {"disturbed", profile::disturbed(p.latency)}}}});
  }
  return {{"machine", setup.soc.name},
          {"task", task.name},
          {"variant", plan::variant_names(task, result.sigma)},
          {"split", options.split},
          {"samples", result.accuracy.samples},
          {"accuracy", result.accuracy.fraction()},
          {"accuracy_kind", task.accuracy_kind},
          {"accuracy_ci", {low, high}},
          {"placements", std::move(placements)}};
}

void print(const Options& options, const cli::Setup& setup, const zoo::Task& task, const Evaluated& result) {
  const auto [low, high] = profile::interval95(result.accuracy);
  fmt::print("task {}, {}, {}\naccuracy {:.1f} % ({}/{} {} samples; 95 % interval {:.1f}..{:.1f} %)\n{}\n", task.name,
             zoo::describe(task, result.sigma), setup.soc.name, 100 * result.accuracy.fraction(),
             result.accuracy.correct, result.accuracy.samples, options.split, 100 * low, 100 * high,
             report::accuracy_note(setup.zoo));
  report::Table table({"placement", "latency ms", "q1 ms", "q3 ms", "runs"});
  for (const auto& p : result.placements) {
    table.add({fmt::format("{}", fmt::join(plan::processor_names(setup.soc, p.placement), "|")),
               report::marked_ms(p.latency.median, profile::disturbed(p.latency), 3),
               fmt::format("{:.3f}", to_ms(p.latency.q1)), fmt::format("{:.3f}", to_ms(p.latency.q3)),
               fmt::format("{}", p.latency.count)});
  }
  fmt::print("{}{}", table.text(), report::mark_legend(table.text()));
}

Status run(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  if (options.split != "profile" && options.split != "test") {
    return unknown_name("--split", options.split, std::array{"profile", "test"});
  }
  if (options.rounds < 1) return error(Code::kInvalidArgument, "--rounds: {}; at least 1", options.rounds);
  SL_ASSIGN_OR_RETURN(const auto setup,
                      cli::make_setup(options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo)));
  SL_ASSIGN_OR_RETURN(const zoo::TaskId id, setup->zoo.find_task(options.task));
  const zoo::Task& task = setup->zoo.task(id);
  Evaluated result;
  SL_ASSIGN_OR_RETURN(result.sigma, parse_sigma(task, options.variant));
  const zoo::Split& split = options.split == "test" ? task.test : task.profile;
  if (options.samples < 0 || options.samples > split.samples) {
    return error(Code::kInvalidArgument, "--samples: {}; the {} split of '{}' has {}", options.samples, options.split,
                 task.name, split.samples);
  }
  const std::int64_t samples = options.samples == 0 ? split.samples : options.samples;
  SL_ASSIGN_OR_RETURN(const zoo::Dataset data, zoo::Dataset::load(setup->zoo, task, split));
  const profile::Control control{.on_progress = cli::progress_line(), .stop = &cli::interrupted()};
  SL_ASSIGN_OR_RETURN(result.accuracy,
                      profile::run_accuracy(setup->zoo, *setup->runtime, *setup->pieces, id, result.sigma, data,
                                            static_cast<std::size_t>(samples), control));
  profile::PlacementOptions placing;
  placing.rounds = options.rounds;
  placing.lock.who = "sparseloom stitch";
  placing.control = control;
  SL_ASSIGN_OR_RETURN(result.placements, profile::measure_placements(setup->soc, *setup->runtime, *setup->pieces, id,
                                                                     result.sigma, data, placing));
  if (!options.json.empty()) {
    SL_RETURN_IF_ERROR(write_file(options.json, to_json(options, *setup, task, result).dump(2) + "\n"));
  }
  print(options, *setup, task, result);
  return {};
}

}  // namespace

std::function<Status()> add_stitch(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--zoo", options->zoo, "folder of the zoo (default: zoos/demo)");
  command.add_option("--task", options->task, "task of the zoo")->required();
  command.add_option("--variant", options->variant, "one variant per stage, v1,v2,v3; one name: an original variant")
      ->required();
  command.add_option("--split", options->split, "data to count right answers on: profile or test");
  command.add_option("--samples", options->samples, "use only the first N samples of it (default: all)");
  command.add_option("--rounds", options->rounds, "timed runs per placement");
  command.add_option("--json", options->json, "also write the result to this file");
  return [options] { return run(*options); };
}

}  // namespace sparseloom::apps
