#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "apps/commands.h"
#include "cli/setup.h"
#include "cli/shapes.h"
#include "sparseloom/base/csv.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/printable.h"
#include "sparseloom/profile/analytical/operator_costs.h"
#include "sparseloom/profile/measure/activations.h"
#include "sparseloom/report/table.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::apps {
namespace {

struct Arguments {
  std::string model;
  std::string task;
  std::string variant;
  std::string zoo;
  std::string soc;
  std::size_t samples = 32;
  std::vector<std::string> shapes;
  std::string json, csv;
};

// A model that has been read, and data to run it on, if there are any.
struct Subject {
  std::unique_ptr<backend::Runtime> runtime;
  std::unique_ptr<backend::Model> model;
  std::string name;
  std::vector<backend::EdgeId> inputs;  // in the order of the data
  std::optional<zoo::Dataset> data;
};

struct Report {
  profile::OperatorCosts operators;
  std::vector<std::vector<std::optional<profile::ActivationZeros>>> zeros;  // by group and tensor read
  std::size_t samples = 0;
  bool modelled = false;
};

Result<Subject> read_model(const Arguments& arguments) {
  Subject subject;
  SL_ASSIGN_OR_RETURN(const auto shapes, cli::parse_shapes(arguments.shapes));
  SL_ASSIGN_OR_RETURN(subject.runtime, backend::make_runtime("auto"));
  SL_ASSIGN_OR_RETURN(subject.model, subject.runtime->read(arguments.model, shapes));
  subject.name = arguments.model;
  return subject;
}

Result<Subject> read_task(const Arguments& arguments) {
  SL_ASSIGN_OR_RETURN(const zoo::Zoo zoo,
                      cli::load_zoo(arguments.zoo.empty() ? cli::default_zoo() : std::filesystem::path(arguments.zoo)));
  SL_ASSIGN_OR_RETURN(const zoo::TaskId id, zoo.find_task(arguments.task));
  const zoo::Task& task = zoo.task(id);
  zoo::VariantId variant(0);
  if (!arguments.variant.empty()) {
    SL_ASSIGN_OR_RETURN(variant, task.variant(arguments.variant));
  }
  const zoo::Variant& of = task.variants[variant.index()];
  Subject subject;
  SL_ASSIGN_OR_RETURN(subject.runtime, backend::make_runtime("auto"));
  SL_ASSIGN_OR_RETURN(subject.model, subject.runtime->read(of.model, zoo::shapes_of(task)));
  SL_ASSIGN_OR_RETURN(subject.inputs, zoo::check_interface(task, of.model, subject.model->graph()));
  subject.name = task.name + "/" + of.name;
  if (task.profile.samples > 0) {
    SL_ASSIGN_OR_RETURN(subject.data, zoo::Dataset::load(zoo, task, task.profile));
  }
  return subject;
}

// Zeros of every tensor that some group reads.
Status measure(const Arguments& arguments, const Subject& subject, Report& report) {
  for (const auto& reads : report.operators.reads) report.zeros.emplace_back(reads.size());
  if (!subject.data) return {};
  std::set<backend::EdgeId> unique;
  for (const auto& reads : report.operators.reads) unique.insert(reads.begin(), reads.end());
  const std::vector<backend::EdgeId> tensors(unique.begin(), unique.end());
  report.samples = std::min(arguments.samples, subject.data->size());
  SL_ASSIGN_OR_RETURN(const auto zeros, profile::measure_activations(*subject.runtime, *subject.model, subject.inputs,
                                                                     tensors, *subject.data, report.samples,
                                                                     [] { return cli::interrupted().load(); }));
  for (std::size_t g = 0; g < report.zeros.size(); ++g) {
    for (std::size_t k = 0; k < report.zeros[g].size(); ++k) {
      const auto at = std::lower_bound(tensors.begin(), tensors.end(), report.operators.reads[g][k]);
      report.zeros[g][k] = zeros[static_cast<std::size_t>(at - tensors.begin())];
    }
  }
  return {};
}

// Over all that a group reads, each tensor with the weight of its elements.
std::optional<profile::ActivationZeros> of_group(const backend::Graph& graph, const Report& report, std::size_t g) {
  profile::ActivationZeros sum;
  double all = 0;
  for (std::size_t k = 0; k < report.zeros[g].size(); ++k) {
    if (!report.zeros[g][k]) return std::nullopt;
    const TensorSpec& spec = graph.edge(report.operators.reads[g][k]).spec;
    const auto elements = static_cast<double>(spec.bytes()) / static_cast<double>(element_bytes(spec.type));
    sum.elements += elements * report.zeros[g][k]->elements;
    sum.panels += elements * report.zeros[g][k]->panels;
    all += elements;
  }
  if (all == 0) return std::nullopt;
  return profile::ActivationZeros{sum.elements / all, sum.panels / all};
}

Json tensor_json(const TensorSpec& spec) {
  return {{"name", spec.name}, {"type", to_string(spec.type)}, {"shape", spec.shape}};
}

Json to_json(const Subject& subject, const Report& report) {
  const backend::Graph& graph = subject.model->graph();
  const place::CostTable& table = report.operators.table;
  Json groups = Json::array();
  for (std::size_t g = 0; g < table.groups.size(); ++g) {
    const place::OperatorGroup& group = table.groups[g];
    const auto zeros = of_group(graph, report, g);
    Json reads = Json::array();
    for (std::size_t k = 0; k < report.operators.reads[g].size(); ++k) {
      Json& read = reads.emplace_back(tensor_json(graph.edge(report.operators.reads[g][k]).spec));
      const auto& of = report.zeros[g][k];
      read["zeros"] = of ? Json(of->elements) : Json();
      read["zero_panels"] = of ? Json(of->panels) : Json();
    }
    Json processors = Json::array();
    for (std::size_t p = 0; p < table.processors.size(); ++p) {
      Json ms = Json::array();
      for (const double seconds : group.seconds[p])
        ms.push_back(seconds == place::kCannot ? Json() : Json(seconds * 1e3));
      processors.push_back({{"name", table.processors[p].name}, {"ms_by_quarters", std::move(ms)}});
    }
    groups.push_back({{"name", group.name},
                      {"kind", group.kind},
                      {"reads", std::move(reads)},
                      {"writes", tensor_json(graph.edge(report.operators.writes[g]).spec)},
                      {"operations", group.operations},
                      {"bytes", group.bytes},
                      {"intensity", group.intensity()},
                      {"weight_sparsity", group.weight_sparsity},
                      {"activation_sparsity", zeros ? Json(zeros->elements) : Json()},
                      {"activation_panel_sparsity", zeros ? Json(zeros->panels) : Json()},
                      {"processors", std::move(processors)}});
  }
  return {{"model", subject.name},
          {"samples", report.samples},
          {"times", report.modelled ? Json("modelled") : Json()},
          {"groups", std::move(groups)}};
}

// A line per group and processor; without a machine one per group.
std::string to_csv(const Subject& subject, const Report& report) {
  const backend::Graph& graph = subject.model->graph();
  const place::CostTable& table = report.operators.table;
  std::string csv =
      "name,kind,writes,operations,bytes,intensity,weight_sparsity,activation_sparsity,activation_panel_sparsity,"
      "processor,ms_1_quarter,ms_2_quarters,ms_3_quarters,ms_whole\n";
  for (std::size_t g = 0; g < table.groups.size(); ++g) {
    const place::OperatorGroup& group = table.groups[g];
    const auto zeros = of_group(graph, report, g);
    const std::string line =
        fmt::format("{},{},{},{},{},{},{},{},{}", csv_quoted(group.name), group.kind,
                    csv_quoted(to_string(graph.edge(report.operators.writes[g]).spec.shape)), group.operations,
                    group.bytes, group.intensity(), group.weight_sparsity, zeros ? fmt::to_string(zeros->elements) : "",
                    zeros ? fmt::to_string(zeros->panels) : "");
    for (std::size_t p = 0; p < table.processors.size(); ++p) {
      csv += line + "," + csv_quoted(table.processors[p].name);
      for (std::size_t q = 1; q <= place::kQuarters; ++q) {
        const double seconds = group.seconds[p][q];
        csv += seconds == place::kCannot ? "," : fmt::format(",{}", seconds * 1e3);
      }
      csv += "\n";
    }
    if (table.processors.empty()) csv += line + ",,,,,\n";
  }
  return csv;
}

std::string percent(double share) { return fmt::format("{:.1f}", 100 * share); }

void print(const Subject& subject, const Report& report, const std::string& machine) {
  const backend::Graph& graph = subject.model->graph();
  const place::CostTable& table = report.operators.table;
  std::vector<std::string> header{"operators", "kind",           "writes",      "Mop",     "KiB",
                                  "op/byte",   "weights zero %", "read zero %", "panels %"};
  for (const place::PlacedProcessor& processor : table.processors) header.push_back(processor.name + " ms");
  report::Table rows(std::move(header));
  for (std::size_t g = 0; g < table.groups.size(); ++g) {
    const place::OperatorGroup& group = table.groups[g];
    const auto zeros = of_group(graph, report, g);
    std::vector<std::string> row{group.name,
                                 group.kind,
                                 to_string(graph.edge(report.operators.writes[g]).spec.shape),
                                 fmt::format("{:.2f}", group.operations / 1e6),
                                 fmt::format("{:.1f}", group.bytes / 1024),
                                 fmt::format("{:.1f}", group.intensity()),
                                 percent(group.weight_sparsity),
                                 zeros ? percent(zeros->elements) : "-",
                                 zeros ? percent(zeros->panels) : "-"};
    for (std::size_t p = 0; p < table.processors.size(); ++p) {
      const double seconds = group.seconds[p][place::kQuarters];
      row.push_back(seconds == place::kCannot ? "-" : fmt::format("{:.4f}", seconds * 1e3));
    }
    rows.add(std::move(row));
  }
  fmt::print("{}: {} operator groups", printable(subject.name), table.groups.size());
  if (report.samples > 0) fmt::print(", zeros of what they read over {} samples", report.samples);
  if (report.modelled) fmt::print(", times on {}", machine);
  fmt::print("\n\n{}", rows.text());
}

Status run_operators(const Arguments& arguments) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", arguments.json));
  SL_RETURN_IF_ERROR(cli::check_writable("--csv", arguments.csv));
  if (arguments.model.empty() == arguments.task.empty())
    return error(Code::kInvalidArgument, "operators: needs a model file or --task, one of them");
  if (arguments.samples == 0) return error(Code::kInvalidArgument, "--samples: 0; allowed: 1 or more");
  SL_ASSIGN_OR_RETURN(const Subject subject, arguments.task.empty() ? read_model(arguments) : read_task(arguments));
  std::optional<soc::SocFile> machine;
  if (!arguments.soc.empty()) {
    SL_ASSIGN_OR_RETURN(machine, cli::find_soc(arguments.soc));
  }
  const backend::Graph& graph = subject.model->graph();
  auto operators = machine ? profile::modelled_costs(graph, *machine) : profile::operator_groups(graph);
  if (!operators.ok()) return operators.status().with_context(subject.name);
  Report report{.operators = std::move(operators).value(), .zeros = {}, .samples = 0, .modelled = machine.has_value()};
  SL_RETURN_IF_ERROR(measure(arguments, subject, report));
  print(subject, report, machine ? machine->soc.name : "");
  if (!arguments.csv.empty()) SL_RETURN_IF_ERROR(write_file(arguments.csv, to_csv(subject, report)));
  if (arguments.json.empty()) return {};
  return write_file(arguments.json, to_json(subject, report).dump(1) + "\n");
}

}  // namespace

std::function<Status()> add_operators(CLI::App& command) {
  auto arguments = std::make_shared<Arguments>();
  command.add_option("MODEL", arguments->model, "OpenVINO IR (.xml) or ONNX (.onnx)");
  command.add_option("--task", arguments->task, "of the zoo, in the place of a file: its data say how much is zero");
  command.add_option("--variant", arguments->variant, "of the task (default: the first)");
  command.add_option("--zoo", arguments->zoo, "folder of the zoo (default: zoos/demo)");
  command.add_option("--samples", arguments->samples, "of the profile split that the model is run on (default 32)");
  command.add_option("--soc", arguments->soc, "times on this modelled machine: a file or a name in socs/");
  command.add_option("--shape", arguments->shapes, "static shape of a dynamic input: NAME=1,3,224,224")
      ->allow_extra_args(false);
  command.add_option("--json", arguments->json, "also write the result to this file");
  command.add_option("--csv", arguments->csv, "also write a line per group and processor to this file");
  return [arguments] { return run_operators(*arguments); };
}

}  // namespace sparseloom::apps
