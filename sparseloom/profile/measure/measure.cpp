#include "sparseloom/profile/measure/measure.h"

#include <algorithm>

#include "sparseloom/base/file.h"
#include "sparseloom/profile/measure/accuracy.h"
#include "sparseloom/profile/measure/contention.h"
#include "sparseloom/profile/measure/ensure.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/profile/measure/sparsity.h"
#include "sparseloom/profile/measure/stages.h"
#include "sparseloom/profile/measure/transfer.h"

namespace sparseloom::profile {
namespace {

Status check_accuracy(const zoo::Zoo& zoo, const Profile& profile, const std::vector<Shipped>& shipped) {
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    if (!zoo.tasks[t].accuracy_known()) continue;
    const TaskProfile& task = profile.tasks[t];
    for (std::size_t i = 0; i < task.stitched(); ++i) {
      const zoo::Sigma sigma = task.sigma_at(i);
      if (task.accuracy(sigma).samples > 0 || task.accuracy_estimate(sigma)) continue;
      return error(Code::kFailedPrecondition, "task '{}': no accuracy for {} ({}); measure it first", zoo.tasks[t].name,
                   zoo::describe(zoo.tasks[t], sigma),
                   shipped[t] == Shipped::kStale ? "its accuracy.csv is of other models" : "the zoo ships none");
    }
  }
  return {};
}

class Measurement {
 public:
  Measurement(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime, zoo::PieceStore& pieces,
              const MeasureOptions& options, Database database, std::filesystem::path compile_cache)
      : zoo_(zoo),
        soc_(soc),
        runtime_(runtime),
        pieces_(pieces),
        options_(options),
        database_(std::move(database)),
        compile_cache_(std::move(compile_cache)) {
    measured_.profile = empty_profile(zoo, soc);
    measured_.database = database_.path();
  }

  Result<Measured> run() {
    const auto start = std::chrono::steady_clock::now();
    SL_RETURN_IF_ERROR(load());
    if (options_.require_accuracy) SL_RETURN_IF_ERROR(check_accuracy(zoo_, measured_.profile, measured_.shipped));
    if (anything_missing()) {
      SL_ASSIGN_OR_RETURN(const MachineLock lock, MachineLock::acquire(options_.lock, options_.control));
      if (lock.waited()) SL_RETURN_IF_ERROR(database_.read(measured_.profile));
      SL_RETURN_IF_ERROR(measure_all());
      SL_RETURN_IF_ERROR(database_.read(measured_.profile));
    }
    measured_.elapsed = std::chrono::steady_clock::now() - start;
    return std::move(measured_);
  }

 private:
  Status load() {
    for (std::size_t t = 0; t < zoo_.tasks.size(); ++t) {
      TaskProfile& known = measured_.profile.tasks[t];
      TaskProfile unused(known.variants(), known.stages(), 0);
      const auto shipped = load_shipped(zoo_, zoo::TaskId(t), options_.use_shipped ? known : unused);
      if (!shipped.ok() && (options_.use_shipped || !says_damaged(shipped.status()))) return shipped.status();
      measured_.shipped.push_back(shipped.ok() ? *shipped : Shipped::kDamaged);
    }
    return database_.read(measured_.profile);
  }

  bool wanted(zoo::TaskId task) const {
    return options_.tasks.empty() ||
           std::find(options_.tasks.begin(), options_.tasks.end(), task) != options_.tasks.end();
  }

  bool anything_missing() const {
    const bool latency = options_.latency && (lacks_latencies(zoo_, soc_, measured_.profile, latency_options()) ||
                                              lacks_sparsities(zoo_, measured_.profile, sparsity_options()));
    return latency || lacks_transfers_here() || options_.contention ||
           std::any_of(options_.accuracy.begin(), options_.accuracy.end(), [&](SplitName split) {
             for (std::size_t t = 0; t < zoo_.tasks.size(); ++t) {
               if (wanted(zoo::TaskId(t)) && !all_known(zoo::TaskId(t), split)) return true;
             }
             return false;
           });
  }

  bool lacks_transfers_here() const { return options_.latency && lacks_transfers(soc_, measured_.profile); }

  Status measure_all() {
    if (options_.latency) {
      SL_RETURN_IF_ERROR(latencies());
      SL_RETURN_IF_ERROR(sparsities());
    }
    if (lacks_transfers_here()) SL_RETURN_IF_ERROR(transfers());
    if (options_.contention) SL_RETURN_IF_ERROR(contention());
    for (const SplitName split : options_.accuracy) {
      for (std::size_t t = 0; t < zoo_.tasks.size(); ++t) {
        if (wanted(zoo::TaskId(t))) SL_RETURN_IF_ERROR(accuracies(zoo::TaskId(t), split));
      }
    }
    return {};
  }

  LatencyOptions latency_options() const {
    LatencyOptions latency;
    latency.tasks = options_.tasks;
    latency.again = options_.again;
    latency.control = options_.control;
    latency.compile_cache = compile_cache_;
    latency.mapped_folders = {zoo_.root, compile_cache_};
    if (const auto cache = cache_folder(); cache.ok()) latency.mapped_folders.push_back(*cache);
    return latency;
  }

  Status latencies() {
    return measure_latencies(zoo_, soc_, runtime_, pieces_, measured_.profile, latency_options(),
                             [&](std::span<const LatencyEntry> entries) {
                               measured_.latencies += entries.size();
                               return database_.write(entries);
                             });
  }

  // Of subgraphs that have been measured by now.
  Status transfers() {
    Profile known = measured_.profile;
    SL_RETURN_IF_ERROR(database_.read(known));
    SL_ASSIGN_OR_RETURN(const auto measured, measure_transfers(zoo_, soc_, runtime_, pieces_, known, compile_cache_));
    return measured ? database_.write(*measured) : Status();
  }

  SparsityOptions sparsity_options() const {
    SparsityOptions sparsity;
    sparsity.tasks = options_.tasks;
    sparsity.control = options_.control;
    sparsity.compile_cache = compile_cache_;
    return sparsity;
  }

  Status sparsities() {
    return measure_sparsities(zoo_, soc_, runtime_, pieces_, measured_.profile, sparsity_options(),
                              [&](std::span<const SparsityEntry> entries) { return database_.write(entries); });
  }

  Status contention() {
    ContentionOptions contention;
    contention.compile_cache = compile_cache_;
    contention.control = options_.control;
    SL_ASSIGN_OR_RETURN(const Contention measured, measure_contention(zoo_, soc_, runtime_, pieces_, contention));
    return database_.write(measured);
  }

  bool is_known(zoo::TaskId id, SplitName split, const zoo::Sigma& sigma) const {
    const TaskProfile& known = measured_.profile.task(id);
    return (split == SplitName::kProfile ? known.accuracy(sigma) : known.accuracy_test(sigma)).samples > 0;
  }

  // Of a task without samples nothing can be.
  bool all_known(zoo::TaskId id, SplitName split) const {
    const zoo::Task& task = zoo_.task(id);
    if ((split == SplitName::kProfile ? task.profile : task.test).samples == 0) return true;
    const TaskProfile& known = measured_.profile.task(id);
    for (std::size_t i = 0; i < known.stitched(); ++i) {
      if (!is_known(id, split, known.sigma_at(i))) return false;
    }
    return true;
  }

  Status accuracies(zoo::TaskId id, SplitName split) {
    if (all_known(id, split)) return {};
    const zoo::Task& task = zoo_.task(id);
    SL_ASSIGN_OR_RETURN(const zoo::Dataset data,
                        zoo::Dataset::load(zoo_, task, split == SplitName::kProfile ? task.profile : task.test));
    backend::CompileOptions compile;
    compile.cache_dir = compile_cache_;
    SL_ASSIGN_OR_RETURN(const StageTable stages, load_stages(zoo_, runtime_, pieces_, id, compile));
    AccuracyOptions options{.threads = options_.threads, .control = options_.control};
    if (options.control.on_progress) {
      options.control.on_progress = [&](Progress progress) {
        progress.what = fmt::format("accuracy of {} on {}", task.name, to_string(split));
        options_.control.on_progress(progress);
      };
    }
    SL_ASSIGN_OR_RETURN(const AccuracyRun run,
                        measure_accuracies(
                            {.task = id, .split = split, .data = data, .stages = stages},
                            [&](const zoo::Sigma& sigma) { return is_known(id, split, sigma); }, options,
                            [&](std::span<const AccuracyEntry> entries) { return database_.write(entries); }));
    measured_.stitched += run.stitched;
    measured_.stage_passes += run.stage_passes;
    return {};
  }

  const zoo::Zoo& zoo_;
  const soc::Soc& soc_;
  const backend::Runtime& runtime_;
  zoo::PieceStore& pieces_;
  const MeasureOptions& options_;
  Database database_;
  std::filesystem::path compile_cache_;
  Measured measured_;
};

}  // namespace

Result<Measured> measure(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                         zoo::PieceStore& pieces, const MeasureOptions& options) {
  std::filesystem::path path = options.database;
  if (path.empty()) {
    SL_ASSIGN_OR_RETURN(path, default_database(zoo, soc));
  }
  std::filesystem::path cache = options.compile_cache;
  if (cache.empty()) {
    SL_ASSIGN_OR_RETURN(cache, default_compile_cache());
  }
  SL_ASSIGN_OR_RETURN(Database database, Database::open(path, zoo, soc));
  return Measurement(zoo, soc, runtime, pieces, options, std::move(database), std::move(cache)).run();
}

}  // namespace sparseloom::profile
