#include "sparseloom/profile/measure/accuracy.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <thread>

#include "sparseloom/base/thread.h"
#include "sparseloom/profile/measure/stage_sessions.h"

namespace sparseloom::profile {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kSamplesBetweenChecks = 32;

// A prefix and the last stages that are wanted behind it: at least one.
struct Unit {
  zoo::Sigma prefix;
  std::vector<zoo::VariantId> last;
};

// Shared by the workers of one measurement.
struct Shared {
  Shared(const AccuracyJob& its_job, const AccuracyOptions& its_options, const OnAccuracies& taker)
      : job(its_job), options(its_options), on_accuracies(taker) {}

  const AccuracyJob& job;
  const AccuracyOptions& options;
  const OnAccuracies& on_accuracies;
  std::vector<Unit> units;  // not yet begun, prefixes in lexicographic order: neighbours share most of their stages
  std::set<zoo::VariantId> begun;  // first stages that some worker has run
  std::size_t wanted = 0;          // stitched variants, over all units

  std::mutex mutex;
  std::condition_variable changed;
  std::size_t running = 0;
  std::size_t stitched = 0;
  Status failure;

  std::atomic<std::size_t> samples_done{0};  // through the last stage
  std::atomic<std::size_t> stage_passes{0};
  std::atomic<bool> failed{false};

  bool should_stop() const { return failed.load(std::memory_order_relaxed) || options.control.stopped(); }

  void fail(Status status) {
    const std::scoped_lock lock(mutex);
    if (failure.ok()) failure = std::move(status);
    failed = true;
  }
};

Status cancelled() { return {Code::kCancelled, "stopped"}; }

void append_floats(std::span<const std::byte> from, std::vector<float>& to) {
  const std::size_t before = to.size();
  to.resize(before + from.size() / sizeof(float));
  std::memcpy(to.data() + before, from.data(), from.size());
}

// One thread's part of the walk. `store_[s]` keeps what stage s takes, for all samples, under the prefix that is
// evaluated.
class Worker {
 public:
  Worker(Shared& shared, StageSessions sessions, std::size_t index)
      : shared_(shared), job_(shared.job), index_(index), sessions_(std::move(sessions)) {
    store_.resize(sessions_.stages());
    for (std::size_t s = 1; s < store_.size(); ++s) store_[s] = HostBuffer(sessions_.bytes(s) * job_.data.size());
  }

  void work() {
    while (const auto unit = take_unit()) {
      if (Status status = evaluate(*unit); !status.ok()) {
        if (status.code() != Code::kCancelled) shared_.fail(std::move(status));
        return;
      }
    }
  }

 private:
  // The next unit behind the first stage that this worker has in store; else of a first stage that no other worker has
  // begun; else any: workers that share a first stage each run it.
  std::optional<Unit> take_unit() {
    const std::scoped_lock lock(shared_.mutex);
    if (shared_.units.empty() || shared_.should_stop()) return std::nullopt;
    auto next = shared_.units.end();
    if (!current_.empty()) {
      next = std::find_if(shared_.units.begin(), shared_.units.end(),
                          [&](const Unit& unit) { return unit.prefix.front() == current_.front(); });
    }
    if (next == shared_.units.end()) {
      next = std::find_if(shared_.units.begin(), shared_.units.end(), [&](const Unit& unit) {
        return unit.prefix.empty() || !shared_.begun.contains(unit.prefix.front());
      });
    }
    if (next == shared_.units.end()) next = shared_.units.begin();
    Unit unit = std::move(*next);
    shared_.units.erase(next);
    if (!unit.prefix.empty()) shared_.begun.insert(unit.prefix.front());
    return unit;
  }

  void load(std::size_t s, std::size_t sample) {
    if (s == 0) return sessions_.load(job_.data, sample);
    sessions_.put(s, store_[s].data() + sample * sessions_.bytes(s));
  }

  // All samples through stage s of variant v; `after` sees each.
  template <typename After>
  Status pass(std::size_t s, zoo::VariantId v, After after) {
    for (std::size_t n = 0; n < job_.data.size(); ++n) {
      if (n % kSamplesBetweenChecks == 0 && shared_.should_stop()) return cancelled();
      load(s, n);
      SL_RETURN_IF_ERROR(sessions_.run(s, v.index()));
      after(n);
    }
    ++shared_.stage_passes;
    return {};
  }

  // Brings store_[S-1] to `prefix`, running only the stages from the first that differs.
  Status follow(const zoo::Sigma& prefix) {
    const auto differs = std::mismatch(current_.begin(), current_.end(), prefix.begin(), prefix.end()).first;
    current_.erase(differs, current_.end());
    while (current_.size() < prefix.size()) {
      const std::size_t s = current_.size();
      const std::size_t bytes = sessions_.bytes(s + 1);
      SL_RETURN_IF_ERROR(
          pass(s, prefix[s], [&](std::size_t n) { sessions_.take(s + 1, store_[s + 1].data() + n * bytes); }));
      current_.push_back(prefix[s]);
    }
    return {};
  }

  Status evaluate(const Unit& unit) {
    SL_RETURN_IF_ERROR(follow(unit.prefix));
    const std::size_t last = sessions_.stages() - 1;
    std::vector<AccuracyEntry> entries;
    std::vector<std::vector<float>> outputs;
    for (std::size_t k = 0; k < unit.last.size(); ++k) {
      // Workers that meet on one executable would take turns.
      const zoo::VariantId v = unit.last[(k + index_) % unit.last.size()];
      AccuracyEntry entry{job_.task, job_.split, unit.prefix, {}};
      entry.sigma.push_back(v);
      auto& its_outputs = outputs.emplace_back();
      SL_RETURN_IF_ERROR(pass(last, v, [&](std::size_t n) {
        const auto logits = sessions_.at(last + 1).front().span();
        const zoo::Score score = job_.data.score(n, logits);
        entry.accuracy.correct += score.correct;
        entry.accuracy.samples += score.of;
        if (shared_.options.on_outputs) append_floats(logits, its_outputs);
        shared_.samples_done.fetch_add(1, std::memory_order_relaxed);
      }));
      entries.push_back(std::move(entry));
    }
    const std::scoped_lock lock(shared_.mutex);
    for (std::size_t k = 0; k < entries.size() && shared_.options.on_outputs; ++k) {
      shared_.options.on_outputs(entries[k].sigma, std::move(outputs[k]));
    }
    SL_RETURN_IF_ERROR(shared_.on_accuracies(entries));
    shared_.stitched += entries.size();
    return {};
  }

  Shared& shared_;
  const AccuracyJob& job_;
  const std::size_t index_;
  StageSessions sessions_;
  std::vector<HostBuffer> store_;  // [s]: all samples in front of stage s, from 1
  zoo::Sigma current_;             // the prefix that store_ holds
};

std::vector<Unit> missing_units(std::size_t variants, std::size_t stages,
                                const std::function<bool(const zoo::Sigma&)>& known) {
  const TaskProfile enumeration(variants, stages, 0);
  std::vector<Unit> units;
  for (std::size_t start = 0; start < enumeration.stitched(); start += variants) {
    Unit unit;
    for (std::size_t v = 0; v < variants; ++v) {
      if (!known(enumeration.sigma_at(start + v))) unit.last.emplace_back(v);
    }
    if (unit.last.empty()) continue;
    unit.prefix = enumeration.sigma_at(start);
    unit.prefix.pop_back();
    units.push_back(std::move(unit));
  }
  return units;
}

Progress progress_of(const Shared& shared, Clock::time_point start) {
  Progress progress;
  progress.done = shared.samples_done;
  progress.total = shared.wanted * shared.job.data.size();
  progress.elapsed = Clock::now() - start;
  progress.unit = "stitched samples";
  if (progress.done > 0 && progress.elapsed.count() > 0) {
    progress.per_second = static_cast<double>(progress.done) / progress.elapsed.count();
    progress.left = Seconds(static_cast<double>(progress.total - progress.done) / progress.per_second);
  }
  return progress;
}

void run_worker(Shared& shared, std::size_t index) {
  name_this_thread("accuracy");
  try {
    auto sessions = StageSessions::bind(shared.job.stages);
    if (sessions.ok()) {
      Worker(shared, std::move(sessions).value(), index).work();
    } else {
      shared.fail(sessions.status());
    }
  } catch (const std::bad_alloc&) {
    shared.fail({Code::kResourceExhausted, "not enough memory to keep the outputs of every stage; use fewer threads"});
  }
  const std::scoped_lock lock(shared.mutex);
  --shared.running;
  shared.changed.notify_all();
}

}  // namespace

Result<AccuracyRun> measure_accuracies(const AccuracyJob& job, const std::function<bool(const zoo::Sigma&)>& known,
                                       const AccuracyOptions& options, const OnAccuracies& on_accuracies) {
  const auto start = Clock::now();
  Shared shared(job, options, on_accuracies);
  shared.units = missing_units(job.stages.size(), job.stages.front().size(), known);
  for (const Unit& unit : shared.units) shared.wanted += unit.last.size();
  shared.running = std::clamp<std::size_t>(options.threads, 1, std::max<std::size_t>(shared.units.size(), 1));
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = shared.running; i-- > 0;) workers.emplace_back([&shared, i] { run_worker(shared, i); });
    std::unique_lock lock(shared.mutex);
    while (shared.running > 0) {
      shared.changed.wait_for(lock, std::chrono::milliseconds(250));
      if (!options.control.on_progress) continue;
      lock.unlock();
      options.control.on_progress(progress_of(shared, start));
      lock.lock();
    }
  }
  if (!shared.failure.ok()) return shared.failure;
  if (shared.stitched < shared.wanted) return cancelled();
  return AccuracyRun{shared.stitched, shared.stage_passes, Clock::now() - start};
}

}  // namespace sparseloom::profile
