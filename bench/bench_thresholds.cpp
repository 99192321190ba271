#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>

#include "bench/bench_commands.h"
#include "bench/random_machines.h"
#include "cli/program.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/place/evaluate.h"
#include "sparseloom/place/threshold_features.h"
#include "sparseloom/place/thresholds.h"
#include "sparseloom/profile/threshold_predictor.h"
#include "sparseloom/report/table.h"

// How near the thresholds that a network predicts (sparoa-threshold) come to the best of a grid (threshold), by model
// and machine; and what such a network learns from.
namespace sparseloom::bench {
namespace {

struct Options {
  std::vector<std::string> models;
  std::vector<std::string> socs;
  std::size_t machines = 0;
  std::uint64_t seed = 1;
  std::string predictor;
  std::string samples;
  std::string json;
};

// What the network was compared with once.
struct Compared {
  std::string model, soc;
  std::size_t machine = 0;  // 0: as the file has it
  std::string_view cost_model;
  double over_best = 0;  // predicted over best of the grid
};

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {}

  Status run() {
    SL_ASSIGN_OR_RETURN(runtime_, backend::make_runtime("auto"));
    if (options_.samples.empty()) {  // they are there before a predictor is
      std::filesystem::path predictor = options_.predictor;
      if (predictor.empty()) {
        SL_ASSIGN_OR_RETURN(predictor, cli::find_predictor("sparoa-threshold"));
      }
      SL_ASSIGN_OR_RETURN(predictor_, profile::ThresholdPredictor::load(*runtime_, predictor));
    }
    std::vector<soc::SocFile> socs;
    for (const std::string& name : options_.socs) {
      SL_ASSIGN_OR_RETURN(socs.emplace_back(), cli::find_soc(name));
    }
    for (const std::string& file : options_.models) {
      SL_ASSIGN_OR_RETURN(const auto model, runtime_->read(file));
      for (std::size_t s = 0; s < socs.size(); ++s) {
        SL_RETURN_IF_ERROR(on_machines(file, model->graph(), socs[s], options_.socs[s]).with_context(file));
        SL_RETURN_IF_ERROR(cli::cancelled_if_interrupted());
      }
    }
    if (!options_.samples.empty()) SL_RETURN_IF_ERROR(write_file(options_.samples, samples_));
    return predictor_ ? report() : Status();
  }

 private:
  // As the file has it, and as so many others.
  Status on_machines(const std::string& file, const backend::Graph& graph, const soc::SocFile& soc,
                     const std::string& name) {
    const std::string stem = std::filesystem::path(file).stem().string();
    for (std::size_t m = 0; m <= options_.machines; ++m) {
      std::vector<std::uint64_t> from{options_.seed, m};
      for (const char letter : fmt::format("{} {}", stem, name)) from.push_back(static_cast<unsigned char>(letter));
      std::seed_seq seed(from.begin(), from.end());
      std::mt19937_64 random(seed);
      SL_ASSIGN_OR_RETURN(auto operators, profile::modelled_costs(graph, m == 0 ? soc : random_machine(soc, random)));
      place::CostTable table = std::move(operators.table);
      if (m > 0) {
        const place::MachineState state = random_state(table, random);
        table = place::in_state(std::move(table), state);
      }
      if (m % kZerosEvery == 1) draw_zeros(graph, operators, table, random);
      for (const place::CostModel model : place::kCostModels)
        SL_RETURN_IF_ERROR(try_table({stem, name, m, place::name_of(model), 0}, table, model));
    }
    return {};
  }

  Status try_table(Compared compared, const place::CostTable& table, place::CostModel model) {
    const bool wanted = !options_.samples.empty();
    SL_ASSIGN_OR_RETURN(const place::CpuAndGpu pair, place::cpu_and_gpu(table));
    const place::ThresholdValues values = place::threshold_values(table);
    const std::vector<double> grid = latencies(table, pair, values, model);
    const double best = *std::min_element(grid.begin(), grid.end());
    if (wanted) {
      SL_ASSIGN_OR_RETURN(const place::ThresholdFeatures features, place::threshold_features(table, model));
      add_sample(compared, features, grid, best);
    }
    if (!predictor_) return {};
    SL_ASSIGN_OR_RETURN(const place::Thresholds predicted, predictor_->predict(table, model));
    compared.over_best = place::latency_of(table, place::placed_by_thresholds(table, pair, predicted), model) / best;
    compared_.push_back(std::move(compared));
    return {};
  }

  // By step of the sparsity and, within, of the intensity.
  static std::vector<double> latencies(const place::CostTable& table, const place::CpuAndGpu& pair,
                                       const place::ThresholdValues& values, place::CostModel model) {
    std::vector<double> grid;
    std::map<std::pair<double, double>, double> known;  // few values: many steps are alike
    for (std::size_t s = 0; s < place::kThresholdSteps; ++s) {
      for (std::size_t i = 0; i < place::kThresholdSteps; ++i) {
        const place::Thresholds thresholds{place::threshold_at(values.sparsities, s),
                                           place::threshold_at(values.intensities, i)};
        const auto [at, is_new] = known.try_emplace({thresholds.sparsity, thresholds.intensity}, 0.0);
        if (is_new) at->second = place::latency_of(table, place::placed_by_thresholds(table, pair, thresholds), model);
        grid.push_back(at->second);
      }
    }
    return grid;
  }

  // A line of JSON.
  void add_sample(const Compared& of, const place::ThresholdFeatures& features, const std::vector<double>& grid,
                  double best) {
    const auto list = [&](const auto& numbers) {
      std::string text;
      for (const auto number : numbers) text += fmt::format("{}{:.5g}", text.empty() ? "" : ",", number);
      return "[" + text + "]";
    };
    std::vector<double> over_best(grid.size());
    std::transform(grid.begin(), grid.end(), over_best.begin(),
                   [&](double x) { return std::min(x / best, kMostOver); });
    std::string rows;
    for (const auto& row : features.groups) rows += (rows.empty() ? "" : ",") + list(row);
    samples_ +=
        fmt::format(R"({{"feature_set":"{}","model":{},"soc":{},"machine":{},"cost_model":"{}",)",
                    place::kThresholdFeatureSet, Json(of.model).dump(), Json(of.soc).dump(), of.machine, of.cost_model);
    samples_ += fmt::format(R"("groups":[{}],"machine_features":{},"over_best":{}}})", rows, list(features.machine),
                            list(over_best)) +
                "\n";
  }

  Status report() const {
    report::Table table({"soc", "machines", "cost model", "compared", "median", "mean", "p99", "worst", "within 1.05"});
    for (const std::string& soc : options_.socs) {
      for (const bool as_shipped : {true, false}) {
        for (const place::CostModel model : place::kCostModels) {
          std::vector<double> ratios;
          for (const Compared& one : compared_) {
            if (one.soc == soc && (one.machine == 0) == as_shipped && one.cost_model == place::name_of(model))
              ratios.push_back(one.over_best);
          }
          if (!ratios.empty()) add_row(table, soc, as_shipped ? "as shipped" : "drawn", model, std::move(ratios));
        }
      }
    }
    fmt::print("Latency by predicted thresholds over the best of the grid, modelled, {} models\n\n{}",
               options_.models.size(), table.text());
    std::vector<Compared> worst = compared_;
    std::sort(worst.begin(), worst.end(), [](const auto& a, const auto& b) { return a.over_best > b.over_best; });
    worst.resize(std::min<std::size_t>(worst.size(), 5));
    fmt::print("\nThe worst:\n");
    for (const Compared& one : worst) {
      fmt::print("  {:.3f}  {} on {}, machine {}, {}\n", one.over_best, one.model, one.soc, one.machine,
                 one.cost_model);
    }
    if (options_.json.empty()) return {};
    Json rows = Json::array();
    for (const Compared& one : compared_) {
      rows.push_back({{"model", one.model},
                      {"soc", one.soc},
                      {"machine", one.machine},
                      {"cost_model", one.cost_model},
                      {"over_best", one.over_best}});
    }
    return write_file(options_.json, Json{{"modelled", true}, {"compared", std::move(rows)}}.dump(1) + "\n");
  }

  static void add_row(report::Table& table, const std::string& soc, std::string_view machines, place::CostModel model,
                      std::vector<double> ratios) {
    std::sort(ratios.begin(), ratios.end());
    double sum = 0;
    std::size_t within = 0;
    for (const double ratio : ratios) {
      sum += ratio;
      within += ratio <= kWanted ? 1 : 0;
    }
    const auto count = static_cast<double>(ratios.size());
    table.add({soc, std::string(machines), std::string(place::name_of(model)), fmt::format("{}", ratios.size()),
               fmt::format("{:.3f}", quantile(ratios, 0.5)), fmt::format("{:.3f}", sum / count),
               fmt::format("{:.3f}", quantile(ratios, 0.99)), fmt::format("{:.3f}", ratios.back()),
               fmt::format("{:.1f} %", 100 * static_cast<double>(within) / count)});
  }

  static constexpr double kMostOver = 100, kWanted = 1.05;
  static constexpr std::size_t kZerosEvery = 4;
  const Options& options_;
  std::unique_ptr<backend::Runtime> runtime_;
  std::optional<profile::ThresholdPredictor> predictor_;
  std::vector<Compared> compared_;
  std::string samples_;
};

Status bench_thresholds(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_RETURN_IF_ERROR(cli::check_writable("--samples", options.samples));
  cli::interrupted();
  return Bench(options).run();
}

}  // namespace

std::function<Status()> add_thresholds(CLI::App& command) {
  auto options = std::make_shared<Options>();
  options->socs = {"jetson-agx-orin", "core-ultra-7-265k", "core-ultra-5-135u"};
  command.add_option("MODEL", options->models, "OpenVINO IR (.xml) or ONNX files")->required();
  command.add_option("--soc", options->socs, "modelled machines: files or names in socs/; may be repeated")
      ->allow_extra_args(false)
      ->capture_default_str();
  command.add_option("--machines", options->machines, "beside each of them so many drawn at random around it")
      ->capture_default_str();
  command.add_option("--seed", options->seed, "of what is drawn")->capture_default_str();
  command.add_option("--predictor", options->predictor, "this one (a .json file) instead of the shipped one");
  command.add_option("--samples", options->samples, "write here what tools/place/train_thresholds.py learns from");
  command.add_option("--json", options->json, "write the figures here");
  return [options] { return bench_thresholds(*options); };
}

}  // namespace sparseloom::bench
