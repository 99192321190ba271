#include "sparseloom/profile/estimate.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "sparseloom/profile/chain_latency.h"
#include "sparseloom/profile/ensure.h"
#include "sparseloom/profile/estimate_task.h"
#include "sparseloom/profile/latency.h"
#include "sparseloom/profile/stages.h"

namespace sparseloom::profile {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kProbeSamples = 32;
constexpr std::size_t kCoverageDraws = 200;
constexpr std::size_t kCoverageRequests = 50;

// Least median over processors and backends.
double least_latency(const TaskProfile& profile, const soc::Soc& soc, zoo::VariantId v, std::size_t s) {
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t p = 0; p < soc.processors.size(); ++p) {
    for (const soc::Backend b : soc.processors[p].backends) {
      const Latency& latency = profile.latency(v, zoo::StageId(s), soc::ProcessorId(p), b);
      if (latency.count > 0) least = std::min(least, latency.median.count());
    }
  }
  return least;
}

// Seconds of one sample through every distinct prefix of `sigmas`: what one walk of the tree costs, up to a factor.
double walk_cost(const TaskProfile& profile, const soc::Soc& soc, const std::vector<zoo::Sigma>& sigmas) {
  std::set<zoo::Sigma> prefixes;
  double cost = 0;
  for (const zoo::Sigma& sigma : sigmas) {
    for (std::size_t d = 1; d <= sigma.size(); ++d) {
      const bool is_new = prefixes.insert({sigma.begin(), sigma.begin() + static_cast<std::ptrdiff_t>(d)}).second;
      if (is_new) cost += least_latency(profile, soc, sigma[d - 1], d - 1);
    }
  }
  return cost;
}

const Accuracy& known_accuracy(const TaskProfile& profile, SplitName split, const zoo::Sigma& sigma) {
  return split == SplitName::kProfile ? profile.accuracy(sigma) : profile.accuracy_test(sigma);
}

// One task from loading its stages to writing its estimates.
class TaskRun {
 public:
  TaskRun(const zoo::Zoo& zoo, const soc::Soc& soc, const EstimateOptions& options, Database& database,
          const TaskProfile& profile, zoo::TaskId task)
      : zoo_(zoo), soc_(soc), options_(options), database_(database), profile_(profile), id_(task) {}

  Result<TaskEstimate> run(const backend::Runtime& runtime, zoo::PieceStore& pieces,
                           const std::filesystem::path& cache) {
    const auto start = Clock::now();
    const zoo::Task& task = zoo_.task(id_);
    const Control control = progress("distances");
    SL_ASSIGN_OR_RETURN(
        const zoo::Dataset data,
        zoo::Dataset::load(zoo_, task, options_.split == SplitName::kProfile ? task.profile : task.test));
    backend::CompileOptions compile;
    compile.cache_dir = cache;
    SL_ASSIGN_OR_RETURN(const StageTable stages, load_stages(zoo_, runtime, pieces, id_, compile));
    SL_ASSIGN_OR_RETURN(const OutputDistances distances, measure_distances(stages, data, kProbeSamples, control));
    result_.task = id_;
    result_.stage_passes = static_cast<double>(distances.stage_runs) / static_cast<double>(data.size());

    EstimationOptions how{.estimator = options_.estimator, .sizes = {}, .level = options_.level, .seed = options_.seed};
    SL_ASSIGN_OR_RETURN(how.sizes, divide_budget(options_.budget, task.variants.size(), task.stages(), options_.level));
    std::vector<std::int32_t> labels;
    for (std::size_t n = 0; n < data.size(); ++n) labels.push_back(data.label(n));
    EstimationInput input{task, distances, labels, latencies(),
                          [&](const std::vector<zoo::Sigma>& sigmas) { return observe(data, stages, sigmas); }};
    SL_ASSIGN_OR_RETURN(const Estimation made, estimate_task(input, how));
    result_.elapsed = Clock::now() - start;
    project_exhaustive();
    SL_RETURN_IF_ERROR(judge(data, stages, input, how, made));
    SL_RETURN_IF_ERROR(check_chains(runtime, pieces, cache, data, made));
    SL_RETURN_IF_ERROR(keep(made));
    return std::move(result_);
  }

 private:
  Control progress(std::string_view what) const {
    Control control = options_.measuring.control;
    if (!control.on_progress) return control;
    control.on_progress = [on = options_.measuring.control.on_progress,
                           text = fmt::format("{} of {}", what, zoo_.task(id_).name)](Progress progress) {
      progress.what = text;
      on(progress);
    };
    return control;
  }

  // By σ and stage.
  std::vector<std::vector<double>> latencies() const {
    std::vector<std::vector<double>> latencies;
    for (std::size_t i = 0; i < profile_.stitched(); ++i) {
      const zoo::Sigma sigma = profile_.sigma_at(i);
      auto& stages = latencies.emplace_back();
      for (std::size_t s = 0; s < sigma.size(); ++s) stages.push_back(least_latency(profile_, soc_, sigma[s], s));
    }
    return latencies;
  }

  // One walk over all of `sigmas`; accuracies are kept as they come.
  Result<std::vector<Observation>> observe(const zoo::Dataset& data, const StageTable& stages,
                                           const std::vector<zoo::Sigma>& sigmas) {
    const std::set<zoo::Sigma> wanted(sigmas.begin(), sigmas.end());
    std::vector<Observation> seen;
    AccuracyOptions options{.threads = options_.measuring.threads,
                            .on_outputs =
                                [&](const zoo::Sigma& sigma, std::vector<float> logits) {
                                  seen.push_back({sigma, {}, std::move(logits)});
                                },
                            .control = progress("accuracy")};
    const AccuracyJob job{.task = id_, .split = options_.split, .data = data, .stages = stages};
    const auto take = [&](std::span<const AccuracyEntry> entries) {
      for (const AccuracyEntry& entry : entries) {
        const auto at = std::find_if(seen.begin(), seen.end(), [&](auto& one) { return one.sigma == entry.sigma; });
        at->accuracy = entry.accuracy;
      }
      return options_.split == SplitName::kProfile ? database_.write(entries) : Status();
    };
    SL_ASSIGN_OR_RETURN(const AccuracyRun run,
                        measure_accuracies(
                            job, [&](const zoo::Sigma& sigma) { return !wanted.contains(sigma); }, options, take));
    result_.measurements += run.stitched;
    result_.stage_passes += static_cast<double>(run.stage_passes);
    walked_ += run.elapsed;
    walked_cost_ += walk_cost(profile_, soc_, sigmas);
    // The order of finishing depends on threads; what is made of it must not.
    std::sort(seen.begin(), seen.end(), [](const auto& a, const auto& b) { return a.sigma < b.sigma; });
    return seen;
  }

  void project_exhaustive() {
    const std::vector<zoo::Sigma> all = all_sigmas(profile_.variants(), profile_.stages());
    result_.exhaustive = walked_ * (walk_cost(profile_, soc_, all) / walked_cost_);
    double passes = 0;
    for (std::size_t d = 0; d < profile_.stages(); ++d) {
      passes = (passes + 1) * static_cast<double>(profile_.variants());
    }
    result_.exhaustive_stage_passes = passes;
  }

  Status judge(const zoo::Dataset& data, const StageTable& stages, const EstimationInput& input,
               const EstimationOptions& how, const Estimation& made) {
    std::vector<double> truth(profile_.stitched(), -1);
    result_.truth_known = true;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const Accuracy& known = known_accuracy(profile_, options_.split, profile_.sigma_at(i));
      if (known.samples > 0) truth[i] = known.fraction();
      result_.truth_known &= known.samples > 0;
    }
    if (!result_.truth_known && options_.held_out > 0) SL_RETURN_IF_ERROR(hold_out(data, stages, made, truth));
    std::vector<double> estimates, targets;
    double below = 0;
    std::size_t unmeasured = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      if (made.measured[i]) continue;
      below += made.estimates[i].value - made.lower(i);
      ++unmeasured;
      if (truth[i] < 0) continue;
      estimates.push_back(made.estimates[i].value);
      targets.push_back(truth[i]);
    }
    result_.value_below = below / static_cast<double>(std::max<std::size_t>(unmeasured, 1));
    result_.quality = compare(estimates, targets);
    if (!result_.truth_known) return {};
    std::vector<Candidate> seen;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      seen.push_back({std::accumulate(input.latency_s[i].begin(), input.latency_s[i].end(), 0.0),
                      made.measured[i] ? truth[i] : made.estimates[i].value});
    }
    result_.quality.front_recall = front_recall(seen, truth, made.from, made.to);
    result_.coverage =
        try_coverage(coverage_trial(input, how, made, truth), kCoverageDraws, kCoverageRequests, how.seed);
    return {};
  }

  // Runs a few more, equally likely ones, to have something to compare with; fills their places in `truth`, and takes
  // the truth of all others out.
  Status hold_out(const zoo::Dataset& data, const StageTable& stages, const Estimation& made,
                  std::vector<double>& truth) {
    std::vector<std::size_t> unmeasured;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      if (!made.measured[i]) unmeasured.push_back(i);
    }
    std::mt19937_64 random(options_.seed + 1);
    std::vector<zoo::Sigma> sigmas;
    for (const std::size_t i : draw(std::move(unmeasured), options_.held_out, random)) {
      sigmas.push_back(profile_.sigma_at(i));
    }
    SL_ASSIGN_OR_RETURN(const std::vector<Observation> seen, observe(data, stages, sigmas));
    std::fill(truth.begin(), truth.end(), -1);
    for (const Observation& one : seen) truth[profile_.index_of(one.sigma)] = one.accuracy.fraction();
    return {};
  }

  // Stitched variants whole, on the first processor by its first backend.
  Status check_chains(const backend::Runtime& runtime, zoo::PieceStore& pieces, const std::filesystem::path& cache,
                      const zoo::Dataset& data, const Estimation& made) {
    const soc::Processor& processor = soc_.processors.front();
    SL_ASSIGN_OR_RETURN(const StageTable stages,
                        load_stages(zoo_, runtime, pieces, id_,
                                    compile_options(soc_, {soc::ProcessorId(0)}, processor.backends.front(), cache)));
    std::vector<std::size_t> indices(profile_.stitched());
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    std::erase_if(indices, [&](std::size_t i) { return made.measured[i]; });
    std::mt19937_64 random(options_.seed + 2);
    std::vector<zoo::Sigma> sigmas;
    for (const std::size_t i : draw(std::move(indices), options_.chains, random)) {
      sigmas.push_back(profile_.sigma_at(i));
    }
    ChainLatencyOptions options{.cores = processor.cores, .control = options_.measuring.control};
    options.control.on_progress = {};
    SL_ASSIGN_OR_RETURN(const auto chains, measure_chains(stages, data, sigmas, options));
    for (const ChainLatency& one : chains) {
      double sum = 0;
      for (std::size_t s = 0; s < one.sigma.size(); ++s) {
        sum += to_ms(
            profile_.latency(one.sigma[s], zoo::StageId(s), soc::ProcessorId(0), processor.backends.front()).median);
      }
      result_.chain_ms.push_back(to_ms(one.chain));
      result_.stages_ms.push_back(to_ms(one.stages));
      result_.profile_ms.push_back(sum);
    }
    return {};
  }

  Status keep(const Estimation& made) {
    if (options_.split != SplitName::kProfile) return {};
    std::vector<EstimateEntry> entries;
    for (std::size_t i = 0; i < profile_.stitched(); ++i) {
      if (made.measured[i]) continue;
      entries.push_back({id_, profile_.sigma_at(i), {made.estimates[i].value, made.lower(i)}});
    }
    return database_.write(id_, entries);
  }

  const zoo::Zoo& zoo_;
  const soc::Soc& soc_;
  const EstimateOptions& options_;
  Database& database_;
  const TaskProfile& profile_;  // latencies, and accuracies that are known anyway
  zoo::TaskId id_;
  TaskEstimate result_;
  Seconds walked_{0};       // in walks of the prefix tree
  double walked_cost_ = 0;  // the same, as stage latencies tell it
};

}  // namespace

Result<Estimated> estimate(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                           zoo::PieceStore& pieces, const EstimateOptions& options) {
  for (const zoo::Task& task : zoo.tasks) {  // before minutes of work
    SL_RETURN_IF_ERROR(divide_budget(options.budget, task.variants.size(), task.stages(), options.level).status());
  }
  MeasureOptions measuring = options.measuring;
  if (measuring.database.empty()) {
    SL_ASSIGN_OR_RETURN(measuring.database, default_database(zoo, soc));
  }
  if (measuring.compile_cache.empty()) {
    SL_ASSIGN_OR_RETURN(measuring.compile_cache, default_compile_cache());
  }
  SL_ASSIGN_OR_RETURN(Database database, Database::open(measuring.database, zoo, soc));
  SL_RETURN_IF_ERROR(database.forget_other_estimates());
  measuring.latency = true;
  measuring.accuracy.clear();
  measuring.use_shipped = true;
  SL_ASSIGN_OR_RETURN(Measured measured, measure(zoo, soc, runtime, pieces, measuring));
  Estimated estimated;
  estimated.promised = options.level;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const zoo::TaskId task(t);
    const auto& asked = options.measuring.tasks;
    if (!asked.empty() && std::find(asked.begin(), asked.end(), task) == asked.end()) continue;
    SL_ASSIGN_OR_RETURN(TaskEstimate one, TaskRun(zoo, soc, options, database, measured.profile.task(task), task)
                                              .run(runtime, pieces, measuring.compile_cache));
    estimated.tasks.push_back(std::move(one));
  }
  SL_RETURN_IF_ERROR(database.read(measured.profile));
  estimated.measured = std::move(measured);
  return estimated;
}

}  // namespace sparseloom::profile
