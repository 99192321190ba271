#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>

#include "apps/commands.h"
#include "apps/place_batches.h"
#include "apps/place_trace.h"
#include "cli/program.h"
#include "cli/setup.h"
#include "cli/shapes.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/printable.h"
#include "sparseloom/place/placers.h"
#include "sparseloom/profile/analytical/batch.h"
#include "sparseloom/profile/analytical/operator_costs.h"
#include "sparseloom/profile/measure/ensure.h"
#include "sparseloom/profile/measure/hybrid.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/report/table.h"
#include "sparseloom/soc/discover.h"

namespace sparseloom::apps {
namespace {

constexpr std::string_view kHost = "host";

struct PlaceArguments {
  std::string model;
  std::string soc;
  std::string method = "exact";
  std::string cost_model = "makespan";
  std::vector<std::string> shapes;
  std::optional<double> handover_us;
  BatchArguments batch;
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

Result<std::vector<Tried>> try_methods(const PlaceArguments& arguments, const place::CostTable& table,
                                       const place::PlacerOptions& options) {
  std::vector<const place::Placer*> methods;
  if (arguments.method == "all") {
    for (const place::Placer& placer : place::placers()) methods.push_back(&placer);
  } else {
    SL_ASSIGN_OR_RETURN(const place::Placer* one, place::find_placer(arguments.method));
    methods.push_back(one);
  }
  std::vector<Tried> all;
  for (const place::Placer* method : methods) {
    const auto start = std::chrono::steady_clock::now();
    auto placed = method->place(table, options);
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

// What a model costs that serves so many requests at once, and where.
struct Costs {
  std::string soc;
  bool modelled = true;
  place::CostTable table;
  std::size_t batch = 1;
};

// On the cores of this machine that are like the first one, and its other devices, measured.
Result<Costs> measured_costs(const backend::Runtime& runtime, const backend::Model& model, const std::string& file) {
  SL_ASSIGN_OR_RETURN(const soc::Soc host, soc::discover(runtime));
  if (host.processors.empty() || host.processors.front().device != "CPU")
    return error(Code::kFailedPrecondition, "--soc host: no CPU was found");
  Costs costs{.soc = host.name + " (measured)", .modelled = false, .table = {}};
  std::vector<backend::CompileOptions> members;
  std::vector<std::string> names;
  const std::vector<soc::ProcessorId>& alike = host.pools().members.front();
  for (std::size_t p = 0; p < host.processors.size() && members.size() < place::kMostProcessors; ++p) {
    const soc::ProcessorId id(p);
    const soc::Processor& processor = host.processor(id);
    if (processor.device == "CPU" && std::find(alike.begin(), alike.end(), id) == alike.end()) continue;
    members.push_back(profile::compile_options(host, id, processor.providers.front(), {}));
    members.back().cores = processor.cores;
    names.push_back(processor.name);
  }
  SL_ASSIGN_OR_RETURN(const auto cache, profile::default_compile_cache());
  SL_ASSIGN_OR_RETURN(auto operators,
                      profile::measure_file(runtime, model, file, members, cache,
                                            {.on_progress = cli::progress_line(), .stop = &cli::interrupted()}));
  costs.table = std::move(operators.table);
  for (std::size_t m = 0; m < members.size(); ++m) costs.table.processors[m].name = names[m];
  SL_RETURN_IF_ERROR(place::check(costs.table));
  return costs;
}

// A batch is modelled from the graph, whatever the file fixes; what is measured is read with it.
Result<Costs> costs_of(const PlaceArguments& arguments, const backend::Runtime& runtime, const backend::Model& model,
                       std::size_t batch) {
  SL_ASSIGN_OR_RETURN(const backend::Graph graph, profile::with_batch(model.graph(), batch));
  if (arguments.soc == kHost) {
    if (batch == 1) return measured_costs(runtime, model, arguments.model);
    std::map<std::string, Shape> shapes;
    for (const backend::EdgeId input : graph.inputs) shapes[graph.edge(input).spec.name] = graph.edge(input).spec.shape;
    SL_ASSIGN_OR_RETURN(const auto larger, runtime.read(arguments.model, shapes));
    return measured_costs(runtime, *larger, arguments.model);
  }
  SL_ASSIGN_OR_RETURN(const soc::SocFile file, cli::find_soc(arguments.soc));
  SL_ASSIGN_OR_RETURN(auto costs, profile::modelled_costs(graph, file));
  return Costs{.soc = file.soc.name, .modelled = true, .table = std::move(costs.table)};
}

// The costs of one batch or more, each found once.
class CostsOfBatches {
 public:
  CostsOfBatches(const PlaceArguments& arguments, const backend::Runtime& runtime, const backend::Model& model)
      : arguments_(arguments), runtime_(runtime), model_(model) {}

  Result<const Costs*> of(std::size_t batch) {
    const auto known = known_.find(batch);
    if (known != known_.end()) return &known->second;
    auto costs = costs_of(arguments_, runtime_, model_, batch);
    if (!costs.ok()) return costs.status().with_context(arguments_.model);
    costs->batch = batch;
    if (arguments_.handover_us) costs->table.handover.synchronisation = *arguments_.handover_us / 1e6;
    return &known_.emplace(batch, std::move(costs).value()).first->second;
  }

 private:
  const PlaceArguments& arguments_;
  const backend::Runtime& runtime_;
  const backend::Model& model_;
  std::map<std::size_t, Costs> known_;
};

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

Json to_json(const Costs& costs, const PlaceArguments& arguments, place::CostModel model,
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
    json["operators"] = operators_json(table, one.placed->placement);
  }
  Json json{{"model", arguments.model},           {"soc", costs.soc},
            {"modelled", costs.modelled},         {"batch", costs.batch},
            {"cost_model", arguments.cost_model}, {"handover_us", table.handover.synchronisation * 1e6},
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

void print_heading(const PlaceArguments& arguments, const Costs& costs) {
  fmt::print("{} on {}, {} operator groups, batch {}, {} model, hand-over {:g} us\n\n", printable(arguments.model),
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
  const place::PlacerOptions options{.model = model};
  SL_ASSIGN_OR_RETURN(const place::BatchOptions batches, batch_options(arguments.batch, options));
  SL_ASSIGN_OR_RETURN(const auto shapes, cli::parse_shapes(arguments.shapes));
  if (arguments.soc != kHost) SL_RETURN_IF_ERROR(cli::find_soc(arguments.soc).status());
  SL_ASSIGN_OR_RETURN(const auto runtime, backend::make_runtime("auto"));
  SL_ASSIGN_OR_RETURN(const auto read, runtime->read(arguments.model, shapes));
  CostsOfBatches all_costs(arguments, *runtime, *read);
  std::optional<Search> search;
  if (arguments.batch.any()) {
    SL_ASSIGN_OR_RETURN(search, search_batch(batches, all_costs));
  }
  SL_ASSIGN_OR_RETURN(const Costs* costs, all_costs.of(search ? search->choice.chosen().batch : 1));
  SL_ASSIGN_OR_RETURN(const auto trace, read_trace(arguments.trace, costs->table.processors));
  SL_ASSIGN_OR_RETURN(const std::vector<Tried> tried, try_methods(arguments, costs->table, options));
  print_heading(arguments, *costs);
  if (search) fmt::print("{}\n", batches_text(search->choice, search->options, search->joules));
  print_methods(*costs, model, tried);
  if (arguments.explain) print_where(*costs, tried.front(), search);
  Json json = to_json(*costs, arguments, model, tried, search);
  if (trace) {
    SL_ASSIGN_OR_RETURN(json["trace"], compare_on_trace(arguments.trace, *trace, costs->table, model));
  }
  if (arguments.json.empty()) return {};
  return write_file(arguments.json, json.dump(1) + "\n");
}

}  // namespace

std::function<Status()> add_place(CLI::App& command) {
  auto arguments = std::make_shared<PlaceArguments>();
  command.add_option("MODEL", arguments->model, "OpenVINO IR (.xml) or ONNX (.onnx)")->required();
  command
      .add_option(
          "--soc", arguments->soc,
          "the modelled machine: a file (docs/soc-format.md) or a name in socs/; host: this machine's cores, measured")
      ->required();
  std::string methods = "all";
  for (const place::Placer& placer : place::placers()) methods += fmt::format(", {}", placer.name);
  command.add_option("--method", arguments->method, fmt::format("{} (default exact)", methods));
  command.add_option("--cost-model", arguments->cost_model,
                     "makespan: processors overlap (default); additive: one operator group after another");
  command.add_option("--handover-us", arguments->handover_us,
                     "microseconds until a processor knows what another one has written, instead of the machine's");
  command.add_option("--shape", arguments->shapes, "static shape of a dynamic input: NAME=1,3,224,224")
      ->allow_extra_args(false);
  add_batch_options(command, arguments->batch);
  command.add_flag("--explain", arguments->explain, "which operators run where");
  add_trace_options(command, arguments->trace);
  command.add_option("--json", arguments->json, "also write the result to this file");
  return [arguments] { return run_place(*arguments); };
}

}  // namespace sparseloom::apps
