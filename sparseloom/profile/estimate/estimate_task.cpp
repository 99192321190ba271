#include "sparseloom/profile/estimate/estimate_task.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sparseloom/profile/estimate/sample_choice.h"

namespace sparseloom::profile {
namespace {

constexpr std::size_t kMostCandidates = 2000;  // covariances between them are kept: 32 MB
constexpr std::size_t kActiveShare = 4;        // one in so many of what is left of the budget
constexpr double kNear = 2;                    // expected errors below the front that still matter

class Work {
 public:
  Work(const EstimationInput& input, const EstimationOptions& options)
      : input_(input),
        options_(options),
        kernel_(input.distances),
        all_(all_sigmas(input.task.variants.size(), input.task.stages())),
        numbering_(input.task.variants.size(), input.task.stages(), 0),
        candidates_(candidates_of(all_, options.seed)) {
    made_.measured.resize(all_.size());
  }

  Result<Estimation> run() {
    std::vector<zoo::Sigma> first;
    for (std::size_t v = 0; v < numbering_.variants(); ++v) first.emplace_back(numbering_.stages(), zoo::VariantId(v));
    const std::vector<double> even(candidates_.size(), 1.0);
    const std::vector<zoo::Sigma> originals = first;
    for (zoo::Sigma& sigma : choose(kernel_.prior(), even, originals, originals, options_.sizes.design)) {
      first.push_back(std::move(sigma));
    }
    SL_RETURN_IF_ERROR(observe(first));
    find_bounds();
    SL_RETURN_IF_ERROR(estimate());
    SL_RETURN_IF_ERROR(observe(choose(process_parameters_, relevance(), first, {}, options_.sizes.active)));
    SL_RETURN_IF_ERROR(estimate());
    SL_RETURN_IF_ERROR(calibrate());
    return std::move(made_);
  }

 private:
  std::vector<zoo::Sigma> choose(const StitchKernel::Parameters& parameters, const std::vector<double>& relevance,
                                 const std::vector<zoo::Sigma>& observed, const std::vector<zoo::Sigma>& together,
                                 std::size_t count) const {
    return choose_samples({.kernel = kernel_,
                           .parameters = parameters,
                           .variants = numbering_.variants(),
                           .candidates = candidates_,
                           .relevance = relevance,
                           .observed = observed,
                           .together = together,
                           .count = count});
  }

  Status observe(const std::vector<zoo::Sigma>& sigmas) {
    if (sigmas.empty()) return {};
    SL_ASSIGN_OR_RETURN(std::vector<Observation> seen, input_.observe(sigmas));
    for (Observation& one : seen) {
      made_.measured[numbering_.index_of(one.sigma)] = true;
      made_.observed.push_back(std::move(one));
    }
    return {};
  }

  std::size_t classes() const { return made_.observed.front().logits.size() / input_.labels.size(); }

  void find_bounds() {
    made_.from = std::numeric_limits<double>::infinity();
    for (const Observation& one : made_.observed) {
      if (!is_original(one.sigma)) continue;
      made_.from = std::min(made_.from, one.accuracy.fraction());
      made_.to = std::max(made_.to, one.accuracy.fraction());
    }
  }

  Status estimate() {
    SL_ASSIGN_OR_RETURN(const GaussianProcess process,
                        GaussianProcess::fit(kernel_, targets_of(made_.observed, classes())));
    process_parameters_ = process.parameters();
    auto estimates = options_.estimator == EstimatorKind::kLogits
                         ? estimate_by_logits(process, all_, input_.labels, classes())
                         : estimate_by_trees({input_.task, input_.distances}, made_.observed, all_);
    if (!estimates.ok()) return estimates.status();
    made_.estimates = std::move(estimates).value();
    return {};
  }

  // As planners see them: what is measured counts as measured.
  Choices seen() const {
    Choices seen{input_.latency_s, {}};
    for (const EstimatedAccuracy& estimate : made_.estimates) seen.value.push_back(estimate.value);
    for (const Observation& one : made_.observed) {
      seen.value[numbering_.index_of(one.sigma)] = one.accuracy.fraction();
    }
    return seen;
  }

  // 1 on the front, less the further below it in expected errors; 0 below every bound that is asked for.
  std::vector<double> relevance() const {
    const Choices all = seen();
    std::vector<double> latency;
    for (const auto& stages : all.latency_s) latency.push_back(std::accumulate(stages.begin(), stages.end(), 0.0));
    std::vector<double> relevance;
    for (const zoo::Sigma& sigma : candidates_) {
      const std::size_t i = numbering_.index_of(sigma);
      double front = made_.from;
      for (std::size_t j = 0; j < all_.size(); ++j) {
        if (latency[j] <= latency[i]) front = std::max(front, all.value[j]);
      }
      relevance.push_back(std::exp(-std::max(front - all.value[i], 0.0) / (kNear * made_.estimates[i].scale)));
    }
    return relevance;
  }

  Status calibrate() {
    std::mt19937_64 random(options_.seed);
    std::vector<double> scores;
    while (scores.size() < options_.sizes.calibration) {
      const std::size_t batch = std::min(kCalibrationBatch, options_.sizes.calibration - scores.size());
      std::vector<zoo::Sigma> next;
      for (const std::size_t i : draw_picks(seen(), made_.measured, made_.from, made_.to, batch, random)) {
        next.push_back(all_[i]);
      }
      if (next.empty()) break;
      const std::size_t before = made_.observed.size();
      SL_RETURN_IF_ERROR(observe(next));
      for (std::size_t k = before; k < made_.observed.size(); ++k) {
        const EstimatedAccuracy& estimate = made_.estimates[numbering_.index_of(made_.observed[k].sigma)];
        scores.push_back((estimate.value - made_.observed[k].accuracy.fraction()) / estimate.scale);
        made_.calibration.push_back(made_.observed[k].sigma);
      }
    }
    made_.quantile = std::max(conformal_quantile(std::move(scores), options_.level), 0.0);
    return {};
  }

  const EstimationInput& input_;
  const EstimationOptions& options_;
  StitchKernel kernel_;
  std::vector<zoo::Sigma> all_;
  TaskProfile numbering_;
  std::vector<zoo::Sigma> candidates_;
  StitchKernel::Parameters process_parameters_;
  Estimation made_;
};

}  // namespace

double Estimation::lower(std::size_t index) const {
  if (!std::isfinite(quantile)) return 0;
  return std::max(estimates[index].value - quantile * estimates[index].scale, 0.0);
}

std::vector<zoo::Sigma> all_sigmas(std::size_t variants, std::size_t stages) {
  const TaskProfile numbering(variants, stages, 0);
  std::vector<zoo::Sigma> all;
  for (std::size_t i = 0; i < numbering.stitched(); ++i) all.push_back(numbering.sigma_at(i));
  return all;
}

std::vector<zoo::Sigma> candidates_of(const std::vector<zoo::Sigma>& all, std::uint64_t seed) {
  if (all.size() <= kMostCandidates) return all;
  std::vector<zoo::Sigma> candidates;
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (is_original(all[i])) {
      candidates.push_back(all[i]);
    } else {
      others.push_back(i);
    }
  }
  std::mt19937_64 random(seed);
  const std::size_t room = kMostCandidates - std::min(kMostCandidates, candidates.size());
  for (const std::size_t i : draw(std::move(others), room, random)) candidates.push_back(all[i]);
  return candidates;
}

std::size_t least_budget(std::size_t variants, double level) { return 2 * variants + calibration_size(level); }

Result<SampleSizes> divide_budget(std::size_t budget, std::size_t variants, std::size_t stages, double level) {
  SampleSizes sizes;
  sizes.calibration = calibration_size(level);
  const std::size_t least = least_budget(variants, level);
  const std::size_t all = TaskProfile(variants, stages, 0).stitched();
  if (least >= all) {
    return error(Code::kInvalidArgument,
                 "budget {}: none is allowed: with {} variants and level {} estimating takes {} runs, and there are {} "
                 "stitched variants in all: run them",
                 budget, variants, level, least, all);
  }
  if (budget < least || budget >= all) {
    return error(Code::kInvalidArgument, "budget {}: {} to {} are allowed with {} variants, {} stages and level {}",
                 budget, least, all - 1, variants, stages, level);
  }
  const std::size_t rest = budget - variants - sizes.calibration;
  sizes.active = std::min(rest / kActiveShare, rest - variants);
  sizes.design = rest - sizes.active;
  return sizes;
}

Result<Estimation> estimate_task(const EstimationInput& input, const EstimationOptions& options) {
  return Work(input, options).run();
}

CoverageTrial coverage_trial(const EstimationInput& input, const EstimationOptions& options, const Estimation& made,
                             std::vector<double> truth) {
  const TaskProfile numbering(input.task.variants.size(), input.task.stages(), 0);
  CoverageTrial trial;
  trial.choices.latency_s = input.latency_s;
  for (const EstimatedAccuracy& estimate : made.estimates) {
    trial.choices.value.push_back(estimate.value);
    trial.scale.push_back(estimate.scale);
  }
  trial.truth = std::move(truth);
  trial.measured = made.measured;
  for (const zoo::Sigma& sigma : made.calibration) trial.measured[numbering.index_of(sigma)] = false;
  trial.from = made.from;
  trial.to = made.to;
  trial.calibration = options.sizes.calibration;
  trial.batch = kCalibrationBatch;
  trial.level = options.level;
  return trial;
}

}  // namespace sparseloom::profile
