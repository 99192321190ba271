#include "apps/kernels/bench_kernels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <random>

#include "apps/kernels/contenders.h"
#include "apps/quartiles_json.h"
#include "apps/setup.h"
#include "apps/table.h"
#include "sparseloom/backend/sparse/kernels.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/base/thread.h"
#include "sparseloom/zoo/cut_check.h"

namespace sparseloom::apps::kernels {
namespace {

using Clock = std::chrono::steady_clock;

// The most that results may differ from the dense ones', relative to the largest of them.
constexpr double kMostDifference = 1e-4;

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

/// What one contender took, and how many times as long as ours.
struct Timing {
  Quartiles<double> ms;
  Quartiles<double> times_ours;
};

struct Measured {
  const Layer* layer;
  double sparsity;
  std::map<std::string_view, Timing> timings;  // of contenders that have a kernel for the layer
  double gflops = 0;                           // ours, on the non-zeros
  double difference = 0;                       // from dense FP32
};

void prune(std::span<float> weights, double sparsity) {
  std::vector<float> magnitudes;
  for (const float w : weights) magnitudes.push_back(std::abs(w));
  const auto keep = magnitudes.begin() + static_cast<std::ptrdiff_t>(sparsity * static_cast<double>(weights.size()));
  if (keep == magnitudes.end()) return std::fill(weights.begin(), weights.end(), 0.0F);
  std::nth_element(magnitudes.begin(), keep, magnitudes.end());
  for (float& w : weights) w = std::abs(w) < *keep ? 0.0F : w;
}

struct Runner {
  std::string_view name;
  std::unique_ptr<Prepared> prepared;
  std::vector<double> ms, ratio;
};

Status run_rounds(std::vector<Runner>& runners, int rounds) {
  constexpr int kWarmUp = 2;
  std::vector<double> ms(runners.size());
  for (int round = -kWarmUp; round < rounds; ++round) {
    for (std::size_t k = 0; k < runners.size(); ++k) {  // who goes first changes
      const std::size_t who = (k + static_cast<std::size_t>(round + kWarmUp)) % runners.size();
      const auto start = Clock::now();
      SL_RETURN_IF_ERROR(runners[who].prepared->run());
      ms[who] = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    }
    if (round < 0) continue;
    for (std::size_t who = 0; who < runners.size(); ++who) {
      runners[who].ms.push_back(ms[who]);
      runners[who].ratio.push_back(ms[who] / ms.front());
    }
  }
  return {};
}

Result<Measured> time_layer(const Layer& layer, double sparsity, const Options& options) {
  std::mt19937 random(7);
  const backend::LayerShape& shape = layer.shape;
  Numbers weights(shape.outputs * shape.inputs(), random), bias(shape.outputs, random), x(shape.x_elements(), random);
  prune(weights.all(), sparsity);
  const LayerData data{shape, weights.all(), bias.all(), x.all()};
  std::vector<Runner> runners;
  std::span<const float> ours, dense;
  for (const Contender& contender : contenders()) {
    auto prepared = contender.prepare(data);
    if (!prepared.ok()) return prepared.status().with_context(layer.name);
    if (*prepared == nullptr) continue;
    runners.push_back({contender.name, std::move(prepared).value(), {}, {}});
    if (contender.kind == Kind::kOurs) ours = runners.back().prepared->y();
    if (contender.name == kDense) dense = runners.back().prepared->y();
  }
  SL_RETURN_IF_ERROR(run_rounds(runners, options.rounds));
  Measured result{.layer = &layer, .sparsity = sparsity, .timings = {}, .difference = 0};
  const TensorSpec y{.name = "y", .type = ElementType::kF32, .shape = {static_cast<std::int64_t>(ours.size())}};
  result.difference = zoo::compare(y, std::as_bytes(dense), std::as_bytes(ours)).max_rel;
  if (!(result.difference <= kMostDifference)) {
    return error(Code::kInternal, "{} at {:.0f} % sparsity: results differ from the dense ones' by {}; allowed: {}",
                 layer.name, 100 * sparsity, result.difference, kMostDifference);
  }
  for (Runner& r : runners) result.timings[r.name] = {quartiles(std::move(r.ms)), quartiles(std::move(r.ratio))};
  const auto nonzeros = static_cast<double>(data.weights.size()) -
                        static_cast<double>(std::count(data.weights.begin(), data.weights.end(), 0.0F));
  const double ms = result.timings.at(contenders().front().name).ms.median;
  result.gflops = 2 * nonzeros * static_cast<double>(shape.positions()) / ms / 1e6;
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

std::string times(const Measured& result, std::string_view contender) {
  const auto found = result.timings.find(contender);
  return found == result.timings.end() ? "-" : fmt::format("{:.2f}", found->second.times_ours.median);
}

void print_layer(const Layer& layer, const std::vector<Measured>& results) {
  fmt::print("{:<14}{:<34}{:>9.3f}{:>9.3f}", layer.network, layer.name, results.front().timings.at(kDense).ms.median,
             results.front().timings.at(kDenseInt8).ms.median);
  for (const Measured& r : results) fmt::print("{:>8}", times(r, kDense));
  fmt::print("\n");
  std::fflush(stdout);
}

// Over the layers that the contender has a kernel for.
Quartiles<double> over_layers(const std::vector<Measured>& results, double sparsity, std::string_view contender) {
  std::vector<double> ratios;
  for (const Measured& r : results) {
    const auto found = r.timings.find(contender);
    if (r.sparsity == sparsity && found != r.timings.end()) ratios.push_back(found->second.times_ours.median);
  }
  return quartiles(std::move(ratios));
}

void print_summary(const std::vector<Measured>& results, const Options& options, double peak) {
  fmt::print("\nTimes as long as sparseloom's kernels, median over the layers [quartiles]:\n");
  std::vector<std::string> header{"sparsity"};
  for (const Contender& c : contenders().subspan(1)) header.emplace_back(c.name);
  header.emplace_back("GFLOP/s on non-zeros");
  header.emplace_back("of the core's peak");
  Table table(header);
  for (const double sparsity : options.sparsities) {
    std::vector<std::string> row{fmt::format("{:.0f} %", 100 * sparsity)};
    for (const Contender& c : contenders().subspan(1)) {
      const Quartiles<double> q = over_layers(results, sparsity, c.name);
      row.push_back(q.median == 0 ? "-" : fmt::format("{:.2f} [{:.2f}..{:.2f}]", q.median, q.q1, q.q3));
    }
    std::vector<double> rates;
    for (const Measured& r : results) {
      if (r.sparsity == sparsity) rates.push_back(r.gflops);
    }
    const double rate = quartiles(std::move(rates)).median;
    row.push_back(fmt::format("{:.1f}", rate));
    row.push_back(fmt::format("{:.0f} %", 100 * rate / peak));
    table.add(std::move(row));
  }
  fmt::print("{}", table.text());
}

Json to_json(const std::vector<Measured>& results, const Options& options, double peak, bool complete) {
  Json layers = Json::array(), medians = Json::array();
  for (const Measured& r : results) {
    Json timings = Json::object();
    for (const auto& [name, timing] : r.timings) {
      timings[std::string(name)] = {{"ms", quartiles_json(timing.ms)},
                                    {"times_ours", quartiles_json(timing.times_ours)}};
    }
    layers.push_back({{"network", r.layer->network},
                      {"layer", r.layer->name},
                      {"count", r.layer->count},
                      {"sparsity", r.sparsity},
                      {"contenders", std::move(timings)},
                      {"gflops_on_nonzeros", r.gflops},
                      {"max_rel_diff", r.difference}});
  }
  for (const double sparsity : options.sparsities) {
    Json row{{"sparsity", sparsity}};
    for (const Contender& c : contenders().subspan(1)) {
      row[std::string(c.name)] = quartiles_json(over_layers(results, sparsity, c.name));
    }
    medians.push_back(std::move(row));
  }
  return {{"instruction_set", backend::sparse::kernels::instruction_set()},
          {"threads", 1},
          {"peak_gflops", peak},
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

}  // namespace

Status bench_kernels(const Options& options) {
  SL_RETURN_IF_ERROR(check_writable("--json", options.json));
  SL_ASSIGN_OR_RETURN(const std::vector<Layer> layers, chosen_layers(options));
  SL_RETURN_IF_ERROR(pin_this_thread({allowed_cpus().front()}));
  interrupted();
  const double peak = peak_gflops();
  fmt::print(
      "Sparse layers on one core, {} instructions, peak {:.1f} GFLOP/s. ms of the dense layer in FP32 and INT8, then "
      "how "
      "many\ntimes as long dense FP32 takes as sparseloom at each sparsity; medians of {} interleaved runs.\n\n",
      backend::sparse::kernels::instruction_set(), peak, options.rounds);
  fmt::print("{:<14}{:<34}{:>9}{:>9}", "network", "layer (inputs->outputs, positions)", "FP32", "INT8");
  for (const double sparsity : options.sparsities) fmt::print("{:>8}", fmt::format("{:.0f} %", 100 * sparsity));
  fmt::print("\n");
  std::vector<Measured> all;
  for (const Layer& layer : layers) {
    std::vector<Measured> results;
    for (const double sparsity : options.sparsities) {
      if (interrupted()) break;
      SL_ASSIGN_OR_RETURN(Measured result, time_layer(layer, sparsity, options));
      results.push_back(std::move(result));
    }
    if (interrupted()) break;
    print_layer(layer, results);
    all.insert(all.end(), results.begin(), results.end());
  }
  if (!all.empty()) {
    print_summary(all, options, peak);
    if (!options.json.empty()) {
      const bool complete = all.size() == layers.size() * options.sparsities.size();
      SL_RETURN_IF_ERROR(write_file(options.json, to_json(all, options, peak, complete).dump(2) + "\n"));
    }
  }
  return cancelled_if_interrupted();
}

}  // namespace sparseloom::apps::kernels
