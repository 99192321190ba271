#include "sparseloom/profile/estimation_time.h"

#include "sparseloom/profile/synthetic_task.h"

namespace sparseloom::profile {
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
  const EstimationInput input = task.input();
  EstimationOptions options;
  options.level = kLevel;
  SL_ASSIGN_OR_RETURN(options.sizes, divide_budget(kBudget, shape.variants, shape.stages, kLevel));
  const StitchKernel kernel(task.distances());
  const std::vector<zoo::Sigma> all = all_sigmas(shape.variants, shape.stages);
  EstimationTime time;
  time.stitched = all.size();
  for (std::size_t k = 0; k < repetitions; ++k) {
    SL_ASSIGN_OR_RETURN(const Estimation made, timed(time.task, [&] { return estimate_task(input, options); }));
    SL_ASSIGN_OR_RETURN(const GaussianProcess process, timed(time.fit, [&] {
                          return GaussianProcess::fit(kernel, targets_of(made.observed, shape.classes));
                        }));
    SL_RETURN_IF_ERROR(timed(time.per_variant, [&] {
                         return estimate_by_logits(process, all, task.labels(), shape.classes);
                       }).status());
    time.per_variant.back() /= static_cast<double>(all.size());
    SL_RETURN_IF_ERROR(timed(time.trees, [&] {
                         return estimate_by_trees({task.task(), task.distances()}, made.observed, all);
                       }).status());
  }
  return time;
}

}  // namespace sparseloom::profile
