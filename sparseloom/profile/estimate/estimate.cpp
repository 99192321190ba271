#include "sparseloom/profile/estimate/estimate.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "sparseloom/profile/estimate/estimate_task.h"
#include "sparseloom/profile/measure/chain_latency.h"
#include "sparseloom/profile/measure/ensure.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/profile/measure/stages.h"

namespace sparseloom::profile {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kCoverageDraws = 1000;
constexpr std::size_t kCoverageRequests = 50;

const Accuracy& known_accuracy(const TaskProfile& profile, SplitName split, const zoo::Sigma& sigma) {
  return split == SplitName::kProfile ? profile.accuracy(sigma) : profile.accuracy_test(sigma);
}

// One task from loading its stages to writing its estimates.
class TaskRun {
 public:
  TaskRun(const zoo::Zoo& zoo, const soc::Soc& soc, const EstimateOptions& options, Database* database,
          const TaskProfile& profile, zoo::TaskId task)
      : zoo_(zoo),
        soc_(soc),
        options_(options),
        database_(database),
        profile_(profile),
        id_(task),
        times_(fastest_stage_times(profile, soc)) {}

  Result<EstimatorReport> run(const backend::Runtime& runtime, zoo::PieceStore& pieces,
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
    result_.promised = options_.level;
    result_.spent = distance_cost(times_, kProbeSamples, data.size());
    result_.exhaustive = exhaustive_cost(times_, data.size());

    EstimationOptions how{.estimator = options_.estimator, .sizes = {}, .level = options_.level, .seed = options_.seed};
    SL_ASSIGN_OR_RETURN(how.sizes, divide_budget(options_.budget, task.variants.size(), task.stages(), options_.level));
    std::vector<std::int32_t> labels;
    for (std::size_t n = 0; n < data.size(); ++n) labels.push_back(data.label(n));
    EstimationInput input{task, distances, labels, latencies(),
                          [&](const std::vector<zoo::Sigma>& sigmas) { return observe(data, stages, sigmas); }};
    SL_ASSIGN_OR_RETURN(const Estimation made, estimate_task(input, how));
    result_.elapsed = Clock::now() - start;
    result_.exhaustive_elapsed = walked_ * (result_.exhaustive.projected / walked_cost_.projected);
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
      for (std::size_t s = 0; s < sigma.size(); ++s) stages.push_back(times_[sigma[s].index()][s].count());
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
      return database_ == nullptr ? Status() : database_->write(entries);
    };
    SL_ASSIGN_OR_RETURN(const AccuracyRun run,
                        measure_accuracies(
                            job, [&](const zoo::Sigma& sigma) { return !wanted.contains(sigma); }, options, take));
    ProfilingCost cost = walk_cost(times_, sigmas, data.size());
    walked_cost_ += cost;
    cost.stage_passes = static_cast<double>(run.stage_passes);  // workers may have run a prefix each
    result_.spent += cost;
    walked_ += run.elapsed;
    // The order of finishing depends on threads; what is made of it must not.
    std::sort(seen.begin(), seen.end(), [](const auto& a, const auto& b) { return a.sigma < b.sigma; });
    return seen;
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

  // Stitched variants whole, on the first processor by its first provider.
  Status check_chains(const backend::Runtime& runtime, zoo::PieceStore& pieces, const std::filesystem::path& cache,
                      const zoo::Dataset& data, const Estimation& made) {
    if (options_.chains == 0) return {};
    const soc::Processor& processor = soc_.processors.front();
    SL_ASSIGN_OR_RETURN(const StageTable stages,
                        load_stages(zoo_, runtime, pieces, id_,
                                    compile_options(soc_, soc::ProcessorId(0), processor.providers.front(), cache)));
    std::vector<std::size_t> indices(profile_.stitched());
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    std::erase_if(indices, [&](std::size_t i) { return made.measured[i]; });
    std::mt19937_64 random(options_.seed + 2);
    std::vector<zoo::Sigma> sigmas;
    for (const std::size_t i : draw(std::move(indices), options_.chains, random)) {
      sigmas.push_back(profile_.sigma_at(i));
    }
    ChainLatencyOptions options{
        .together = zoo_.tasks.size(), .cores = processor.cores, .control = options_.measuring.control};
    options.control.on_progress = {};
    SL_ASSIGN_OR_RETURN(const auto chains, measure_chains(stages, data, sigmas, options));
    ChainErrors& errors = result_.chain_errors;
    for (const ChainLatency& one : chains) {
      Seconds sum{0};
      for (std::size_t s = 0; s < one.sigma.size(); ++s) {
        const backend::Provider by = pieces.provider_for(id_, one.sigma[s], processor.providers.front());
        sum += profile_.latency(one.sigma[s], zoo::StageId(s), soc::ProcessorId(0), by).median;
      }
      errors.of_profile += std::abs(sum / one.chain - 1) / static_cast<double>(chains.size());
      errors.of_rounds += std::abs(one.stages / one.chain - 1) / static_cast<double>(chains.size());
    }
    errors.chains = chains.size();
    return {};
  }

  Status keep(const Estimation& made) {
    if (database_ == nullptr) return {};
    std::vector<EstimateEntry> entries;
    for (std::size_t i = 0; i < profile_.stitched(); ++i) {
      if (made.measured[i]) continue;
      entries.push_back({id_, profile_.sigma_at(i), {made.estimates[i].value, made.lower(i)}});
    }
    return database_->write(id_, entries);
  }

  const zoo::Zoo& zoo_;
  const soc::Soc& soc_;
  const EstimateOptions& options_;
  Database* database_;          // nullptr: nothing is kept
  const TaskProfile& profile_;  // latencies, and accuracies that are known anyway
  zoo::TaskId id_;
  StageTimes times_;
  EstimatorReport result_;
  Seconds walked_{0};          // in walks of the prefix tree
  ProfilingCost walked_cost_;  // the same, as stage latencies tell it
};

}  // namespace

Result<Estimated> estimate(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                           zoo::PieceStore& pieces, const EstimateOptions& options) {
  const auto asked = [&](zoo::TaskId task) {
    const auto& tasks = options.measuring.tasks;
    return tasks.empty() || std::find(tasks.begin(), tasks.end(), task) != tasks.end();
  };
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {  // before minutes of work
    const zoo::Task& task = zoo.tasks[t];
    if (!asked(zoo::TaskId(t))) continue;
    const auto sizes = divide_budget(options.budget, task.variants.size(), task.stages(), options.level);
    if (!sizes.ok()) return sizes.status().with_context(fmt::format("task '{}'", task.name));
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
  Database* kept_in = options.split == SplitName::kProfile ? &database : nullptr;
  Estimated estimated;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const zoo::TaskId task(t);
    if (!asked(task)) continue;
    TaskRun run(zoo, soc, options, kept_in, measured.profile.task(task), task);
    SL_ASSIGN_OR_RETURN(EstimatorReport report, run.run(runtime, pieces, measuring.compile_cache));
    estimated.tasks.push_back({task, std::move(report)});
  }
  SL_RETURN_IF_ERROR(database.read(measured.profile));
  estimated.measured = std::move(measured);
  return estimated;
}

EstimatorReport Estimated::total() const {
  std::vector<EstimatorReport> reports;
  for (const TaskEstimate& task : tasks) reports.push_back(task.report);
  return total_of(reports);
}

Result<EstimatorReport> try_estimator(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                                      zoo::PieceStore& pieces, const TaskProfile& profile, zoo::TaskId task,
                                      const EstimateOptions& options) {
  std::filesystem::path cache = options.measuring.compile_cache;
  if (cache.empty()) {
    SL_ASSIGN_OR_RETURN(cache, default_compile_cache());
  }
  return TaskRun(zoo, soc, options, nullptr, profile, task).run(runtime, pieces, cache);
}

std::optional<std::size_t> estimation_budget(std::size_t variants, std::size_t stages, double level) {
  constexpr std::size_t kPerVariant = 5;
  const std::size_t least = least_budget(variants, level);
  const std::size_t all = TaskProfile(variants, stages, 0).stitched();
  if (least >= all) return std::nullopt;
  return std::clamp(kPerVariant * variants, least, all - 1);
}

}  // namespace sparseloom::profile
