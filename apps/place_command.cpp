#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>

#include "apps/commands.h"
#include "apps/place_batches.h"
#include "apps/place_costs.h"
#include "apps/place_learned.h"
#include "apps/place_trace.h"
#include "apps/place_train.h"
#include "cli/program.h"
#include "cli/setup.h"
#include "cli/subject.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/printable.h"
#include "sparseloom/place/placers.h"
#include "sparseloom/report/table.h"

namespace sparseloom::apps {
namespace {

struct PlaceArguments {
  cli::SubjectOptions subject;
  std::string soc;
  std::string method = "exact";
  std::string cost_model = "makespan";
  std::optional<double> handover_us;
  BatchArguments batch;
  std::string policy;
  bool explain = false;
  std::string json;
  TraceArguments trace;
};

// What one method made of the model.
struct Tried {
  std::string_view method;
  std::optional<place::Placed> placed;  // nothing where the machine has not what it takes
  std::string why_not;
  double place_ms = 0;
};

Result<std::vector<Tried>> try_methods(const PlaceArguments& arguments, const backend::Runtime& runtime,
                                       const place::CostTable& table, const place::PlacerOptions& options) {
  std::vector<const place::Placer*> methods;
  if (arguments.method == "all") {
    for (const place::Placer& placer : place::placers()) methods.push_back(&placer);
  } else {
    SL_ASSIGN_OR_RETURN(const place::Placer* one, place::find_placer(arguments.method));
    methods.push_back(one);
  }
  LearnedMethods learned(runtime);
  std::vector<Tried> all;
  for (const place::Placer* method : methods) {
    const auto start = std::chrono::steady_clock::now();
    auto placed = learned.place(*method, table, options);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    if (!placed.ok() && methods.size() == 1) return placed.status();
    Tried& one = all.emplace_back(Tried{.method = method->name, .placed = {}, .why_not = {}, .place_ms = took.count()});
    if (placed.ok()) {
      one.placed = std::move(placed).value();
    } else {
      one.why_not = placed.status().message();
    }
  }
  return all;
}

Json shares_json(const place::CostTable& table, const place::Share& share) {
  Json json = Json::object();
  for (std::size_t p = 0; p < share.size(); ++p)
    if (share[p] > 0) json[table.processors[p].name] = share[p] / static_cast<double>(place::kQuarters);
  return json;
}

// null: no group is so sparse, none of so little intensity.
Json thresholds_json(const place::Thresholds& thresholds) {
  return {{"activation_sparsity", thresholds.sparsity < place::kCannot ? Json(thresholds.sparsity) : Json()},
          {"intensity", thresholds.intensity >= 0 ? Json(thresholds.intensity) : Json()}};
}

// The batch that was looked for.
struct Search {
  place::BatchOptions options;
  place::BatchChoice choice;
  std::vector<std::optional<double>> joules;  // per inference, by batch tried
};

Result<Search> search_batch(const place::BatchOptions& options, CostsOfBatches& costs) {
  Search search{.options = options, .choice = {}, .joules = {}};
  const auto table_of = [&](std::size_t batch) -> Result<place::CostTable> {
    SL_ASSIGN_OR_RETURN(const Costs* of_batch, costs.of(batch));
    return of_batch->table;
  };
  SL_ASSIGN_OR_RETURN(search.choice, place::choose_batch(table_of, search.options));
  for (const place::BatchPlaced& placed : search.choice.batches) {
    SL_ASSIGN_OR_RETURN(const Costs* of_batch, costs.of(placed.batch));
    search.joules.push_back(
        joules_per_inference(of_batch->table, placed.placement(), options.placer.model, placed.batch));
  }
  return search;
}

Json operators_json(const place::CostTable& table, const place::Placement& placement) {
  Json operators = Json::array();
  for (std::size_t g = 0; g < table.groups.size(); ++g)
    operators.push_back({{"name", table.groups[g].name}, {"processor_shares", shares_json(table, placement[g])}});
  return operators;
}

Json to_json(const Costs& costs, const cli::Subject& subject, const PlaceArguments& arguments, place::CostModel model,
             const std::vector<Tried>& tried, const std::optional<Search>& search) {
  const place::CostTable& table = costs.table;
  Json methods = Json::array();
  for (const Tried& one : tried) {
    Json& json = methods.emplace_back(Json{{"method", one.method}, {"place_ms", one.place_ms}});
    if (!one.placed) {
      json["why_not"] = one.why_not;
      continue;
    }
    json["latency_ms"] = one.placed->latency * 1e3;
    const bool bounded = one.placed->optimal || one.placed->lower_bound > 0;
    json["lower_bound_ms"] = bounded ? Json(one.placed->lower_bound * 1e3) : Json();
    json["gap"] = bounded ? Json(one.placed->gap()) : Json();
    json["optimal"] = one.placed->optimal;
    const auto joules = joules_per_inference(table, one.placed->placement, model, costs.batch);
    json["energy_mj"] = joules ? Json(*joules * 1e3) : Json();
    if (one.placed->thresholds) json["thresholds"] = thresholds_json(*one.placed->thresholds);
    json["operators"] = operators_json(table, one.placed->placement);
  }
  Json json{{"model", subject.name},
            {"soc", costs.soc},
            {"modelled", costs.modelled},
            {"samples", subject.samples},
            {"batch", costs.batch},
            {"cost_model", arguments.cost_model},
            {"handover_us", table.handover.synchronisation * 1e6},
            {"methods", std::move(methods)}};
  if (!search) return json;
  json["batch_search"] = batches_json(search->choice, search->options, search->joules);
  json["batch_search"]["operators"] = operators_json(table, search->choice.chosen().placement());
  return json;
}

// "cpu", or "cpu 3/4 + gpu 1/4".
std::string share_text(const place::CostTable& table, const place::Share& share) {
  std::string text;
  for (std::size_t p = 0; p < share.size(); ++p) {
    if (share[p] == 0) continue;
    if (!text.empty()) text += " + ";
    text += table.processors[p].name;
    if (share[p] < place::kQuarters) text += fmt::format(" {}/{}", share[p], place::kQuarters);
  }
  return text;
}

void print_methods(const Costs& costs, place::CostModel model, const std::vector<Tried>& tried) {
  const place::CostTable& table = costs.table;
  const double alone = place::best_alone(table, model);
  report::Table methods({"method", "ms", "times as fast as one processor", "no placement takes less than (ms)",
                         "mJ per inference (modelled)", "decided in (ms)"});
  for (const Tried& one : tried) {
    if (!one.placed) {
      methods.add({std::string(one.method), "-", "-", one.why_not, "-", "-"});
      continue;
    }
    const place::Placed& placed = *one.placed;
    const auto joules = joules_per_inference(table, placed.placement, model, costs.batch);
    std::string bound = "-";
    if (placed.optimal) {
      bound = "proven least";
    } else if (placed.lower_bound > 0) {
      bound = fmt::format("{:.3f} (gap {:.1f} %)", placed.lower_bound * 1e3, placed.gap() * 100);
    }
    methods.add({std::string(one.method), fmt::format("{:.3f}", placed.latency * 1e3),
                 std::isfinite(alone / placed.latency) ? fmt::format("{:.2f}", alone / placed.latency) : "-", bound,
                 joules ? fmt::format("{:.3f}", *joules * 1e3) : "-", fmt::format("{:.1f}", one.place_ms)});
  }
  fmt::print("{}", methods.text());
}

// Which groups run where, runs of one share in a line.
void explain(const place::CostTable& table, std::string_view what, const place::Placement& placement) {
  report::Table runs({"operators", "first", "last", "where"});
  for (std::size_t first = 0; first < placement.size();) {
    std::size_t end = first + 1;
    while (end < placement.size() && placement[end] == placement[first]) ++end;
    runs.add({fmt::format("{}", end - first), table.groups[first].name, table.groups[end - 1].name,
              share_text(table, placement[first])});
    first = end;
  }
  fmt::print("\n{}:\n{}", what, runs.text());
}

void print_heading(const cli::Subject& subject, const PlaceArguments& arguments, const Costs& costs) {
  fmt::print("{} on {}, {} operator groups, batch {}, {} model, hand-over {:g} us\n\n", printable(subject.name),
             costs.soc, costs.table.groups.size(), costs.batch, arguments.cost_model,
             costs.table.handover.synchronisation * 1e6);
}

// The first method's placement, and the one that a batch was chosen for if that is another one.
void print_where(const Costs& costs, const Tried& first, const std::optional<Search>& search) {
  if (first.placed) explain(costs.table, first.method, first.placed->placement);
  if (search && search->choice.chosen().frugal)
    explain(costs.table, "least energy", search->choice.chosen().placement());
}

Status run_place(const PlaceArguments& arguments) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", arguments.json));
  SL_ASSIGN_OR_RETURN(const place::CostModel model, place::find_cost_model(arguments.cost_model));
  if (arguments.method != "all") SL_RETURN_IF_ERROR(place::find_placer(arguments.method).status());
  if (arguments.handover_us && !(*arguments.handover_us >= 0 && std::isfinite(*arguments.handover_us)))
    return error(Code::kInvalidArgument, "--handover-us: {}; allowed: 0 or more", *arguments.handover_us);
  SL_RETURN_IF_ERROR(check_trace_options(arguments.trace));
  place::PlacerOptions options{.model = model};
  SL_ASSIGN_OR_RETURN(options.sac_policy, read_policy(arguments.policy));
  SL_ASSIGN_OR_RETURN(const place::BatchOptions batches, batch_options(arguments.batch, options));
  SL_RETURN_IF_ERROR(cli::check_subject("place", arguments.subject));
  if (arguments.soc.empty()) return error(Code::kInvalidArgument, "place: needs --soc, a machine");
  if (arguments.soc != kHost) SL_RETURN_IF_ERROR(cli::find_soc(arguments.soc).status());
  SL_ASSIGN_OR_RETURN(const cli::Subject subject, cli::read_subject(arguments.subject));
  CostsOfBatches all_costs(subject, arguments.soc, arguments.handover_us);
  std::optional<Search> search;
  if (arguments.batch.any()) {
    SL_ASSIGN_OR_RETURN(search, search_batch(batches, all_costs));
  }
  SL_ASSIGN_OR_RETURN(const Costs* costs, all_costs.of(search ? search->choice.chosen().batch : 1));
  SL_ASSIGN_OR_RETURN(const auto trace, read_trace(arguments.trace, costs->table.processors));
  SL_ASSIGN_OR_RETURN(const std::vector<Tried> tried, try_methods(arguments, *subject.runtime, costs->table, options));
  print_heading(subject, arguments, *costs);
  if (search) fmt::print("{}\n", batches_text(search->choice, search->options, search->joules));
  print_methods(*costs, model, tried);
  if (arguments.explain) print_where(*costs, tried.front(), search);
  Json json = to_json(*costs, subject, arguments, model, tried, search);
  if (trace) {
    SL_ASSIGN_OR_RETURN(json["trace"], compare_on_trace(arguments.trace, *trace, costs->table, options));
  }
  if (arguments.json.empty()) return {};
  return write_file(arguments.json, json.dump(1) + "\n");
}

}  // namespace

std::function<Status()> add_place(CLI::App& command) {
  auto arguments = std::make_shared<PlaceArguments>();
  cli::add_subject_options(command, arguments->subject);
  command.add_option(
      "--soc", arguments->soc,
      "the modelled machine: a file (docs/soc-format.md) or a name in socs/; host: this machine's cores, measured");
  std::string methods = "all";
  for (const place::Placer& placer : place::placers()) methods += fmt::format(", {}", placer.name);
  command.add_option("--method", arguments->method, fmt::format("{} (default exact)", methods));
  command.add_option("--cost-model", arguments->cost_model,
                     "makespan: processors overlap (default); additive: one operator group after another");
  command.add_option("--handover-us", arguments->handover_us,
                     "microseconds until a processor knows what another one has written, instead of the machine's");
  add_batch_options(command, arguments->batch);
  command.add_flag("--explain", arguments->explain, "which operators run where");
  add_trace_options(command, arguments->trace);
  command.add_option("--json", arguments->json, "also write the result to this file");
  command.add_option("--policy", arguments->policy, "what sparoa-sac goes by: a file of place train-sac");
  command.require_subcommand(0, 1);
  CLI::App* const training = command.add_subcommand(
      "train-sac", "train the policy of sparoa-sac for a model and a machine by reinforcement learning");
  const std::function<Status()> train = add_train_sac(*training);
  return [arguments, training, train] { return training->parsed() ? train() : run_place(*arguments); };
}

}  // namespace sparseloom::apps
