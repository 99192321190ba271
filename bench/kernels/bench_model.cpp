#include "bench/kernels/bench_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "bench/bench_commands.h"
#include "bench/kernels/load_cost.h"
#include "bench/kernels/pinning.h"
#include "cli/program.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/scratch_folder.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/base/thread.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/zoo/cut_check.h"

namespace sparseloom::bench::kernels {
namespace {

using Clock = std::chrono::steady_clock;

// What providers must agree within, relative to the largest number of an output: sums are taken in another order. Whole
// quantized models may differ by more: a hair's breadth decides between two levels, layer after layer.
constexpr double kMostDifference = 1e-4;
constexpr std::uint64_t kSeeds = 3;

bool is_quantized(const backend::Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const backend::Node& node) { return node.op == "FakeQuantize"; });
}

/// Two ways of running a model: OpenVINO alone, and with sparse layers.
template <typename T>
struct Both {
  T dense, sparse;
};

backend::CompileOptions compile_options(const ModelOptions& options, backend::SparseLayers layers,
                                        const std::filesystem::path& cache) {
  backend::CompileOptions compile;
  compile.threads = options.threads;
  compile.sparse_layers = layers;
  compile.cache_dir = cache;
  return compile;
}

struct Loading {
  Both<LoadCost> first;             // compiles, and measures
  Both<Quartiles<double>> again_s;  // from the cache
  Both<Bytes> resident;             // after that
};

// In fresh processes, which take turns.
Result<Loading> measure_loading(const Both<backend::CompileOptions>& compile, const ModelOptions& options) {
  constexpr int kLoads = 5;
  Loading loading{};
  SL_ASSIGN_OR_RETURN(loading.first.dense, measure_load(options.model, compile.dense));
  SL_ASSIGN_OR_RETURN(loading.first.sparse, measure_load(options.model, compile.sparse));
  std::vector<double> dense_s, sparse_s;
  for (int k = 0; k < kLoads && !cli::interrupted(); ++k) {
    SL_ASSIGN_OR_RETURN(const LoadCost dense, measure_load(options.model, compile.dense));
    SL_ASSIGN_OR_RETURN(const LoadCost sparse, measure_load(options.model, compile.sparse));
    dense_s.push_back(dense.time.count());
    sparse_s.push_back(sparse.time.count());
    loading.resident = {dense.resident, sparse.resident};
  }
  loading.again_s = {quartiles(std::move(dense_s)), quartiles(std::move(sparse_s))};
  return loading;
}

struct Compiled {
  std::shared_ptr<backend::Executable> executable;
  zoo::Chain chain;
};

Result<Compiled> load(const backend::Runtime& runtime, const std::string& model,
                      const backend::CompileOptions& options) {
  SL_ASSIGN_OR_RETURN(std::shared_ptr<backend::Executable> executable, runtime.load(model, options));
  SL_ASSIGN_OR_RETURN(zoo::Chain chain, zoo::Chain::bind({executable}));
  return Compiled{std::move(executable), std::move(chain)};
}

Result<double> run_ms(zoo::Chain& chain) {
  const auto start = Clock::now();
  SL_RETURN_IF_ERROR(chain.run());
  return to_ms(Clock::now() - start);
}

struct Times {
  Quartiles<double> dense_ms, sparse_ms, ratio;  // dense over sparse
};

// Both take turns at going first.
Result<Times> measure(zoo::Chain& dense, zoo::Chain& sparse, int rounds) {
  std::vector<double> dense_ms, sparse_ms, ratio;
  for (int round = -2; round < rounds && !cli::interrupted(); ++round) {
    const bool dense_first = round % 2 == 0;
    SL_ASSIGN_OR_RETURN(const double first, run_ms(dense_first ? dense : sparse));
    SL_ASSIGN_OR_RETURN(const double second, run_ms(dense_first ? sparse : dense));
    if (round < 0) continue;
    dense_ms.push_back(dense_first ? first : second);
    sparse_ms.push_back(dense_first ? second : first);
    ratio.push_back(dense_ms.back() / sparse_ms.back());
  }
  return Times{quartiles(std::move(dense_ms)), quartiles(std::move(sparse_ms)), quartiles(std::move(ratio))};
}

void print_way(std::string_view name, const Quartiles<double>& ms, const LoadCost& first,
               const Quartiles<double>& again_s, Bytes resident) {
  constexpr double kMib = 1 << 20;
  fmt::print(
      "  {:<19}{:9.3f} ms [{:.3f}..{:.3f}]; loaded first in {:.2f} s, then in {:.3f} s [{:.3f}..{:.3f}]; {:.1f} MiB "
      "resident\n",
      name, ms.median, ms.q1, ms.q3, first.time.count(), again_s.median, again_s.q1, again_s.q3,
      static_cast<double>(resident.count) / kMib);
}

}  // namespace

Status bench_model(const ModelOptions& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  const std::size_t cpus = allowed_cpus().size();
  if (static_cast<std::size_t>(options.threads) > cpus) {
    return error(Code::kInvalidArgument, "--threads {}: this process may use {} CPUs", options.threads, cpus);
  }
  cli::interrupted();
  SL_ASSIGN_OR_RETURN(const ScratchFolder cache, ScratchFolder::make());
  const Both<backend::CompileOptions> compile{
      compile_options(options, backend::SparseLayers::kNone, cache.path()),
      compile_options(options, backend::SparseLayers::kWhereFaster, cache.path())};
  SL_ASSIGN_OR_RETURN(const Loading loading, measure_loading(compile, options));
  SL_ASSIGN_OR_RETURN(const auto runtime, backend::make_runtime("openvino"));
  SL_ASSIGN_OR_RETURN(const auto model, runtime->read(options.model));
  SL_RETURN_IF_ERROR(pin_threads(options.threads));
  SL_ASSIGN_OR_RETURN(Compiled dense, load(*runtime, options.model, compile.dense));
  SL_ASSIGN_OR_RETURN(Compiled sparse, load(*runtime, options.model, compile.sparse));
  SL_ASSIGN_OR_RETURN(const zoo::ChainCheck check, check_chain(model->graph(), dense.chain, sparse.chain, kSeeds));
  if (!is_quantized(model->graph()) && !(check.difference.max_rel <= kMostDifference)) {
    return error(Code::kInternal, "{}: with sparse layers outputs differ by {} of their largest number; allowed: {}",
                 options.model, check.difference.max_rel, kMostDifference);
  }
  std::optional<std::pair<double, double>> from_reference;  // dense, sparse
  if (!options.reference.empty()) {
    SL_ASSIGN_OR_RETURN(Compiled reference, load(*runtime, options.reference, compile.dense));
    SL_ASSIGN_OR_RETURN(const auto of_dense, check_chain(model->graph(), reference.chain, dense.chain, kSeeds));
    SL_ASSIGN_OR_RETURN(const auto of_sparse, check_chain(model->graph(), reference.chain, sparse.chain, kSeeds));
    from_reference = {of_dense.difference.max_rel, of_sparse.difference.max_rel};
  }
  SL_ASSIGN_OR_RETURN(const Times times, measure(dense.chain, sparse.chain, options.rounds));
  fmt::print("{}, {} thread(s), {} interleaved runs, median [quartiles]\n", options.model, options.threads,
             options.rounds);
  fmt::print("  {} layers run sparsely; outputs differ by at most {:.1e} of their largest number\n",
             sparse.executable->sparse_layers(), check.difference.max_rel);
  if (from_reference) {
    fmt::print("  from the reference differ: OpenVINO alone {:.1e}, with sparse layers {:.1e}\n", from_reference->first,
               from_reference->second);
  }
  print_way("OpenVINO alone", times.dense_ms, loading.first.dense, loading.again_s.dense, loading.resident.dense);
  print_way("with sparse layers", times.sparse_ms, loading.first.sparse, loading.again_s.sparse,
            loading.resident.sparse);
  fmt::print(
      "  {:.2f} times as fast [{:.2f}..{:.2f}], {:.0f} % of the load time, {:.0f} % of the memory\n",
      times.ratio.median, times.ratio.q1, times.ratio.q3,
      100 * loading.again_s.sparse.median / loading.again_s.dense.median,
      100 * static_cast<double>(loading.resident.sparse.count) / static_cast<double>(loading.resident.dense.count));
  if (!options.json.empty()) {
    Json document{
        {"model", options.model},
        {"threads", options.threads},
        {"sparse_layers", sparse.executable->sparse_layers()},
        {"max_rel_diff", check.difference.max_rel},
        {"dense_ms", report::quartiles_json(times.dense_ms)},
        {"sparse_ms", report::quartiles_json(times.sparse_ms)},
        {"speed_up", report::quartiles_json(times.ratio)},
        {"first_load_s", {{"dense", loading.first.dense.time.count()}, {"sparse", loading.first.sparse.time.count()}}},
        {"load_s",
         {{"dense", report::quartiles_json(loading.again_s.dense)},
          {"sparse", report::quartiles_json(loading.again_s.sparse)}}},
        {"resident_bytes", {{"dense", loading.resident.dense.count}, {"sparse", loading.resident.sparse.count}}}};
    if (from_reference) {
      document["max_rel_diff_from_reference"] = {{"dense", from_reference->first}, {"sparse", from_reference->second}};
    }
    SL_RETURN_IF_ERROR(write_file(options.json, document.dump(2) + "\n"));
  }
  return cli::cancelled_if_interrupted();
}

std::function<Status()> add_model(CLI::App& command) {
  auto options = std::make_shared<ModelOptions>();
  command.add_option("model", options->model, "model file")->required();
  command.add_option("--reference", options->reference,
                     "model that answers exactly as this one should: both ways are compared with it too");
  command.add_option("--threads", options->threads, "threads of one inference")
      ->check(CLI::Range(1, cli::kMostThreads))
      ->capture_default_str();
  command.add_option("--rounds", options->rounds, "timed runs of each")
      ->check(CLI::Range(3, 10'000))
      ->capture_default_str();
  command.add_option("--json", options->json, "write the figures here");
  return [options] { return bench_model(*options); };
}

}  // namespace sparseloom::bench::kernels
