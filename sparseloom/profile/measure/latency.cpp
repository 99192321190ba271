#include "sparseloom/profile/measure/latency.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include "sparseloom/base/statistics.h"
#include "sparseloom/profile/measure/fill_boundaries.h"
#include "sparseloom/profile/measure/memory.h"
#include "sparseloom/profile/measure/rounds.h"
#include "sparseloom/profile/measure/stages.h"
#include "sparseloom/zoo/cut_check.h"

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

// A provider that runs a stage of the dense variant so many times slower than another one is not tried with the others:
// compressing changes what a stage takes, and hardly ever which library is twice as fast.
constexpr double kMostSlower = 1.5;
// A gang that takes more than this share of what one of its members takes for a stage of the dense variant keeps the
// others busy for nothing.
constexpr double kGangWorth = 0.9;
// Operators of every variant are measured one by one to divide them. So others are not tried where the dense variant's
// stage by divided operators takes more than this share of what the fastest other provider takes.
constexpr double kHybridWorth = 1.1;
// What answers of two libraries may differ by, relative to the largest: sums in another order. More where
// zoo::difference_bound() allows more.
constexpr double kAgreement = 1e-4;
constexpr double kNever = std::numeric_limits<double>::infinity();

// A subgraph and what it is measured by on a pool.
struct Group {
  zoo::VariantId variant;
  zoo::StageId stage;
  std::vector<backend::Provider> providers;
};

// The subgraphs of a task that lack a latency on some processor of a pool by some provider, each by every provider that
// the pool offers: providers are compared, so their rounds must be interleaved. Also those that are well known, if
// others are measured again: what is run beside a subgraph decides what caches hold. What was left out stays so.
std::vector<Group> missing_groups(const TaskProfile& known, const soc::Soc& soc, const Pool& pool, bool again) {
  std::vector<Group> missing;
  const bool all = again && count_latencies(known).disturbed > 0;
  for (std::size_t v = 0; v < known.variants(); ++v) {
    for (std::size_t s = 0; s < known.stages(); ++s) {
      Group group{zoo::VariantId(v), zoo::StageId(s), {}};
      bool any = all;
      for (const backend::Provider b : soc.processor(pool.front()).providers) {
        const auto at = [&](soc::ProcessorId p) -> const Latency& {
          return known.latency(group.variant, group.stage, p, b);
        };
        if (at(pool.front()).left_out != LeftOut::kNo) continue;
        any = any || std::any_of(pool.begin(), pool.end(), [&](soc::ProcessorId p) { return !at(p).settled(); });
        group.providers.push_back(b);
      }
      if (any && !group.providers.empty()) missing.push_back(std::move(group));
    }
  }
  return missing;
}

// The stages of the dense variant, where not all is known of them yet and there is something to decide: more than one
// library may run them, or a gang may be no faster than its members.
std::vector<Group> groups_to_screen(const TaskProfile& known, const soc::Soc& soc, const Pool& pool) {
  std::vector<Group> groups;
  for (Group& group : missing_groups(known, soc, pool, false)) {
    if (group.variant.index() != 0) continue;
    std::erase_if(group.providers, [](backend::Provider b) { return backend::info(b).else_same_as.has_value(); });
    if (group.providers.size() > 1 || soc.pools().is_gang(pool.front())) groups.push_back(std::move(group));
  }
  return groups;
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

  Status run(const backend::Runtime& runtime, zoo::PieceStore& pieces, TaskProfile known,
             const OnLatencies& on_latencies, Progress& progress, const OnProgress& tick) {
    SL_ASSIGN_OR_RETURN(boundaries_, fill_boundaries(zoo_, runtime, pieces, task_, {}));
    for (const Pool& pool : soc_.pools().members) {
      std::vector<LatencyEntry> settled;
      SL_RETURN_IF_ERROR(screen(runtime, pieces, known, pool, settled, progress, tick));
      SL_ASSIGN_OR_RETURN(
          const std::vector<Subject> subjects,
          prepare(runtime, pieces, missing_groups(known, soc_, pool, options_.again), pool, settled, progress, tick));
      if (!settled.empty()) SL_RETURN_IF_ERROR(on_latencies(settled));
      if (subjects.empty()) continue;
      SL_ASSIGN_OR_RETURN(const std::vector<LatencyEntry> entries,
                          time(subjects, pool, known, options_.rounds, progress, tick));
      SL_RETURN_IF_ERROR(on_latencies(entries));
      take(entries, known);
    }
    return {};
  }

 private:
  // Of one run: the bytes of every input, and of every output.
  using Tensors = std::vector<std::vector<std::byte>>;
  struct Reference {
    Tensors inputs, outputs;
  };

  static void take(const std::vector<LatencyEntry>& entries, TaskProfile& known) {
    for (const LatencyEntry& e : entries) {
      known.set_latency(e.subgraph.variant, e.subgraph.stage, e.subgraph.processor, e.subgraph.provider, e.latency);
    }
  }

  // The most that a stage of the dense variant may take on the pool by a provider for others to be tried with it.
  double most_worth(const TaskProfile& known, const Pool& pool, zoo::StageId stage, double best) const {
    double most = kMostSlower * best;
    if (!soc_.pools().is_gang(pool.front())) return most;
    soc_.pools().each_taken(pool.front(), [&](soc::ProcessorId member) {
      for (const backend::Provider b : soc_.processor(member).providers) {
        const Latency& alone = known.latency(zoo::VariantId(0), stage, member, b);
        if (alone.count == 0 || alone.left_out != LeftOut::kNo) continue;
        most = std::min(most, kGangWorth * alone.median.count() * static_cast<double>(pool.size()));
      }
    });
    return most;
  }

  // Runs the dense variant by every library, and leaves out of all variants those that are much slower there; what is
  // decided goes to `settled` and into `known`. Those that stay are measured again, beside the other variants.
  Status screen(const backend::Runtime& runtime, zoo::PieceStore& pieces, TaskProfile& known, const Pool& pool,
                std::vector<LatencyEntry>& settled, Progress& progress, const OnProgress& tick) {
    const std::vector<Group> groups = groups_to_screen(known, soc_, pool);
    if (groups.empty()) return {};
    SL_ASSIGN_OR_RETURN(const std::vector<Subject> subjects,
                        prepare(runtime, pieces, groups, pool, settled, progress, tick));
    SL_ASSIGN_OR_RETURN(const std::vector<LatencyEntry> entries,
                        time(subjects, pool, known, options_.least_rounds, progress, tick));
    for (const Group& group : groups) {
      std::map<backend::Provider, std::vector<LatencyEntry>> by_provider;
      for (const LatencyEntry& e : entries) {
        if (e.subgraph.stage == group.stage) by_provider[e.subgraph.provider].push_back(e);
      }
      const auto total = [](const std::vector<LatencyEntry>& of_provider) {
        double seconds = 0;
        for (const LatencyEntry& e : of_provider) seconds += e.latency.median.count();
        return seconds;
      };
      double best = kNever;
      for (const auto& [provider, of_provider] : by_provider) best = std::min(best, total(of_provider));
      const double most = most_worth(known, pool, group.stage, best);
      const auto stays = [&](const auto& of) {
        const bool hybrid = of.first == backend::Provider::kHybrid;
        return total(of.second) <= (hybrid ? std::min(most, kHybridWorth * best) : most);
      };
      std::vector<backend::Provider> staying;
      for (const auto& of : by_provider)
        if (stays(of)) staying.push_back(of.first);
      for (const auto& of : by_provider) {
        if (stays(of)) continue;
        const auto& [provider, of_provider] = of;
        for (LatencyEntry e : of_provider) {
          e.latency.left_out = LeftOut::kSlower;
          settled.push_back(std::move(e));
        }
        for (std::size_t v = 1; v < known.variants(); ++v) {
          const soc::SubgraphKey key{task_, zoo::VariantId(v), group.stage, pool.front(), provider};
          if (needed_by(key.variant, staying, pool)) continue;
          if (!known.latency(key.variant, key.stage, key.processor, provider).settled())
            leave_out(key, pool, LeftOut::kSlower, settled);
        }
      }
    }
    take(settled, known);
    return {};
  }

  // Whether the variant is there for none of those that stay: then it has nothing else, but where it has to run.
  bool needed_by(zoo::VariantId variant, const std::vector<backend::Provider>& staying, const Pool& pool) const {
    const zoo::Variant& of = zoo_.task(task_).variants[variant.index()];
    return !soc_.pools().is_gang(pool.front()) &&
           std::none_of(staying.begin(), staying.end(), [&](backend::Provider b) { return is_there_for(of, b); });
  }

  static void leave_out(soc::SubgraphKey key, const Pool& pool, LeftOut reason, std::vector<LatencyEntry>& settled) {
    Latency none;
    none.left_out = reason;
    for (const soc::ProcessorId p : pool) {
      key.processor = p;
      settled.push_back({key, none});
    }
  }

  // Compiles every group's subgraph by its providers. One that cannot, or whose answers are others than the very first
  // one's, is left out; if none of the first pool can, the first one's failure is the answer.
  Result<std::vector<Subject>> prepare(const backend::Runtime& runtime, zoo::PieceStore& pieces,
                                       const std::vector<Group>& groups, const Pool& pool,
                                       std::vector<LatencyEntry>& settled, Progress& progress, const OnProgress& tick) {
    std::vector<Subject> subjects;
    for (const Group& group : groups) {
      Reference& reference = references_[{group.variant, group.stage}];
      put_inputs(group.stage, reference);
      bool any = false;
      Status failure;
      std::vector<LatencyEntry> unable;
      for (const backend::Provider b : group.providers) {
        if (options_.control.stopped()) return Status(Code::kCancelled, "stopped");
        const soc::SubgraphKey key{task_, group.variant, group.stage, pool.front(), b};
        auto subject = load(runtime, pieces, key);
        ++progress.done;
        tick(progress);
        if (!subject.ok()) {
          if (failure.ok()) failure = subject.status();
          leave_out(key, pool, LeftOut::kUnsupported, unable);
          continue;
        }
        any = true;
        if (reference.outputs.empty()) {
          reference.outputs = bytes_at(group.stage.index() + 1);
        } else {
          SL_ASSIGN_OR_RETURN(const bool agree, agrees(runtime, pieces, key, reference.outputs));
          if (!agree) {
            leave_out(key, pool, LeftOut::kDisagrees, settled);
            continue;
          }
        }
        Subject* const same = subject->executable->sparse_layers() == 0 ? same_as(subjects, key) : nullptr;
        if (same != nullptr) {
          same->providers.push_back(b);
          progress.done += static_cast<std::size_t>(options_.rounds);  // they need not be run
        } else {
          subjects.push_back(std::move(*subject));
        }
      }
      const bool first_pool = soc_.pools().of[pool.front().index()] == 0;
      if (!any && first_pool) return failure;
      settled.insert(settled.end(), unable.begin(), unable.end());
    }
    return subjects;
  }

  Tensors bytes_at(std::size_t boundary) const {
    Tensors tensors;
    for (const HostBuffer& buffer : boundaries_.at(boundary))
      tensors.emplace_back(buffer.span().begin(), buffer.span().end());
    return tensors;
  }

  // All providers of a subgraph get the same inputs, whatever ran before on the boundary: those of the first one.
  void put_inputs(zoo::StageId stage, Reference& reference) {
    if (reference.inputs.empty()) reference.inputs = bytes_at(stage.index());
    for (std::size_t k = 0; k < reference.inputs.size(); ++k)
      std::copy(reference.inputs[k].begin(), reference.inputs[k].end(), boundaries_.at(stage.index())[k].data());
  }

  // Whether what the subgraph's run has just written is what another provider's run on the same inputs did.
  Result<bool> agrees(const backend::Runtime& runtime, zoo::PieceStore& pieces, const soc::SubgraphKey& key,
                      const Tensors& answers) const {
    const std::size_t boundary = key.stage.index() + 1;
    double difference = 0;
    for (std::size_t k = 0; k < answers.size(); ++k) {
      const auto compared =
          zoo::compare(boundaries_.tensors(boundary)[k], answers[k], boundaries_.at(boundary)[k].span());
      difference = std::max(difference, compared.max_rel);
    }
    if (difference <= kAgreement) return true;
    SL_ASSIGN_OR_RETURN(const auto path, pieces.piece(key.task, key.variant, key.stage));
    SL_ASSIGN_OR_RETURN(const auto model, runtime.read(path));
    const ElementType computed_in = backend::info(key.provider).computes_in.value_or(ElementType::kF32);
    return difference <= std::max(zoo::difference_bound(model->graph()), zoo::difference_bound(computed_in));
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
    SL_RETURN_IF_ERROR(pieces.piece(s.task, s.variant, s.stage, s.provider).status());
    const Bytes before = memory_in_use(options_.mapped_folders);
    Subject subject{.subgraph = s, .providers = {s.provider}, .executable = {}, .session = {}, .resident = {}};
    SL_ASSIGN_OR_RETURN(subject.executable,
                        load_stage(runtime, pieces, s.task, s.variant, s.stage,
                                   compile_options(soc_, s.processor, s.provider, options_.compile_cache)));
    const zoo::StageEnds ends = measured_ends(*subject.executable, s.stage.index(), boundaries_.stages());
    auto bound = boundaries_.bind(*subject.executable, s.stage.index(), ends);
    if (!bound.ok()) return bound.status().with_context(where(s));
    subject.session = std::move(bound).value();
    if (ends.input_on_device) SL_RETURN_IF_ERROR(boundaries_.upload(*subject.executable, s.stage.index()));
    const Status ran = subject.session->run();  // the first run allocates what it keeps
    if (!ran.ok()) return ran.with_context(where(s));
    if (ends.output_on_device) SL_RETURN_IF_ERROR(boundaries_.download(*subject.executable, s.stage.index() + 1));
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
                                         const TaskProfile& known, int most_rounds, Progress& progress,
                                         const OnProgress& tick) {
    std::vector<backend::Session*> sessions;
    for (const Subject& subject : subjects) sessions.push_back(subject.session.get());
    RoundOptions rounds{.rounds = most_rounds,
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
  // By variant and stage: of the first provider on the first pool that ran it in this measurement.
  std::map<std::pair<zoo::VariantId, zoo::StageId>, Reference> references_;
};

// Subgraphs to compile, each once per pool and provider.
std::size_t missing_work(const TaskProfile& known, const soc::Soc& soc, bool again) {
  std::size_t work = 0;
  for (const Pool& pool : soc.pools().members) {
    for (const Group& group : missing_groups(known, soc, pool, again)) work += group.providers.size();
  }
  return work;
}

std::vector<zoo::TaskId> missing_tasks(const zoo::Zoo& zoo, const soc::Soc& soc, const Profile& profile,
                                       const LatencyOptions& options) {
  std::vector<zoo::TaskId> tasks;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const zoo::TaskId task(t);
    const bool wanted =
        options.tasks.empty() || std::find(options.tasks.begin(), options.tasks.end(), task) != options.tasks.end();
    if (wanted && missing_work(profile.task(task), soc, options.again) > 0) tasks.push_back(task);
  }
  return tasks;
}

// A gang's members, each with the first provider that it offers, on its own cores; to be placed yet.
std::shared_ptr<const backend::HybridOptions> members_of(const soc::Soc& soc, soc::ProcessorId gang,
                                                         const std::filesystem::path& cache) {
  auto hybrid = std::make_shared<backend::HybridOptions>();
  soc.pools().each_taken(gang, [&](soc::ProcessorId id) {
    const soc::Processor& member = soc.processor(id);
    hybrid->members.push_back(compile_options(soc, id, member.providers.front(), cache));
    hybrid->members.back().cores = member.cores;
  });
  return hybrid;
}

}  // namespace

backend::CompileOptions compile_options(const soc::Soc& soc, soc::ProcessorId id, backend::Provider provider,
                                        const std::filesystem::path& cache) {
  const soc::Processor& processor = soc.processor(id);
  std::vector<CpuIndex> cores;
  if (processor.device == "CPU") {  // the processors of a pool share what is compiled
    for (const soc::ProcessorId member : soc.pools().pool(id)) {
      const std::vector<CpuIndex>& own = soc.processor(member).cores;
      cores.insert(cores.end(), own.begin(), own.end());
    }
  }
  return {.provider = provider,
          .device = processor.device,
          .threads = static_cast<int>(std::max<std::size_t>(processor.cores.size(), 1)),
          .sparse_layers = backend::info(provider).sparse_layers,
          .cores = std::move(cores),
          .cache_dir = cache,
          .hybrid = provider == backend::Provider::kHybrid ? members_of(soc, id, cache) : nullptr};
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
        missing_work(profile.task(task), soc, options.again) * static_cast<std::size_t>(options.rounds + 1);
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
