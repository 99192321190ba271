#include "bench/estimation_time.h"

#include "bench/synthetic/synthetic_task.h"

namespace sparseloom::bench {
namespace {

constexpr std::size_t kBudget = 50;
constexpr double kLevel = 0.9;

// Runs `work` and notes how long it took.
template <typename Work>
auto timed(std::vector<Seconds>& times, const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  auto result = work();
  times.push_back(std::chrono::steady_clock::now() - start);
  return result;
}

}  // namespace

Result<EstimationTime> measure_estimation_time(std::size_t repetitions) {
  const SyntheticShape shape;
  const SyntheticTask task(shape);
  const profile::EstimationInput input = task.input();
  profile::EstimationOptions options;
  options.level = kLevel;
  SL_ASSIGN_OR_RETURN(options.sizes, profile::divide_budget(kBudget, shape.variants, shape.stages, kLevel));
  const profile::StitchKernel kernel(task.distances());
  const std::vector<zoo::Sigma> all = profile::all_sigmas(shape.variants, shape.stages);
  EstimationTime time;
  time.stitched = all.size();
  for (std::size_t k = 0; k < repetitions; ++k) {
    SL_ASSIGN_OR_RETURN(const profile::Estimation made,
                        timed(time.task, [&] { return profile::estimate_task(input, options); }));
    SL_ASSIGN_OR_RETURN(const profile::GaussianProcess process, timed(time.fit, [&] {
                          return profile::GaussianProcess::fit(kernel,
                                                               profile::targets_of(made.observed, shape.classes));
                        }));
    SL_RETURN_IF_ERROR(timed(time.per_variant, [&] {
                         return profile::estimate_by_logits(process, all, task.labels(), shape.classes);
                       }).status());
    time.per_variant.back() /= static_cast<double>(all.size());
    SL_RETURN_IF_ERROR(timed(time.trees, [&] {
                         return profile::estimate_by_trees({task.task(), task.distances()}, made.observed, all);
                       }).status());
  }
  return time;
}

}  // namespace sparseloom::bench
