#include <fmt/ranges.h>
#include <time.h>

#include <charconv>
#include <chrono>
#include <filesystem>

#include "apps/commands.h"
#include "cli/program.h"
#include "cli/setup.h"
#include "cli/shapes.h"
#include "cli/split_names.h"
#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/scratch_folder.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/report/table.h"
#include "sparseloom/zoo/chain.h"
#include "sparseloom/zoo/cut.h"
#include "sparseloom/zoo/cut_check.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::apps {
namespace {

namespace fs = std::filesystem;
using backend::EdgeId;
using backend::Graph;
using backend::Model;
using backend::Node;

constexpr std::uint64_t kSeeds = 6;
// Two libraries sum in other orders; more than this is no rounding. Quantized models may differ by more.
constexpr double kRuntimesAgree = 1e-3;

struct CutArguments {
  std::string model;
  int parts = 3;
  std::vector<std::string> at;
  std::string out;
  int rounds = 0;
  std::string json;
  std::vector<std::string> shapes;
  int threads = 1;
};

struct Latency {
  double whole_ms = 0, chain_ms = 0;  // medians
  Quartiles<double> ratio;            // chain / whole, round by round
  Quartiles<double> cpu_ratio;        // the same of the thread's own time, which other processes cannot stretch
};

Status check_arguments(const CutArguments& arguments) {
  if (arguments.parts < 1) return error(Code::kInvalidArgument, "--parts {}: at least 1 is needed", arguments.parts);
  if (arguments.rounds < 0) return error(Code::kInvalidArgument, "--bench {}: must not be negative", arguments.rounds);
  if (arguments.out.empty()) return {};
  std::error_code ignored;
  if (fs::exists(arguments.out, ignored) && !fs::is_directory(arguments.out, ignored))
    return error(Code::kInvalidArgument, "--out {}: exists and is not a folder", arguments.out);
  if (fs::is_directory(arguments.out, ignored) && !fs::is_empty(arguments.out, ignored)) {
    return error(Code::kInvalidArgument, "--out {}: the folder is not empty; a new or empty one is needed",
                 arguments.out);
  }
  return {};
}

Result<std::vector<zoo::Cut>> cuts_for(const Graph& graph, const CutArguments& arguments) {
  if (arguments.at.empty()) return zoo::choose_cuts(graph, {static_cast<std::size_t>(arguments.parts), {}});
  std::vector<std::vector<std::string>> names;
  for (const std::string& set : arguments.at) names.push_back(cli::split_names(set));
  return zoo::cuts_by_name(graph, names);
}

Result<zoo::Chain> compile_chain(const backend::Executor& runtime, const std::vector<const Model*>& models,
                                 int threads) {
  std::vector<std::shared_ptr<backend::Executable>> stages;
  for (const Model* model : models) {
    backend::CompileOptions options;
    options.threads = threads;
    SL_ASSIGN_OR_RETURN(auto executable, runtime.compile(*model, options));
    stages.push_back(std::move(executable));
  }
  return zoo::Chain::bind(std::move(stages));
}

double thread_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

struct Sample {
  double wall_ms, cpu_ms;
};

Result<Sample> time_run(zoo::Chain& chain) {
  const double cpu = thread_ms();
  const auto start = std::chrono::steady_clock::now();
  SL_RETURN_IF_ERROR(chain.run());
  const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - start;
  return Sample{wall.count(), thread_ms() - cpu};
}

// Whole and chain take turns at going first, so that neither always finds the other's data in the caches.
Result<Latency> measure(zoo::Chain& whole, zoo::Chain& chain, int rounds) {
  constexpr int kWarmUp = 2;
  std::vector<double> whole_ms, chain_ms, ratio, cpu_ratio;
  for (int round = -kWarmUp; round < rounds; ++round) {
    const bool whole_first = round % 2 == 0;
    SL_ASSIGN_OR_RETURN(const Sample first, time_run(whole_first ? whole : chain));
    SL_ASSIGN_OR_RETURN(const Sample second, time_run(whole_first ? chain : whole));
    if (round < 0) continue;
    const Sample& w = whole_first ? first : second;
    const Sample& c = whole_first ? second : first;
    whole_ms.push_back(w.wall_ms);
    chain_ms.push_back(c.wall_ms);
    ratio.push_back(c.wall_ms / w.wall_ms);
    cpu_ratio.push_back(c.cpu_ms / w.cpu_ms);
  }
  return Latency{quartiles(whole_ms).median, quartiles(chain_ms).median, quartiles(ratio), quartiles(cpu_ratio)};
}

struct PartRow {
  std::size_t operators = 0;
  double macs = 0, work = 0;
};

PartRow describe_part(const Graph& graph) {
  PartRow row;
  for (const Node& node : graph.nodes) {
    row.operators += node.constant || node.op == "Parameter" ? 0 : 1;
    row.macs += node.constant ? 0 : node.macs;
    row.work += zoo::default_node_cost(graph, node);
  }
  return row;
}

std::size_t bytes_of(const Graph& graph, const zoo::Cut& cut) {
  std::size_t bytes = 0;
  for (const EdgeId edge : cut.tensors) bytes += graph.edge(edge).spec.bytes();
  return bytes;
}

std::string tensors_of(const Graph& graph, const zoo::Cut& cut) {
  std::vector<std::string> names;
  for (const EdgeId edge : cut.tensors) names.push_back(graph.edge(edge).spec.describe());
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Everything one run of the command finds out.
struct Report {
  std::vector<zoo::Cut> cuts;
  std::vector<PartRow> parts;
  zoo::ChainCheck check;
  std::optional<zoo::Difference> runtimes;  // of the whole model by ONNX Runtime and by OpenVINO; none: not compared
  double bound = 0;
  std::optional<Latency> latency;
  bool complete = false;  // everything above is known
};

Json to_json(const CutArguments& arguments, const Graph& graph, const Report& report) {
  Json json{{"model", arguments.model}, {"parts", report.parts.size()}, {"cuts", Json::array()}};
  for (const zoo::Cut& cut : report.cuts) {
    Json tensors = Json::array();
    for (const EdgeId edge : cut.tensors) {
      const TensorSpec& spec = graph.edge(edge).spec;
      tensors.push_back({{"name", spec.name}, {"shape", spec.shape}, {"type", to_string(spec.type)}});
    }
    json["cuts"].push_back({{"tensors", tensors}, {"bytes", bytes_of(graph, cut)}});
  }
  json["pieces"] = Json::array();
  for (const PartRow& part : report.parts)
    json["pieces"].push_back({{"operators", part.operators}, {"macs", part.macs}, {"work", part.work}});
  json["max_abs_diff"] = report.check.difference.max_abs;
  json["max_rel_diff"] = report.check.difference.max_rel;
  json["bit_identical"] = report.check.difference.bit_identical;
  json["max_rel_diff_bound"] = report.bound;
  json["sensitivity"] = report.check.sensitivity;
  json["inputs_with_outputs_not_finite"] = report.check.not_finite;
  if (report.runtimes) json["runtimes_max_rel_diff"] = report.runtimes->max_rel;
  json["threads"] = arguments.threads;
  if (report.latency) {
    json["latency_ms"] = {{"whole", report.latency->whole_ms}, {"chain", report.latency->chain_ms}};
    json["latency_ratio"] = report::quartiles_json(report.latency->ratio);
    if (arguments.threads == 1) json["cpu_ratio"] = report::quartiles_json(report.latency->cpu_ratio);
    json["rounds"] = arguments.rounds;
  } else {
    json["latency_ratio"] = nullptr;
  }
  return json;
}

void print(const CutArguments& arguments, const Graph& graph, const Report& report, bool kept) {
  double total = 0;
  for (const PartRow& part : report.parts) total += part.work;
  report::Table table({"part", "operators", "GMACs", "work %", "passes on KiB", "tensors passed on"});
  for (std::size_t i = 0; i < report.parts.size(); ++i) {
    const PartRow& part = report.parts[i];
    const bool last = i == report.cuts.size();
    table.add({fmt::format("{}", i), fmt::format("{}", part.operators), fmt::format("{:.3f}", part.macs / 1e9),
               fmt::format("{:.1f}", total > 0 ? 100 * part.work / total : 0),
               last ? "-" : fmt::format("{:.1f}", static_cast<double>(bytes_of(graph, report.cuts[i])) / 1024),
               last ? "the model's outputs" : tensors_of(graph, report.cuts[i])});
  }
  const zoo::Difference& difference = report.check.difference;
  fmt::print("{} in {} parts\n\n{}\n", arguments.model, report.parts.size(), table.text());
  fmt::print(
      "chain against whole model on {} seeded inputs: {}, max_abs_diff {:.3g}, max_rel_diff {:.3g} (bound {:g})\n",
      kSeeds, difference.bit_identical ? "bit-identical" : "not bit-identical", difference.max_abs, difference.max_rel,
      report.bound);
  fmt::print("between unlike inputs the outputs move by {:.3g}, relative to the largest\n", report.check.sensitivity);
  if (report.check.not_finite > 0) {
    fmt::print("warning: on {} of these inputs the model's outputs are NaN or infinite: there agreement says nothing\n",
               report.check.not_finite);
  }
  if (report.check.sensitivity < 10 * report.bound) {
    fmt::print(
        "warning: that is less than 10 times the bound: agreement within the bound says little for this model\n");
  }
  if (report.runtimes) {
    fmt::print("the whole model by OpenVINO and by ONNX Runtime: max_rel_diff {:.3g}\n", report.runtimes->max_rel);
    if (report.runtimes->max_rel > std::max(report.bound, kRuntimesAgree)) {
      fmt::print(
          "warning: the two runtimes disagree about the model as it is: that is not the cuts' doing, and no check of a "
          "chain can see it\n");
    }
  }
  if (report.latency) {
    fmt::print(
        "latency, {} thread(s), {} interleaved rounds: whole {:.2f} ms, chain {:.2f} ms, ratio {:.3f} [{:.3f}, "
        "{:.3f}]\n",
        arguments.threads, arguments.rounds, report.latency->whole_ms, report.latency->chain_ms,
        report.latency->ratio.median, report.latency->ratio.q1, report.latency->ratio.q3);
  }
  if (!arguments.out.empty() && kept) fmt::print("pieces: {}/part0.xml ...\n", arguments.out);
}

// An ONNX model as ONNX Runtime sees it, whole, with the shapes asked for. None: it is not ONNX, or that runtime is not
// here or does not run it.
Result<std::optional<zoo::Chain>> by_onnxruntime(const CutArguments& arguments, const backend::Executor& runtime,
                                                 const Model& model, const fs::path& scratch) {
  const fs::path path = arguments.model;
  if (path.extension() != ".onnx") return std::optional<zoo::Chain>();
  SL_ASSIGN_OR_RETURN(const backend::OnnxFile file, backend::OnnxFile::open(path));
  const Graph& graph = model.graph();
  const auto inputs = file.specs_of(graph, graph.inputs);
  const auto outputs = file.specs_of(graph, graph.outputs);
  const fs::path whole = scratch / "whole.onnx";
  if (!inputs.ok() || !outputs.ok() || !file.save_piece(*inputs, *outputs, whole).ok())
    return std::optional<zoo::Chain>();
  backend::CompileOptions options;
  options.provider = backend::Provider::kOnnxRuntime;
  options.threads = arguments.threads;
  auto executable = runtime.load(whole, options);
  if (!executable.ok()) return std::optional<zoo::Chain>();
  std::vector<std::shared_ptr<backend::Executable>> stages;
  stages.push_back(std::move(executable).value());
  SL_ASSIGN_OR_RETURN(zoo::Chain chain, zoo::Chain::bind(std::move(stages)));
  return std::optional(std::move(chain));
}

Status examine(const CutArguments& arguments, const backend::Executor& runtime, const Model& model,
               const std::vector<const Model*>& pieces, Report& report) {
  for (const Model* piece : pieces) report.parts.push_back(describe_part(piece->graph()));
  SL_ASSIGN_OR_RETURN(zoo::Chain whole, compile_chain(runtime, {&model}, arguments.threads));
  SL_ASSIGN_OR_RETURN(zoo::Chain chain, compile_chain(runtime, pieces, arguments.threads));
  SL_ASSIGN_OR_RETURN(report.check, zoo::check_chain(model.graph(), whole, chain, kSeeds));
  SL_ASSIGN_OR_RETURN(const ScratchFolder scratch, ScratchFolder::make());
  SL_ASSIGN_OR_RETURN(auto other, by_onnxruntime(arguments, runtime, model, scratch.path()));
  if (other) {
    SL_ASSIGN_OR_RETURN(const zoo::ChainCheck compared, zoo::check_chain(model.graph(), whole, *other, kSeeds));
    report.runtimes = compared.difference;
  }
  if (arguments.rounds > 0) {
    SL_ASSIGN_OR_RETURN(report.latency, measure(whole, chain, arguments.rounds));
  }
  report.complete = true;
  if (report.check.not_finite == kSeeds) {
    return error(Code::kFailedPrecondition,
                 "{}: outputs are NaN or infinite on all {} inputs tried, so nothing shows whether the chain is right",
                 arguments.model, kSeeds);
  }
  if (report.check.difference.max_rel <= report.bound) return {};
  return error(Code::kFailedPrecondition,
               "{}: the chain differs from the whole model: max_rel_diff {:.3g}, at most {:g} is allowed",
               arguments.model, report.check.difference.max_rel, report.bound);
}

std::vector<const Model*> views_of(const std::vector<std::unique_ptr<Model>>& pieces) {
  std::vector<const Model*> views;
  for (const auto& piece : pieces) views.push_back(piece.get());
  return views;
}

// What is written is what is verified: the pieces are read back before the folder gets its name, which it does not get
// if they do not reproduce the model.
Status write_and_examine(const CutArguments& arguments, const backend::Runtime& runtime, const Model& model,
                         const std::vector<std::unique_ptr<Model>>& pieces, Report& report) {
  return write_folder(arguments.out, [&](const fs::path& folder) -> Status {
    std::vector<std::unique_ptr<Model>> written;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const fs::path file = folder / fmt::format("part{}.xml", i);
      SL_RETURN_IF_ERROR(pieces[i]->save(file));
      SL_ASSIGN_OR_RETURN(auto piece, runtime.read(file));
      written.push_back(std::move(piece));
    }
    return examine(arguments, runtime, model, views_of(written), report);
  });
}

Status run_cut(const CutArguments& arguments) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", arguments.json));
  SL_RETURN_IF_ERROR(check_arguments(arguments));
  SL_ASSIGN_OR_RETURN(const auto shapes, cli::parse_shapes(arguments.shapes));
  SL_ASSIGN_OR_RETURN(const auto runtime, backend::make_runtime("auto"));
  SL_ASSIGN_OR_RETURN(const auto model, runtime->read(arguments.model, shapes));
  if (model->graph().opaque()) {
    return error(Code::kFailedPrecondition,
                 "{}; it cannot be cut, but `sparseloom run` serves it whole by ONNX Runtime",
                 model->graph().why_opaque);
  }
  Report report;
  auto cuts = cuts_for(model->graph(), arguments);
  if (!cuts.ok()) return cuts.status().with_context(arguments.model);
  report.cuts = std::move(cuts).value();
  report.bound = zoo::difference_bound(model->graph());
  const auto cut = zoo::cut_model(*model, report.cuts);
  if (!cut.ok()) return cut.status().with_context(arguments.model);
  const auto& pieces = cut.value();
  Status status = arguments.out.empty() ? examine(arguments, *runtime, *model, views_of(pieces), report)
                                        : write_and_examine(arguments, *runtime, *model, pieces, report);
  if (!report.complete) return status;
  print(arguments, model->graph(), report, status.ok());
  if (!arguments.json.empty())
    SL_RETURN_IF_ERROR(write_file(arguments.json, to_json(arguments, model->graph(), report).dump(1) + "\n"));
  return status;
}

}  // namespace

std::function<Status()> add_cut(CLI::App& command) {
  auto arguments = std::make_shared<CutArguments>();
  command.add_option("MODEL", arguments->model, "OpenVINO IR (.xml) or ONNX (.onnx)")->required();
  command.add_option("--parts", arguments->parts, "number of parts S (default 3)");
  command
      .add_option(
          "--at", arguments->at,
          "cut at these tensors instead (NAME,NAME,...), once per cut, in order; \\, stands for a comma in a name")
      ->allow_extra_args(false);
  command.add_option("--out", arguments->out, "write part0.xml, part1.xml, ... into this new folder");
  command.add_option("--bench", arguments->rounds, "measure chain against whole model in this many interleaved rounds");
  command.add_option("--json", arguments->json, "write what was found to this file");
  command.add_option("--shape", arguments->shapes, "static shape of a dynamic input: NAME=1,3,224,224")
      ->allow_extra_args(false);
  command.add_option("--threads", arguments->threads, "threads per inference (default 1)")
      ->check(CLI::Range(1, cli::kMostThreads));
  return [arguments] { return run_cut(*arguments); };
}

}  // namespace sparseloom::apps
