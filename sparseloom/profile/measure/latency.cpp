#include "sparseloom/profile/measure/latency.h"

#include <algorithm>
#include <numeric>

#include "sparseloom/base/statistics.h"
#include "sparseloom/profile/measure/fill_boundaries.h"
#include "sparseloom/profile/measure/memory.h"
#include "sparseloom/profile/measure/rounds.h"
#include "sparseloom/profile/measure/stages.h"

namespace sparseloom::profile {
namespace {

using Clock = std::chrono::steady_clock;

using Pool = std::vector<soc::ProcessorId>;

// One subgraph, compiled for one pool of processors and bound to its task's buffers.
struct Subject {
  soc::SubgraphKey subgraph;                 // of the pool's first processor
  std::vector<backend::Provider> providers;  // more than one: they compile it to the same
  std::shared_ptr<backend::Executable> executable;
  std::unique_ptr<backend::Session> session;
  Bytes resident;
};

// The subgraphs of a task that lack a latency on some processor of a pool by some provider, each as every provider that
// the pool offers compiles it for its first processor: providers are compared, so their rounds must be interleaved.
// Also those that are well known, if others are measured again: what is run beside a subgraph decides what caches hold.
std::vector<soc::SubgraphKey> missing_subgraphs(zoo::TaskId task, const TaskProfile& known, const soc::Soc& soc,
                                                const Pool& pool, bool again) {
  std::vector<soc::SubgraphKey> missing;
  const bool all = again && count_latencies(known).disturbed > 0;
  const std::vector<backend::Provider>& offered = soc.processor(pool.front()).providers;
  for (std::size_t v = 0; v < known.variants(); ++v) {
    for (std::size_t s = 0; s < known.stages(); ++s) {
      const bool any = std::any_of(pool.begin(), pool.end(), [&](soc::ProcessorId p) {
        return std::any_of(offered.begin(), offered.end(), [&](backend::Provider b) {
          return known.latency(zoo::VariantId(v), zoo::StageId(s), p, b).count == 0;
        });
      });
      if (!any && !all) continue;
      for (const backend::Provider b : offered) {
        missing.push_back({task, zoo::VariantId(v), zoo::StageId(s), pool.front(), b});
      }
    }
  }
  return missing;
}

// The better of two measurements of the same: what disturbs one makes it longer, and hardly ever shorter.
const Latency& better(const Latency& a, const Latency& b) {
  if (a.count == 0 || b.count == 0) return a.count == 0 ? b : a;
  if (disturbed(a) != disturbed(b)) return disturbed(a) ? b : a;
  return disturbed(a) && b.median < a.median ? b : a;
}

bool any_disturbed(const TimedRounds& timed) {
  return std::any_of(timed.begin(), timed.end(), [](const std::vector<Latency>& processors) {
    return std::any_of(processors.begin(), processors.end(), disturbed);
  });
}

// Measures one task: subgraphs x processors x providers.
class TaskMeasurement {
 public:
  TaskMeasurement(const zoo::Zoo& zoo, const soc::Soc& soc, zoo::TaskId task, const LatencyOptions& options)
      : zoo_(zoo),
        soc_(soc),
        task_(task),
        options_(options),
        boundaries_(zoo.task(task).stages(), zoo.task(task).inputs) {}

  Status run(const backend::Runtime& runtime, zoo::PieceStore& pieces, const TaskProfile& known,
             const OnLatencies& on_latencies, Progress& progress, const OnProgress& tick) {
    SL_ASSIGN_OR_RETURN(boundaries_, fill_boundaries(zoo_, runtime, pieces, task_, {}));
    for (const Pool& pool : soc_.pools().members) {
      SL_ASSIGN_OR_RETURN(std::vector<Subject> subjects, prepare(runtime, pieces, known, pool, progress, tick));
      if (subjects.empty()) continue;
      SL_ASSIGN_OR_RETURN(const std::vector<LatencyEntry> entries, time(subjects, pool, known, progress, tick));
      SL_RETURN_IF_ERROR(on_latencies(entries));
    }
    return {};
  }

 private:
  Result<std::vector<Subject>> prepare(const backend::Runtime& runtime, zoo::PieceStore& pieces,
                                       const TaskProfile& known, const Pool& pool, Progress& progress,
                                       const OnProgress& tick) {
    std::vector<Subject> subjects;
    for (const soc::SubgraphKey& subgraph : missing_subgraphs(task_, known, soc_, pool, options_.again)) {
      if (options_.control.stopped()) return Status(Code::kCancelled, "stopped");
      SL_ASSIGN_OR_RETURN(Subject subject, load(runtime, pieces, subgraph));
      Subject* const same = subject.executable->sparse_layers() == 0 ? same_as(subjects, subgraph) : nullptr;
      if (same != nullptr) {
        same->providers.push_back(subgraph.provider);
      } else {
        subjects.push_back(std::move(subject));
      }
      progress.done +=
          same != nullptr ? 1 + static_cast<std::size_t>(options_.rounds) : 1;  // its rounds need not be run
      tick(progress);
    }
    return subjects;
  }

  // The same subgraph by the provider that this one compiles it as if it replaces no layer, or null.
  static Subject* same_as(std::vector<Subject>& subjects, soc::SubgraphKey subgraph) {
    const auto other = backend::info(subgraph.provider).else_same_as;
    if (!other) return nullptr;
    subgraph.provider = *other;
    const auto found = std::find_if(subjects.begin(), subjects.end(),
                                    [&](const Subject& subject) { return subject.subgraph == subgraph; });
    return found == subjects.end() ? nullptr : &*found;
  }

  Result<Subject> load(const backend::Runtime& runtime, zoo::PieceStore& pieces, const soc::SubgraphKey& s) {
    // Cutting must not count as memory of the subgraph.
    SL_RETURN_IF_ERROR(pieces.piece(s.task, s.variant, s.stage).status());
    const Bytes before = memory_in_use(options_.mapped_folders);
    Subject subject{.subgraph = s, .providers = {s.provider}, .executable = {}, .session = {}, .resident = {}};
    SL_ASSIGN_OR_RETURN(subject.executable,
                        load_stage(runtime, pieces, s.task, s.variant, s.stage,
                                   compile_options(soc_, s.processor, s.provider, options_.compile_cache)));
    auto bound = boundaries_.bind(*subject.executable, s.stage.index());
    if (!bound.ok()) return bound.status().with_context(where(s));
    subject.session = std::move(bound).value();
    const Status ran = subject.session->run();  // the first run allocates what it keeps
    if (!ran.ok()) return ran.with_context(where(s));
    subject.executable->trim();
    subject.resident = growth(before, memory_in_use(options_.mapped_folders));
    return subject;
  }

  // How many subgraphs serve all tasks of the zoo.
  std::size_t stages_of_a_plan() const {
    return std::accumulate(zoo_.tasks.begin(), zoo_.tasks.end(), std::size_t{0},
                           [](std::size_t sum, const zoo::Task& task) { return sum + task.stages(); });
  }

  std::string where(const soc::SubgraphKey& s) const {
    const zoo::Task& task = zoo_.task(s.task);
    return fmt::format("task '{}', variant '{}', stage {}", task.name, task.variants[s.variant.index()].name,
                       s.stage.index());
  }

  Result<std::vector<LatencyEntry>> time(const std::vector<Subject>& subjects, const Pool& pool,
                                         const TaskProfile& known, Progress& progress, const OnProgress& tick) {
    std::vector<backend::Session*> sessions;
    for (const Subject& subject : subjects) sessions.push_back(subject.session.get());
    RoundOptions rounds{.rounds = options_.rounds,
                        .least_rounds = options_.least_rounds,
                        .budget = options_.task_budget,
                        .together = stages_of_a_plan(),
                        .seed = task_.index(),
                        .files = options_.files,
                        .control = options_.control,
                        .after_round = [&] {
                          progress.done += subjects.size();
                          tick(progress);
                        }};
    SL_ASSIGN_OR_RETURN(TimedRounds timed, time_rounds(sessions, soc_, pool, rounds));
    rounds.rounds = std::min(options_.rounds, options_.least_rounds);
    for (int retry = 0; retry < options_.retries && any_disturbed(timed); ++retry) {
      progress.total += subjects.size() * static_cast<std::size_t>(rounds.rounds);
      SL_ASSIGN_OR_RETURN(const TimedRounds anew, time_rounds(sessions, soc_, pool, rounds));
      for (std::size_t i = 0; i < timed.size(); ++i) {
        for (std::size_t p = 0; p < pool.size(); ++p) timed[i][p] = better(timed[i][p], anew[i][p]);
      }
    }
    return entries_of(subjects, pool, known, timed);
  }

  std::vector<LatencyEntry> entries_of(const std::vector<Subject>& subjects, const Pool& pool, const TaskProfile& known,
                                       const TimedRounds& timed) const {
    std::vector<LatencyEntry> entries;
    for (std::size_t i = 0; i < subjects.size(); ++i) {
      for (std::size_t p = 0; p < pool.size(); ++p) {
        for (const backend::Provider provider : subjects[i].providers) {
          soc::SubgraphKey subgraph = subjects[i].subgraph;
          subgraph.processor = pool[p];
          subgraph.provider = provider;
          Latency latency = timed[i][p];
          if (options_.again) {
            latency = better(known.latency(subgraph.variant, subgraph.stage, subgraph.processor, provider), latency);
          }
          latency.resident = subjects[i].resident;
          entries.push_back({subgraph, latency});
        }
      }
    }
    return entries;
  }

  const zoo::Zoo& zoo_;
  const soc::Soc& soc_;
  zoo::TaskId task_;
  const LatencyOptions& options_;
  // All subjects share them. Timed runs overwrite them with what other variants pass on for the same sample: still real
  // data.
  zoo::Boundaries boundaries_;
};

// Subgraphs to compile, each once per pool and provider.
std::size_t missing_work(zoo::TaskId task, const TaskProfile& known, const soc::Soc& soc, bool again) {
  std::size_t work = 0;
  for (const Pool& pool : soc.pools().members) work += missing_subgraphs(task, known, soc, pool, again).size();
  return work;
}

std::vector<zoo::TaskId> missing_tasks(const zoo::Zoo& zoo, const soc::Soc& soc, const Profile& profile,
                                       const LatencyOptions& options) {
  std::vector<zoo::TaskId> tasks;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const zoo::TaskId task(t);
    const bool wanted =
        options.tasks.empty() || std::find(options.tasks.begin(), options.tasks.end(), task) != options.tasks.end();
    if (wanted && missing_work(task, profile.task(task), soc, options.again) > 0) tasks.push_back(task);
  }
  return tasks;
}

}  // namespace

backend::CompileOptions compile_options(const soc::Soc& soc, soc::ProcessorId id, backend::Provider provider,
                                        const std::filesystem::path& cache) {
  const soc::Processor& processor = soc.processor(id);
  return {.device = processor.device,
          .threads = static_cast<int>(std::max<std::size_t>(processor.cores.size(), 1)),
          .sparse_layers = backend::info(provider).sparse_layers,
          .cache_dir = cache};
}

Latency summarize(std::vector<Seconds> runs) {
  const auto count = static_cast<std::int64_t>(runs.size());
  const Quartiles<Seconds> q = quartiles(std::move(runs));
  return {.median = q.median, .q1 = q.q1, .q3 = q.q3, .count = count, .resident = {}};
}

bool lacks_latencies(const zoo::Zoo& zoo, const soc::Soc& soc, const Profile& profile, const LatencyOptions& options) {
  return !missing_tasks(zoo, soc, profile, options).empty();
}

Status measure_latencies(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                         zoo::PieceStore& pieces, const Profile& profile, const LatencyOptions& options,
                         const OnLatencies& on_latencies) {
  const auto start = Clock::now();
  auto last = start;
  Progress progress;
  progress.what = "latency";
  progress.unit = "subgraph rounds";
  const std::vector<zoo::TaskId> tasks = missing_tasks(zoo, soc, profile, options);
  for (const zoo::TaskId task : tasks) {  // loading counts as a round
    progress.total +=
        missing_work(task, profile.task(task), soc, options.again) * static_cast<std::size_t>(options.rounds + 1);
  }
  const OnProgress tick = [&](const Progress& now) {
    const auto time = Clock::now();
    if (!options.control.on_progress || time - last < std::chrono::milliseconds(200)) return;
    last = time;
    Progress shown = now;
    shown.elapsed = time - start;
    shown.per_second = static_cast<double>(now.done) / shown.elapsed.count();
    if (now.done > 0)
      shown.left = Seconds(static_cast<double>(now.total - std::min(now.done, now.total)) / shown.per_second);
    options.control.on_progress(shown);
  };
  for (const zoo::TaskId task : tasks) {
    TaskMeasurement measurement(zoo, soc, task, options);
    SL_RETURN_IF_ERROR(measurement.run(runtime, pieces, profile.task(task), on_latencies, progress, tick));
  }
  if (!tasks.empty() && options.control.on_progress) {
    progress.done = progress.total;  // rounds may have ended early
    progress.elapsed = Clock::now() - start;
    options.control.on_progress(progress);
  }
  return {};
}

}  // namespace sparseloom::profile
