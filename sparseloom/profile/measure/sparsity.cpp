#include "sparseloom/profile/measure/sparsity.h"

#include <algorithm>
#include <chrono>

#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/profile/measure/stages.h"
#include "sparseloom/zoo/chain.h"

namespace sparseloom::profile {
namespace {

std::vector<zoo::VariantId> missing_variants(const TaskProfile& known) {
  std::vector<zoo::VariantId> missing;
  for (std::size_t v = 0; v < known.variants(); ++v) {
    bool any = false;
    for (std::size_t s = 0; s + 1 < known.stages(); ++s) {
      any |= known.sparsity(zoo::VariantId(v), zoo::StageId(s)).samples == 0;
    }
    if (any) missing.emplace_back(v);
  }
  return missing;
}

// One entry per stage but the last.
Result<std::vector<SparsityEntry>> run(zoo::Chain& chain, const zoo::Dataset& data, zoo::TaskId task,
                                       zoo::VariantId variant, const SparsityOptions& options) {
  const std::size_t samples = std::min(options.samples, data.size());
  std::vector<double> sums(chain.stages() - 1);
  for (std::size_t n = 0; n < samples; ++n) {
    if (options.control.stopped()) return Status(Code::kCancelled, "stopped");
    chain.load(data, n * data.size() / samples);
    for (std::size_t s = 0; s < sums.size(); ++s) {
      SL_RETURN_IF_ERROR(chain.run_stage(s));
      sums[s] += chain.sparsity(s);
    }
  }
  std::vector<SparsityEntry> entries;
  for (std::size_t s = 0; s < sums.size(); ++s) {
    const Sparsity sparsity{sums[s] / static_cast<double>(samples), static_cast<std::int64_t>(samples)};
    entries.push_back({task, variant, zoo::StageId(s), sparsity});
  }
  return entries;
}

std::vector<zoo::TaskId> missing_tasks(const zoo::Zoo& zoo, const Profile& profile, const SparsityOptions& options) {
  std::vector<zoo::TaskId> tasks;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const bool wanted = options.tasks.empty() ||
                        std::find(options.tasks.begin(), options.tasks.end(), zoo::TaskId(t)) != options.tasks.end();
    const bool possible = zoo.tasks[t].profile.samples > 0;
    if (wanted && possible && !missing_variants(profile.tasks[t]).empty()) tasks.emplace_back(t);
  }
  return tasks;
}

}  // namespace

bool lacks_sparsities(const zoo::Zoo& zoo, const Profile& profile, const SparsityOptions& options) {
  return !missing_tasks(zoo, profile, options).empty();
}

Status measure_sparsities(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                          zoo::PieceStore& pieces, const Profile& profile, const SparsityOptions& options,
                          const OnSparsities& on_sparsities) {
  const auto start = std::chrono::steady_clock::now();
  const backend::CompileOptions compile =
      compile_options(soc, soc::ProcessorId(0), soc.processors.front().providers.front(), options.compile_cache);
  const std::vector<zoo::TaskId> tasks = missing_tasks(zoo, profile, options);
  Progress progress;
  progress.what = "sparsity";
  progress.unit = "tasks";
  progress.total = tasks.size();
  for (const zoo::TaskId t : tasks) {
    const zoo::Task& task = zoo.task(t);
    SL_ASSIGN_OR_RETURN(const zoo::Dataset data, zoo::Dataset::load(zoo, task, task.profile));
    for (const zoo::VariantId v : missing_variants(profile.task(t))) {
      std::vector<std::shared_ptr<backend::Executable>> stages;
      for (std::size_t s = 0; s < task.stages(); ++s) {
        SL_ASSIGN_OR_RETURN(auto executable, load_stage(runtime, pieces, t, v, zoo::StageId(s), compile));
        stages.push_back(std::move(executable));
      }
      SL_ASSIGN_OR_RETURN(zoo::Chain chain, zoo::Chain::bind(std::move(stages)));
      SL_ASSIGN_OR_RETURN(const std::vector<SparsityEntry> entries, run(chain, data, t, v, options));
      SL_RETURN_IF_ERROR(on_sparsities(entries));
    }
    ++progress.done;
    progress.elapsed = std::chrono::steady_clock::now() - start;
    if (options.control.on_progress) options.control.on_progress(progress);
  }
  return {};
}

}  // namespace sparseloom::profile
