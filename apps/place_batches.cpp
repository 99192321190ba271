#include "apps/place_batches.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <ranges>

#include "sparseloom/place/energy.h"
#include "sparseloom/report/table.h"

namespace sparseloom::apps {
namespace {

// JSON has no infinity.
Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(); }

std::string millijoules(const std::optional<double>& joules) {
  return joules ? fmt::format("{:.3f}", *joules * 1e3) : "-";
}

// "largest", or how far from it the choice may be.
std::string certificate(const place::BatchChoice& choice, place::Objective objective) {
  const bool throughput = objective == place::Objective::kThroughput;
  if (choice.proven) return throughput ? "proven most" : "proven least";
  if (!std::isfinite(choice.bound)) return "not proven";
  return throughput ? fmt::format("no batch has more than {:.1f}", choice.bound)
                    : fmt::format("no batch takes less than {:.3f} mJ", choice.bound * 1e3);
}

}  // namespace

void add_batch_options(CLI::App& command, BatchArguments& arguments) {
  command.add_option("--latency-ms", arguments.latency_ms,
                     "look for the batch of the largest throughput that takes no longer than this");
  command.add_option("--batches", arguments.batches, "batches that are tried: 1,2,4 (default 1,2,4,8,16,32)")
      ->delimiter(',');
  command.add_option(
      "--objective", arguments.objective,
      fmt::format(
          "{}: what a batch is chosen for (default throughput); energy is modelled",
          fmt::join(place::kObjectives | std::views::transform([](place::Objective o) { return place::name_of(o); }),
                    ", ")));
}

Result<place::BatchOptions> batch_options(const BatchArguments& arguments, const place::PlacerOptions& placer) {
  place::BatchOptions options{.placer = placer};
  if (!arguments.batches.empty()) options.batches = arguments.batches;
  for (const std::size_t batch : options.batches)
    if (batch == 0) return error(Code::kInvalidArgument, "--batches: {}; allowed: 1 or more", batch);
  if (!arguments.objective.empty()) {
    const auto found = place::find_objective(arguments.objective);
    if (!found.ok()) return found.status().with_context("--objective");
    options.objective = *found;
  }
  if (!arguments.latency_ms) return options;
  if (!(*arguments.latency_ms > 0))
    return error(Code::kInvalidArgument, "--latency-ms: {}; allowed: above 0", *arguments.latency_ms);
  options.latency_bound = *arguments.latency_ms / 1e3;
  return options;
}

std::optional<double> joules_per_inference(const place::CostTable& table, const place::Placement& placement,
                                           place::CostModel model, std::size_t batch) {
  const std::optional<double> joules = place::energy_of(table, placement, model);
  if (!joules) return std::nullopt;
  return *joules / static_cast<double>(batch);
}

std::string batches_text(const place::BatchChoice& choice, const place::BatchOptions& options,
                         const std::vector<std::optional<double>>& joules) {
  report::Table table(
      {"batch", "ms", "no placement takes less than (ms)", "keeps the bound", "inferences/s", "mJ each (modelled)"});
  for (std::size_t b = 0; b < choice.batches.size(); ++b) {
    const place::BatchPlaced& placed = choice.batches[b];
    table.add({fmt::format("{}", placed.batch), fmt::format("{:.3f}", placed.latency() * 1e3),
               placed.fastest.optimal && !placed.frugal ? "proven least"
                                                        : fmt::format("{:.3f}", placed.fastest.lower_bound * 1e3),
               placed.keeps ? "yes" : "no", fmt::format("{:.1f}", placed.throughput()), millijoules(joules[b])});
  }
  const place::BatchPlaced& best = choice.chosen();
  const std::string value = options.objective == place::Objective::kThroughput
                                ? fmt::format("{:.1f} inferences/s", choice.value)
                                : fmt::format("{:.3f} mJ per inference (modelled)", choice.value * 1e3);
  return fmt::format("{}\nbatch {}: {}, {}\n", table.text(), best.batch, value, certificate(choice, options.objective));
}

Json batches_json(const place::BatchChoice& choice, const place::BatchOptions& options,
                  const std::vector<std::optional<double>>& joules) {
  Json batches = Json::array();
  for (std::size_t b = 0; b < choice.batches.size(); ++b) {
    const place::BatchPlaced& placed = choice.batches[b];
    batches.push_back({{"batch", placed.batch},
                       {"latency_ms", placed.latency() * 1e3},
                       {"least_latency_ms", placed.fastest.latency * 1e3},
                       {"lower_bound_ms", placed.fastest.lower_bound * 1e3},
                       {"keeps", placed.keeps},
                       {"throughput_per_s", placed.throughput()},
                       {"energy_mj", joules[b] ? finite(*joules[b] * 1e3) : Json()}});
  }
  const double scale = options.objective == place::Objective::kThroughput ? 1 : 1e3;
  return {{"objective", place::name_of(options.objective)},
          {"unit", options.objective == place::Objective::kThroughput ? "inferences/s" : "mJ per inference"},
          {"latency_bound_ms", finite(options.latency_bound * 1e3)},
          {"value", choice.value * scale},
          {"bound", finite(choice.bound * scale)},
          {"proven", choice.proven},
          {"batches", std::move(batches)}};
}

}  // namespace sparseloom::apps
