#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>

#include "bench/bench_commands.h"
#include "bench/kernels/pinning.h"
#include "cli/program.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/names.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/base/thread.h"
#include "sparseloom/profile/measure/memory.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/report/table.h"
#include "sparseloom/zoo/boundaries.h"
#include "sparseloom/zoo/cut_check.h"

// Whole models by every execution provider, on one core and on several, in one interleaved run: what providers are
// worth before anything is cut, stitched or scheduled.
namespace sparseloom::bench {
namespace {

namespace fs = std::filesystem;
using backend::Provider;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string zoo;
  std::vector<std::string> models;  // files, instead of the zoo's
  std::vector<std::string> variants{"dense", "int8"};
  std::vector<int> cores;
  int rounds = 30;
  std::string json;
};

// One model in the forms that there are of it.
struct Subject {
  std::string name;
  fs::path model;
  fs::path onnx;  // empty: none
};

// One way to run it.
struct Way {
  Provider provider;
  int cores;
  std::unique_ptr<backend::Executable> executable;
  std::unique_ptr<backend::Session> session;
  std::vector<double> ms;
  double load_s = 0;
  double difference = 0;  // of the answers, from the first way's
};

Result<std::vector<Subject>> subjects_of(const Options& options) {
  std::vector<Subject> subjects;
  for (const std::string& file : options.models) {
    const fs::path path = file;
    fs::path onnx = fs::path(path).replace_extension(".onnx");
    std::error_code ignored;
    subjects.push_back({path.stem().string(), path, fs::exists(onnx, ignored) ? onnx : fs::path()});
  }
  if (!options.models.empty()) return subjects;
  SL_ASSIGN_OR_RETURN(const zoo::Zoo zoo,
                      cli::load_zoo(options.zoo.empty() ? cli::default_zoo() : fs::path(options.zoo)));
  for (const zoo::Task& task : zoo.tasks) {
    for (const std::string& name : options.variants) {
      SL_ASSIGN_OR_RETURN(const zoo::VariantId id, task.variant(name));
      const zoo::Variant& variant = task.variants[id.index()];
      subjects.push_back({task.name + " " + name, variant.model, variant.onnx});
    }
  }
  return subjects;
}

class Bench {
 public:
  Bench(const Options& options, std::unique_ptr<backend::Runtime> runtime)
      : options_(options), runtime_(std::move(runtime)), cpus_(allowed_cpus()) {}

  Status run() {
    SL_ASSIGN_OR_RETURN(const std::vector<Subject> subjects, subjects_of(options_));
    SL_RETURN_IF_ERROR(kernels::pin_threads(*std::max_element(options_.cores.begin(), options_.cores.end())));
    for (const backend::AbsentProvider& absent : runtime_->absent()) fmt::print("not here: {}\n", absent.reason);
    report::Table table({"model", "cores", "provider", "ms", "q1", "q3", "over openvino", "q1", "q3",
                         "answers differ by", "loaded in s"});
    for (const Subject& subject : subjects) {
      SL_RETURN_IF_ERROR(measure(subject, table));
      if (cli::interrupted()) break;
    }
    fmt::print(
        "{}\nWhole models, {} interleaved rounds, median and quartiles; over openvino: ratio of times of the same "
        "round "
        "and\nnumber of cores; answers: largest difference over the largest number, one input\n\n{}",
        runtime_->version(), options_.rounds, table.text());
    if (!options_.json.empty()) {
      const Json document{{"runtimes", runtime_->version()}, {"rounds", options_.rounds}, {"models", models_}};
      SL_RETURN_IF_ERROR(write_file(options_.json, document.dump(2) + "\n"));
    }
    return cli::cancelled_if_interrupted();
  }

 private:
  Status measure(const Subject& subject, report::Table& table) {
    SL_ASSIGN_OR_RETURN(const auto model, runtime_->read(subject.model));
    zoo::Boundaries boundaries(1);
    SL_ASSIGN_OR_RETURN(std::vector<Way> ways, load(subject, model->graph(), boundaries));
    time(ways);
    report(subject, ways, table);
    return {};
  }

  // Those that the runtimes here have for the CPU.
  std::vector<Provider> on_cpu() const {
    for (const backend::Device& device : runtime_->devices())
      if (device.name == "CPU") return device.providers;
    return {};
  }

  // What cannot run the model is named and left out, but the first must.
  Result<std::vector<Way>> load(const Subject& subject, const backend::Graph& graph, zoo::Boundaries& boundaries) {
    std::vector<Way> ways;
    std::vector<std::vector<std::byte>> answers;
    for (const int cores : options_.cores) {
      for (const Provider provider : on_cpu()) {
        const bool onnx = backend::info(provider).onnx_only;
        if (onnx && subject.onnx.empty()) continue;
        Way way{.provider = provider, .cores = cores, .executable = {}, .session = {}, .ms = {}};
        backend::CompileOptions compile{.provider = provider, .device = "CPU", .threads = cores, .cache_dir = {}};
        compile.sparse_layers = backend::info(provider).sparse_layers;
        if (cores > 1) compile.cores.assign(cpus_.begin() + 1, cpus_.begin() + cores);
        const auto start = Clock::now();
        auto executable = runtime_->load(onnx ? subject.onnx : subject.model, compile);
        if (!executable.ok() && !ways.empty()) {
          fmt::print("{}: {}: {}\n", subject.name, backend::provider_name(provider), executable.status().message());
          continue;
        }
        if (!executable.ok()) return executable.status();
        way.load_s = std::chrono::duration<double>(Clock::now() - start).count();
        way.executable = std::move(*executable);
        SL_ASSIGN_OR_RETURN(way.session, boundaries.bind(*way.executable, 0));
        if (ways.empty()) {  // the first decides which tensors there are
          boundaries.at(0) = zoo::seeded_inputs(graph, 0);
          SL_ASSIGN_OR_RETURN(way.session, boundaries.bind(*way.executable, 0));
        }
        SL_RETURN_IF_ERROR(way.session->run());
        for (std::size_t k = 0; k < boundaries.at(1).size(); ++k) {
          const auto now = boundaries.at(1)[k].span();
          if (ways.empty()) answers.emplace_back(now.begin(), now.end());
          way.difference = std::max(way.difference, zoo::compare(boundaries.tensors(1)[k], answers[k], now).max_rel);
        }
        ways.push_back(std::move(way));
      }
    }
    return ways;
  }

  void time(std::vector<Way>& ways) const {
    constexpr int kWarmUp = 2;
    std::mt19937 order(0);
    std::vector<std::size_t> turn(ways.size());
    for (std::size_t i = 0; i < turn.size(); ++i) turn[i] = i;
    for (int round = -kWarmUp; round < options_.rounds && !cli::interrupted(); ++round) {
      std::shuffle(turn.begin(), turn.end(), order);
      for (const std::size_t i : turn) {
        const auto start = Clock::now();
        static_cast<void>(ways[i].session->run());  // it ran before
        const std::chrono::duration<double, std::milli> took = Clock::now() - start;
        if (round >= 0) ways[i].ms.push_back(took.count());
      }
    }
  }

  void report(const Subject& subject, const std::vector<Way>& ways, report::Table& table) {
    Json rows = Json::array();
    for (const Way& way : ways) {
      const auto reference = std::find_if(ways.begin(), ways.end(), [&](const Way& w) {
        return w.cores == way.cores && w.provider == Provider::kOpenVino;
      });
      if (way.ms.empty() || reference == ways.end()) continue;
      std::vector<double> ratio;
      for (std::size_t i = 0; i < way.ms.size(); ++i) ratio.push_back(way.ms[i] / reference->ms[i]);
      const auto ms = quartiles(way.ms), over = quartiles(std::move(ratio));
      table.add({subject.name, std::to_string(way.cores), std::string(backend::provider_name(way.provider)),
                 fmt::format("{:.3f}", ms.median), fmt::format("{:.3f}", ms.q1), fmt::format("{:.3f}", ms.q3),
                 fmt::format("{:.2f}", over.median), fmt::format("{:.2f}", over.q1), fmt::format("{:.2f}", over.q3),
                 fmt::format("{:.1e}", way.difference), fmt::format("{:.2f}", way.load_s)});
      rows.push_back({{"cores", way.cores},
                      {"provider", backend::provider_name(way.provider)},
                      {"ms", report::quartiles_json(ms)},
                      {"over_openvino", report::quartiles_json(over)},
                      {"max_rel_diff", way.difference},
                      {"sparse_layers", way.executable->sparse_layers()},
                      {"load_s", way.load_s}});
    }
    models_.push_back({{"model", subject.name}, {"ways", std::move(rows)}});
  }

  const Options& options_;
  std::unique_ptr<backend::Runtime> runtime_;
  std::vector<CpuIndex> cpus_;
  Json models_ = Json::array();
};

Status bench_providers(Options options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  const auto cpus = static_cast<int>(allowed_cpus().size());
  if (options.cores.empty()) options.cores = cpus > 1 ? std::vector<int>{1, 2} : std::vector<int>{1};
  for (const int cores : options.cores) {
    if (cores < 1 || cores > cpus)
      return error(Code::kInvalidArgument, "--cores {}: this process may use 1 to {}", cores, cpus);
  }
  cli::interrupted();
  SL_ASSIGN_OR_RETURN(auto runtime, backend::make_runtime("auto"));
  return Bench(options, std::move(runtime)).run();
}

}  // namespace

std::function<Status()> add_providers(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option(
      "MODEL", options->models,
      "OpenVINO IR (.xml; an .onnx of the same name beside it is its other form) or ONNX files (default: "
      "variants of a zoo)");
  command.add_option("--zoo", options->zoo, "zoo folder (default: the demo zoo)");
  command.add_option("--variants", options->variants, "these variants of every task of the zoo (default: dense int8)");
  command.add_option("--cores", options->cores, "cores that one inference uses; may be repeated (default: 1 and 2)");
  command.add_option("--rounds", options->rounds, "timed runs of each")
      ->check(CLI::Range(3, 10'000))
      ->capture_default_str();
  command.add_option("--json", options->json, "write the figures here");
  return [options] { return bench_providers(*options); };
}

}  // namespace sparseloom::bench
