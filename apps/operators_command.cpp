#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <memory>
#include <optional>

#include "apps/commands.h"
#include "apps/place_costs.h"
#include "cli/setup.h"
#include "cli/subject.h"
#include "sparseloom/base/csv.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/printable.h"
#include "sparseloom/profile/analytical/operator_costs.h"
#include "sparseloom/report/charts.h"
#include "sparseloom/report/table.h"

namespace sparseloom::apps {
namespace {

struct Arguments {
  cli::SubjectOptions subject;
  std::string soc;
  std::string json, csv, html;
};

using cli::Subject;

struct Report {
  profile::OperatorCosts operators;
  std::optional<profile::GroupZeros> zeros;
  std::string times;  // "modelled", "measured"; empty: none

  std::optional<profile::ActivationZeros> of_group(std::size_t g) const {
    return zeros ? zeros->groups[g] : std::nullopt;
  }
};

Json tensor_json(const TensorSpec& spec) {
  return {{"name", spec.name}, {"type", to_string(spec.type)}, {"shape", spec.shape}};
}

Json to_json(const Subject& subject, const Report& report) {
  const backend::Graph& graph = subject.model->graph();
  const place::CostTable& table = report.operators.table;
  Json groups = Json::array();
  for (std::size_t g = 0; g < table.groups.size(); ++g) {
    const place::OperatorGroup& group = table.groups[g];
    const auto zeros = report.of_group(g);
    Json reads = Json::array();
    for (std::size_t k = 0; k < report.operators.reads[g].size(); ++k) {
      Json& read = reads.emplace_back(tensor_json(graph.edge(report.operators.reads[g][k]).spec));
      read["zeros"] = report.zeros ? Json(report.zeros->reads[g][k].elements) : Json();
      read["zero_panels"] = report.zeros ? Json(report.zeros->reads[g][k].panels) : Json();
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
          {"samples", subject.samples},
          {"times", report.times.empty() ? Json() : Json(report.times)},
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
    const auto zeros = report.of_group(g);
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
    const auto zeros = report.of_group(g);
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
  if (subject.samples > 0) fmt::print(", zeros of what they read over {} samples", subject.samples);
  if (!report.times.empty()) fmt::print(", times on {}", machine);
  fmt::print("\n\n{}", rows.text());
}

// The paper's motivation as a picture: where operators lie by the zeros that they read and by their intensity.
Status write_page(const std::string& file, const Subject& subject, const Report& report) {
  report::Chart chart{.title = "Operator groups of " + subject.name,
                      .x_label = "intensity I, operations per byte",
                      .y_label = "share of zeros among what they read, \u03c1",
                      .x = {},
                      .series = {},
                      .log_x = true};
  std::map<std::string, report::Series> by_kind;
  for (std::size_t g = 0; g < report.operators.table.groups.size(); ++g) {
    const place::OperatorGroup& group = report.operators.table.groups[g];
    const auto zeros = report.of_group(g);
    if (!zeros) continue;
    report::Series& series = by_kind[group.kind];
    series.name = group.kind;
    series.joined = false;
    series.x.push_back(group.intensity());
    series.y.push_back(zeros->elements);
  }
  for (auto& [kind, series] : by_kind) chart.series.push_back(std::move(series));
  const std::string body =
      fmt::format("<p>{} operator groups, zeros measured over {} samples; groups of no intensity are left out.</p>\n{}",
                  report.operators.table.groups.size(), subject.samples, report::svg(chart));
  return write_file(file, report::page("Sparsity and intensity of operators", body));
}

// On this machine, as measured: the groups are the same.
Status measure_times(const Subject& subject, Report& report, std::string& where) {
  CostsOfBatches costs(subject, std::string(kHost), std::nullopt);
  SL_ASSIGN_OR_RETURN(const Costs* measured, costs.of(1));
  report.operators.table = measured->table;
  report.times = "measured";
  where = measured->soc;
  return {};
}

Status run_operators(const Arguments& arguments) {
  for (const auto& [option, file] :
       {std::pair("--json", &arguments.json), std::pair("--csv", &arguments.csv), std::pair("--html", &arguments.html)})
    SL_RETURN_IF_ERROR(cli::check_writable(option, *file));
  SL_RETURN_IF_ERROR(cli::check_subject("operators", arguments.subject));
  if (!arguments.html.empty() && arguments.subject.task.empty())
    return error(Code::kInvalidArgument, "--html: shows zeros that are measured on data; needs --task");
  const bool host = arguments.soc == kHost;
  SL_ASSIGN_OR_RETURN(const Subject subject, cli::read_subject(arguments.subject));
  std::optional<soc::SocFile> machine;
  if (!arguments.soc.empty() && !host) {
    SL_ASSIGN_OR_RETURN(machine, cli::find_soc(arguments.soc));
  }
  const backend::Graph& graph = subject.model->graph();
  auto operators = machine ? profile::modelled_costs(graph, *machine) : profile::operator_groups(graph);
  if (!operators.ok()) return operators.status().with_context(subject.name);
  Report report{.operators = std::move(operators).value(), .zeros = {}, .times = machine ? "modelled" : ""};
  std::string where = machine ? machine->soc.name : "";
  if (host) SL_RETURN_IF_ERROR(measure_times(subject, report, where));
  SL_ASSIGN_OR_RETURN(report.zeros, cli::measure_zeros(subject, report.operators.reads));
  print(subject, report, where);
  if (!arguments.csv.empty()) SL_RETURN_IF_ERROR(write_file(arguments.csv, to_csv(subject, report)));
  if (!arguments.html.empty()) SL_RETURN_IF_ERROR(write_page(arguments.html, subject, report));
  if (arguments.json.empty()) return {};
  return write_file(arguments.json, to_json(subject, report).dump(1) + "\n");
}

}  // namespace

std::function<Status()> add_operators(CLI::App& command) {
  auto arguments = std::make_shared<Arguments>();
  cli::add_subject_options(command, arguments->subject);
  command.add_option("--soc", arguments->soc,
                     "times on this modelled machine: a file or a name in socs/; host: on this one, measured");
  command.add_option("--json", arguments->json, "also write the result to this file");
  command.add_option("--csv", arguments->csv, "also write a line per group and processor to this file");
  command.add_option("--html", arguments->html,
                     "also draw zeros over intensity, a point per group, as a page in this file; needs --task");
  return [arguments] { return run_operators(*arguments); };
}

}  // namespace sparseloom::apps
