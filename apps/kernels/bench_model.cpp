#include "apps/kernels/bench_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "apps/quartiles_json.h"
#include "apps/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/base/thread.h"
#include "sparseloom/zoo/cut_check.h"

namespace sparseloom::apps::kernels {
namespace {

using Clock = std::chrono::steady_clock;

// What backends must agree within, relative to the largest number of an output: sums are taken in another order. Whole
// quantized models may differ by more: a hair's breadth decides between two levels, layer after layer.
constexpr double kMostDifference = 1e-4;
constexpr std::uint64_t kSeeds = 3;

bool is_quantized(const backend::Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const backend::Node& node) { return node.op == "FakeQuantize"; });
}

struct Compiled {
  std::shared_ptr<backend::Executable> executable;
  zoo::Chain chain;
  Seconds compile_time;
};

Result<Compiled> compile(const backend::Model& model, backend::SparseLayers layers, int threads) {
  backend::CompileOptions options;
  options.threads = threads;
  options.sparse_layers = layers;
  const auto start = Clock::now();
  SL_ASSIGN_OR_RETURN(std::shared_ptr<backend::Executable> executable, model.compile(options));
  const Seconds elapsed = Clock::now() - start;
  SL_ASSIGN_OR_RETURN(zoo::Chain chain, zoo::Chain::bind({executable}));
  return Compiled{std::move(executable), std::move(chain), elapsed};
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
  for (int round = -2; round < rounds && !interrupted(); ++round) {
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

}  // namespace

Status bench_model(const ModelOptions& options) {
  SL_RETURN_IF_ERROR(check_writable("--json", options.json));
  const std::vector<CpuIndex> allowed = allowed_cpus();
  if (static_cast<std::size_t>(options.threads) > allowed.size()) {
    return error(Code::kInvalidArgument, "--threads {}: this process may use {} CPUs", options.threads, allowed.size());
  }
  SL_ASSIGN_OR_RETURN(const auto runtime, backend::make_runtime("openvino"));
  SL_ASSIGN_OR_RETURN(const auto model, runtime->read(options.model));
  SL_RETURN_IF_ERROR(pin_this_thread({allowed.begin(), allowed.begin() + options.threads}));
  interrupted();
  SL_ASSIGN_OR_RETURN(Compiled dense, compile(*model, backend::SparseLayers::kNone, options.threads));
  SL_ASSIGN_OR_RETURN(Compiled sparse, compile(*model, backend::SparseLayers::kWhereFaster, options.threads));
  SL_ASSIGN_OR_RETURN(const zoo::ChainCheck check, check_chain(model->graph(), dense.chain, sparse.chain, kSeeds));
  if (!is_quantized(model->graph()) && !(check.difference.max_rel <= kMostDifference)) {
    return error(Code::kInternal, "{}: with sparse layers outputs differ by {} of their largest number; allowed: {}",
                 options.model, check.difference.max_rel, kMostDifference);
  }
  std::optional<std::pair<double, double>> from_reference;  // dense, sparse
  if (!options.reference.empty()) {
    SL_ASSIGN_OR_RETURN(const auto exact, runtime->read(options.reference));
    SL_ASSIGN_OR_RETURN(Compiled reference, compile(*exact, backend::SparseLayers::kNone, options.threads));
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
  fmt::print("  OpenVINO alone    {:9.3f} ms [{:.3f}..{:.3f}], compiled in {:.2f} s\n", times.dense_ms.median,
             times.dense_ms.q1, times.dense_ms.q3, dense.compile_time.count());
  fmt::print("  with sparse layers{:9.3f} ms [{:.3f}..{:.3f}], compiled in {:.2f} s, measuring included\n",
             times.sparse_ms.median, times.sparse_ms.q1, times.sparse_ms.q3, sparse.compile_time.count());
  fmt::print("  {:.2f} times as fast [{:.2f}..{:.2f}]\n", times.ratio.median, times.ratio.q1, times.ratio.q3);
  if (!options.json.empty()) {
    Json document{{"model", options.model},
                        {"threads", options.threads},
                        {"sparse_layers", sparse.executable->sparse_layers()},
                        {"max_rel_diff", check.difference.max_rel},
                        {"dense_ms", quartiles_json(times.dense_ms)},
                        {"sparse_ms", quartiles_json(times.sparse_ms)},
                        {"speed_up", quartiles_json(times.ratio)}};
    if (from_reference) {
      document["max_rel_diff_from_reference"] = {{"dense", from_reference->first}, {"sparse", from_reference->second}};
    }
    SL_RETURN_IF_ERROR(write_file(options.json, document.dump(2) + "\n"));
  }
  return cancelled_if_interrupted();
}

}  // namespace sparseloom::apps::kernels
