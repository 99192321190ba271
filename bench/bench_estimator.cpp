#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "bench/bench_commands.h"
#include "bench/estimation_time.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/report/quartiles_json.h"

namespace sparseloom::bench {
namespace {

struct Options {
  std::string json;
  std::size_t repetitions = 5;
};

Quartiles<double> spread_of(const std::vector<Seconds>& times, double unit_per_second) {
  std::vector<double> values;
  for (const Seconds time : times) values.push_back(time.count() * unit_per_second);
  return quartiles(std::move(values));
}

Status run(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_ASSIGN_OR_RETURN(const EstimationTime time, measure_estimation_time(options.repetitions));
  fmt::print(
      "Estimating the accuracies of a made-up task's {} stitched variants from 50, nothing run, one thread (median "
      "[quartiles] of {}):\n",
      time.stitched, options.repetitions);
  Json document = Json::object();
  const auto report = [&](const char* what, const char* key, const std::vector<Seconds>& times, double unit_per_second,
                          const char* unit) {
    const Quartiles<double> spread = spread_of(times, unit_per_second);
    fmt::print("  {:<58}: {:.1f} {} [{:.1f}..{:.1f}]\n", what, spread.median, unit, spread.q1, spread.q3);
    document[key] = report::quartiles_json(spread);
  };
  report("the task: choosing, fitting, estimating, calibrating", "task_ms", time.task, 1e3, "ms");
  report("fitting the Gaussian process once", "fit_ms", time.fit, 1e3, "ms");
  report("estimating one stitched variant by it", "per_variant_us", time.per_variant, 1e6, "us");
  report("boosted trees instead, training and estimating all", "trees_ms", time.trees, 1e3, "ms");
  return options.json.empty() ? Status() : write_file(options.json, document.dump(2) + "\n");
}

}  // namespace

std::function<Status()> add_estimator(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--repetitions", options->repetitions, "how often all of it is done")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command.add_option("--json", options->json, "write the figures here");
  return [options] { return run(*options); };
}

}  // namespace sparseloom::bench
