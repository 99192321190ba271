#include "sparseloom/simulate/generate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "sparseloom/base/uniform.h"

namespace sparseloom::simulate {
namespace {

constexpr std::array<double, 3> kPriorities{1, 3, 9};  // PREMA's
constexpr double kBurstFactor = 4;
constexpr double kBurstRequests = 25;

}  // namespace

Generator::Generator(const Benchmark& benchmark, const GeneratorOptions& options)
    : benchmark_(benchmark), options_(options), bits_(options.seed) {
  for (const plan::TaskPlan& model : benchmark.plan()->tasks) {
    double sum = 0;
    for (const plan::StageEstimate& estimate : model.estimates) sum += estimate.model_latency.count();
    isolated_.push_back(sum);
  }
  const double mean = std::accumulate(isolated_.begin(), isolated_.end(), 0.0) / static_cast<double>(isolated_.size());
  mean_gap_ = mean / (options.load * static_cast<double>(options.processors));
}

// The standard fixes what mt19937_64 gives but not what its distributions make of it.
double Generator::uniform() { return sparseloom::uniform(bits_); }

std::size_t Generator::below(std::size_t count) {
  return std::min(count - 1, static_cast<std::size_t>(uniform() * static_cast<double>(count)));
}

double Generator::gap() {
  if (options_.kind == GeneratorOptions::Kind::kPeriodic) return mean_gap_;
  if (options_.kind == GeneratorOptions::Kind::kPoisson) return -std::log(uniform()) * mean_gap_;
  const double mean_burst = kBurstRequests * mean_gap_ / kBurstFactor;
  double gap = -std::log(uniform()) * mean_gap_ / kBurstFactor;
  double passed = 0;
  while (gap > burst_left_) {  // the burst ends first: a pause, then the rest of the gap in the next one
    gap -= burst_left_;
    passed += burst_left_ - std::log(uniform()) * mean_burst * (kBurstFactor - 1);
    burst_left_ = -std::log(uniform()) * mean_burst;
  }
  burst_left_ -= gap;
  return passed + gap;
}

Result<std::optional<Query>> Generator::next() {
  if (made_ == options_.requests) return std::optional<Query>();
  arrival_ += gap();
  const zoo::TaskId model(below(isolated_.size()));
  const std::size_t sample = below(benchmark_.samples(model));
  const Seconds slo(options_.slo_multiplier * isolated_[model.index()]);
  Query query{.request = {.id = sched::RequestId(made_++),
                          .task = model,
                          .arrival = Seconds(arrival_),
                          .deadline = Seconds(arrival_) + slo,
                          .priority = kPriorities[below(kPriorities.size())]},
              .sample = sample,
              .truth = &benchmark_.truth(model, sample)};
  return std::optional(query);
}

}  // namespace sparseloom::simulate
