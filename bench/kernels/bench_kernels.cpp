#include "bench/kernels/bench_kernels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <random>

#include "bench/bench_commands.h"
#include "bench/kernels/contenders.h"
#include "bench/kernels/pinning.h"
#include "cli/program.h"
#include "cli/setup.h"
#include "sparseloom/backend/sparse/kernels.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/base/thread.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/report/table.h"
#include "sparseloom/zoo/cut_check.h"

namespace sparseloom::bench::kernels {
namespace {

using Clock = std::chrono::steady_clock;

// The most that results may differ from the dense ones', relative to the largest of them. Quantized ones share their
// levels, but OpenVINO rounds halves its own way.
constexpr double kMostDifference = 1e-4, kMostInt8Difference = 0.008;

/// Aligned numbers in -1..1.
class Numbers {
 public:
  Numbers(std::size_t count, std::mt19937& random) : buffer_(count * sizeof(float)), count_(count) {
    for (float& x : all()) x = static_cast<float>(random() % 65'536) / 32'768.0F - 1.0F;
  }
  std::span<float> all() { return {reinterpret_cast<float*>(buffer_.data()), count_}; }

 private:
  HostBuffer buffer_;
  std::size_t count_;
};

/// What one contender took, and how many times as long as ours of FP32 and of INT8.
struct Timing {
  Quartiles<double> ms;
  Quartiles<double> times_ours, times_ours_int8;
};

struct Measured {
  const Layer* layer;
  double sparsity;
  int threads;
  std::map<std::string_view, Timing> timings;  // of contenders that have a kernel for the layer
  double gflops = 0;                           // ours of FP32, on the non-zeros
  double difference = 0;                       // ours of FP32 from dense FP32
  double int8_difference = 0;                  // and of INT8 from dense INT8
};

// Zeroes the smallest weights, one by one or `together` neighbouring ones of a row by the length of their vector.
void prune(std::span<float> weights, std::size_t inputs, std::size_t together, double sparsity) {
  std::vector<std::span<float>> blocks;
  for (std::size_t row = 0; row < weights.size(); row += inputs) {
    for (std::size_t i = 0; i < inputs; i += together) {
      blocks.push_back(weights.subspan(row + i, std::min(together, inputs - i)));
    }
  }
  const auto length = [](std::span<const float> block) {
    return std::accumulate(block.begin(), block.end(), 0.0F, [](float sum, float w) { return sum + w * w; });
  };
  const auto keep = blocks.begin() + static_cast<std::ptrdiff_t>(sparsity * static_cast<double>(blocks.size()));
  std::nth_element(blocks.begin(), keep, blocks.end(), [&](auto a, auto b) { return length(a) < length(b); });
  std::for_each(blocks.begin(), keep, [](std::span<float> block) { std::fill(block.begin(), block.end(), 0.0F); });
}

struct Runner {
  std::string_view name;
  std::unique_ptr<Prepared> prepared;
  std::vector<double> ms, ratio, ratio_int8;
};

// The first two are ours.
Status run_rounds(std::vector<Runner>& runners, int rounds) {
  constexpr int kWarmUp = 2;
  std::vector<double> ms(runners.size());
  for (int round = -kWarmUp; round < rounds; ++round) {
    for (std::size_t k = 0; k < runners.size(); ++k) {  // who goes first changes
      const std::size_t who = (k + static_cast<std::size_t>(round + kWarmUp)) % runners.size();
      const auto start = Clock::now();
      SL_RETURN_IF_ERROR(runners[who].prepared->run());
      ms[who] = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
      runners[who].prepared->rest();
    }
    if (round < 0) continue;
    for (std::size_t who = 0; who < runners.size(); ++who) {
      runners[who].ms.push_back(ms[who]);
      runners[who].ratio.push_back(ms[who] / ms[0]);
      runners[who].ratio_int8.push_back(ms[who] / ms[1]);
    }
  }
  return {};
}

// How much results differ, relative to the largest of `expected`; an error if by more than `most`.
Result<double> difference(const Layer& layer, double sparsity, const Prepared& expected, const Prepared& actual,
                          double most) {
  const TensorSpec y{.name = "y", .type = ElementType::kF32, .shape = {static_cast<std::int64_t>(expected.y().size())}};
  const double off = zoo::compare(y, std::as_bytes(expected.y()), std::as_bytes(actual.y())).max_rel;
  if (off <= most) return off;
  return error(Code::kInternal, "{} at {:.0f} % sparsity: results differ from the dense ones' by {}; allowed: {}",
               layer.name, 100 * sparsity, off, most);
}

Result<Measured> time_layer(const Layer& layer, double sparsity, int threads, const Options& options) {
  constexpr std::size_t kBlock = 4;
  std::mt19937 random(7);
  const backend::LayerShape& shape = layer.shape;
  Numbers weights(shape.outputs * shape.inputs(), random), bias(shape.outputs, random), x(shape.x_elements(), random);
  prune(weights.all(), shape.inputs(), options.blocks ? kBlock : 1, sparsity);
  const LayerData data{shape, weights.all(), bias.all(), x.all(), threads};
  std::vector<Runner> runners;
  for (const Contender& contender : contenders()) {
    auto prepared = contender.prepare(data);
    if (!prepared.ok()) return prepared.status().with_context(layer.name);
    if (*prepared != nullptr) runners.push_back({contender.name, std::move(prepared).value(), {}, {}, {}});
  }
  SL_RETURN_IF_ERROR(run_rounds(runners, options.rounds));
  Measured result{.layer = &layer, .sparsity = sparsity, .threads = threads, .timings = {}};
  const auto by_name = [&](std::string_view name) -> const Prepared& {
    return *std::find_if(runners.begin(), runners.end(), [&](const Runner& r) { return r.name == name; })->prepared;
  };
  SL_ASSIGN_OR_RETURN(result.difference, difference(layer, sparsity, by_name(kDense), by_name(kOurs), kMostDifference));
  SL_ASSIGN_OR_RETURN(result.int8_difference,
                      difference(layer, sparsity, by_name(kDenseInt8), by_name(kOursInt8), kMostInt8Difference));
  for (Runner& r : runners) {
    result.timings[r.name] = {quartiles(std::move(r.ms)), quartiles(std::move(r.ratio)),
                              quartiles(std::move(r.ratio_int8))};
  }
  const auto nonzeros = static_cast<double>(data.weights.size()) -
                        static_cast<double>(std::count(data.weights.begin(), data.weights.end(), 0.0F));
  result.gflops = 2 * nonzeros * static_cast<double>(shape.positions()) / result.timings.at(kOurs).ms.median / 1e6;
  return result;
}

// The most multiply-adds that this core does, as billions of operations per second: sums in registers, nothing loaded.
double peak_gflops() {
  constexpr std::size_t kRounds = 2'000'000;
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto start = Clock::now();
    const std::size_t operations = backend::sparse::kernels::multiply_adds(kRounds);
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    best = std::max(best, static_cast<double>(operations) / elapsed.count() / 1e9);
  }
  return best;
}

void print_layer(const Layer& layer, const std::vector<Measured>& results) {
  const auto& first = results.front().timings;
  fmt::print("{:<14}{:<34}{:>9.3f}{:>9.3f}", layer.network, layer.name, first.at(kDense).ms.median,
             first.at(kDenseInt8).ms.median);
  for (const Measured& r : results) {
    fmt::print("{:>12}", fmt::format("{:.2f} {:.2f}", r.timings.at(kDense).times_ours.median,
                                     r.timings.at(kDenseInt8).times_ours_int8.median));
  }
  fmt::print("\n");
  std::fflush(stdout);
}

/// A column of the summary: how many times as long as ours a contender takes.
struct Column {
  std::string title;
  std::string key;  // in the JSON
  std::string_view contender;
  Quartiles<double> Timing::*ratio;
};

const std::vector<Column>& columns() {
  static const std::vector<Column> all{
      {"OpenVINO FP32", "OpenVINO FP32", kDense, &Timing::times_ours},
      {"OpenVINO INT8 / ours INT8", "OpenVINO INT8 over sparseloom INT8", kDenseInt8, &Timing::times_ours_int8},
      {"OpenVINO INT8", "OpenVINO INT8", kDenseInt8, &Timing::times_ours},
      {"Eigen", "Eigen", "Eigen", &Timing::times_ours},
      {"XNNPACK", "XNNPACK", "XNNPACK", &Timing::times_ours}};
  return all;
}

using Condition = std::pair<double, int>;  // sparsity, threads

// Over the layers that the contender has a kernel for.
Quartiles<double> over_layers(const std::vector<Measured>& results, const Condition& condition, const Column& column) {
  std::vector<double> ratios;
  for (const Measured& r : results) {
    const auto found = r.timings.find(column.contender);
    if (Condition(r.sparsity, r.threads) == condition && found != r.timings.end()) {
      ratios.push_back((found->second.*column.ratio).median);
    }
  }
  return quartiles(std::move(ratios));
}

void print_summary(const std::vector<Measured>& results, const Options& options, int threads, double peak) {
  fmt::print(
      "\nTimes as long as sparseloom's FP32 kernels (INT8 where it says so) on {} core(s), median over the layers "
      "[quartiles]:\n",
      threads);
  std::vector<std::string> header{"sparsity"};
  for (const Column& c : columns()) header.push_back(c.title);
  header.emplace_back("GFLOP/s on non-zeros");
  header.emplace_back("of peak");
  report::Table table(header);
  for (const double sparsity : options.sparsities) {
    std::vector<std::string> row{fmt::format("{:.0f} %", 100 * sparsity)};
    for (const Column& c : columns()) {
      const Quartiles<double> q = over_layers(results, {sparsity, threads}, c);
      row.push_back(q.median == 0 ? "-" : fmt::format("{:.2f} [{:.2f}..{:.2f}]", q.median, q.q1, q.q3));
    }
    std::vector<double> rates;
    for (const Measured& r : results) {
      if (r.sparsity == sparsity && r.threads == threads) rates.push_back(r.gflops);
    }
    const double rate = quartiles(std::move(rates)).median;
    row.push_back(fmt::format("{:.1f}", rate));
    row.push_back(fmt::format("{:.0f} %", 100 * rate / peak / threads));
    table.add(std::move(row));
  }
  fmt::print("{}\n", table.text());
}

Json to_json(const std::vector<Measured>& results, const Options& options, double peak, bool complete) {
  Json layers = Json::array(), medians = Json::array();
  for (const Measured& r : results) {
    Json timings = Json::object();
    for (const auto& [name, timing] : r.timings) {
      timings[std::string(name)] = {{"ms", report::quartiles_json(timing.ms)},
                                    {"times_ours", report::quartiles_json(timing.times_ours)},
                                    {"times_ours_int8", report::quartiles_json(timing.times_ours_int8)}};
    }
    layers.push_back({{"network", r.layer->network},
                      {"layer", r.layer->name},
                      {"count", r.layer->count},
                      {"sparsity", r.sparsity},
                      {"threads", r.threads},
                      {"contenders", std::move(timings)},
                      {"gflops_on_nonzeros", r.gflops},
                      {"max_rel_diff", r.difference},
                      {"max_rel_diff_int8", r.int8_difference}});
  }
  for (const int threads : options.threads) {
    for (const double sparsity : options.sparsities) {
      Json row{{"sparsity", sparsity}, {"threads", threads}};
      for (const Column& c : columns())
        row[c.key] = report::quartiles_json(over_layers(results, {sparsity, threads}, c));
      medians.push_back(std::move(row));
    }
  }
  return {{"instruction_set", backend::sparse::kernels::instruction_set()},
          {"pruned", options.blocks ? "blocks of 4 inputs" : "single weights"},
          {"peak_gflops_per_core", peak},
          {"complete", complete},
          {"medians_over_layers", std::move(medians)},
          {"layers", std::move(layers)}};
}

Result<std::vector<Layer>> chosen_layers(const Options& options) {
  std::vector<Layer> layers = published_layers();
  std::vector<std::string> networks;
  for (const Layer& layer : layers) {
    if (networks.empty() || networks.back() != layer.network) networks.push_back(layer.network);
  }
  for (const std::string& name : options.networks) {
    if (std::find(networks.begin(), networks.end(), name) == networks.end()) {
      return error(Code::kInvalidArgument, "--network {}: not one of {}", name, fmt::join(networks, ", "));
    }
  }
  std::erase_if(layers, [&](const Layer& layer) {
    const auto& wanted = options.networks;
    return !wanted.empty() && std::find(wanted.begin(), wanted.end(), layer.network) == wanted.end();
  });
  return layers;
}

std::vector<int> chosen_threads(const std::vector<int>& asked) {
  if (!asked.empty()) return asked;
  return allowed_cpus().size() > 1 ? std::vector<int>{1, 2} : std::vector<int>{1};
}

// Every layer at every sparsity; fewer if interrupted.
Result<std::vector<Measured>> time_layers(const std::vector<Layer>& layers, int threads, const Options& options) {
  fmt::print("{:<14}{:<34}{:>9}{:>9}", "network", "layer (inputs->outputs, positions)", "FP32", "INT8");
  for (const double sparsity : options.sparsities) fmt::print("{:>12}", fmt::format("{:.0f} %", 100 * sparsity));
  fmt::print("\n");
  std::vector<Measured> all;
  for (const Layer& layer : layers) {
    std::vector<Measured> results;
    for (const double sparsity : options.sparsities) {
      if (cli::interrupted()) return all;
      SL_ASSIGN_OR_RETURN(Measured result, time_layer(layer, sparsity, threads, options));
      results.push_back(std::move(result));
    }
    print_layer(layer, results);
    all.insert(all.end(), results.begin(), results.end());
  }
  return all;
}

}  // namespace

Status bench_kernels(const Options& asked) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", asked.json));
  SL_ASSIGN_OR_RETURN(const std::vector<Layer> layers, chosen_layers(asked));
  Options options = asked;
  options.threads = chosen_threads(asked.threads);
  cli::interrupted();
  std::vector<Measured> all;
  double peak = 0;
  std::sort(options.threads.begin(), options.threads.end(), std::greater<>());  // see pin_threads()
  for (const int threads : options.threads) {
    SL_RETURN_IF_ERROR(pin_threads(threads));
    peak = std::max(peak, peak_gflops());
    fmt::print(
        "Sparse layers on {} core(s), {} instructions, peak {:.1f} GFLOP/s per core. ms of the dense layer in FP32 and "
        "INT8; then, at\neach sparsity, how many times as long dense FP32 takes as sparseloom's FP32, and dense INT8 "
        "as "
        "its INT8. Medians of {}\ninterleaved runs; weights pruned {}.\n\n",
        threads, backend::sparse::kernels::instruction_set(), peak, options.rounds,
        options.blocks ? "in blocks of four inputs" : "one by one");
    SL_ASSIGN_OR_RETURN(const std::vector<Measured> results, time_layers(layers, threads, options));
    if (!results.empty()) print_summary(results, options, threads, peak);
    all.insert(all.end(), results.begin(), results.end());
  }
  if (!all.empty() && !options.json.empty()) {
    const bool complete = all.size() == layers.size() * options.sparsities.size() * options.threads.size();
    SL_RETURN_IF_ERROR(write_file(options.json, to_json(all, options, peak, complete).dump(2) + "\n"));
  }
  return cli::cancelled_if_interrupted();
}

std::function<Status()> add_kernels(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--network", options->networks, "only this network (may be repeated)");
  command.add_option("--sparsity", options->sparsities, "shares of weights that are zero")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      .add_option("--threads", options->threads, "threads of one layer (default: 1, and 2 where there are two CPUs)")
      ->check(CLI::Range(1, cli::kMostThreads));
  command.add_flag("--blocks", options->blocks, "prune four neighbouring inputs of an output together");
  command.add_option("--rounds", options->rounds, "timed runs of each")
      ->check(CLI::Range(3, 10'000))
      ->capture_default_str();
  command.add_option("--json", options->json, "write the figures here");
  return [options] { return bench_kernels(*options); };
}

}  // namespace sparseloom::bench::kernels
