#include "sparseloom/profile/accuracy.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <new>
#include <thread>

#include "sparseloom/base/thread.h"
#include "sparseloom/zoo/chain.h"

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
  std::vector<Unit> units;  // prefixes in lexicographic order: neighbours share most of their stages
  std::size_t wanted = 0;   // stitched variants, over all units

  std::mutex mutex;
  std::condition_variable changed;
  std::size_t next = 0;
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

// One thread's sessions, all bound once: those of a stage share the buffers in front of it and behind it. `store_[s]`
// keeps what stage s takes, for all samples, under the prefix that is evaluated.
class Worker {
 public:
  Worker(Shared& shared, std::size_t index) : shared_(shared), job_(shared.job), index_(index) {}

  Status prepare() {
    const auto& stages = job_.stages;
    const std::size_t count = stages.front().size();
    for (std::size_t s = 0; s < count; ++s) add_buffers(stages.front()[s]->inputs());
    add_buffers(stages.front().back()->outputs());
    sessions_.resize(count);
    for (std::size_t s = 0; s < count; ++s) {
      for (const auto& variant : stages) SL_RETURN_IF_ERROR(add_session(s, variant));
    }
    store_.resize(count);
    for (std::size_t s = 1; s < count; ++s) store_[s] = HostBuffer(stride(s) * job_.data.size());
    return {};
  }

  void work() {
    for (;;) {
      std::size_t unit = 0;
      {
        const std::scoped_lock lock(shared_.mutex);
        if (shared_.next == shared_.units.size() || shared_.should_stop()) return;
        unit = shared_.next++;
      }
      if (Status status = evaluate(shared_.units[unit]); !status.ok()) {
        if (status.code() != Code::kCancelled) shared_.fail(std::move(status));
        return;
      }
    }
  }

 private:
  void add_buffers(const std::vector<TensorSpec>& specs) {
    auto& buffers = at_.emplace_back();
    for (const TensorSpec& spec : specs) buffers.emplace_back(spec.bytes());
  }

  Status add_session(std::size_t s, const std::vector<std::shared_ptr<backend::Executable>>& variant) {
    const auto& dense = job_.stages.front();
    if (s > 0) SL_RETURN_IF_ERROR(zoo::check_boundary(dense[s - 1]->outputs(), variant[s]->inputs(), s - 1));
    if (s + 1 < dense.size()) {
      SL_RETURN_IF_ERROR(zoo::check_boundary(variant[s]->outputs(), dense[s + 1]->inputs(), s));
    }
    SL_ASSIGN_OR_RETURN(auto session, variant[s]->new_session());
    for (std::size_t i = 0; i < at_[s].size(); ++i) SL_RETURN_IF_ERROR(session->bind_input(i, at_[s][i].span()));
    for (std::size_t i = 0; i < at_[s + 1].size(); ++i) {
      SL_RETURN_IF_ERROR(session->bind_output(i, at_[s + 1][i].span()));
    }
    sessions_[s].push_back(std::move(session));
    return {};
  }

  std::size_t stride(std::size_t s) const {
    std::size_t bytes = 0;
    for (const HostBuffer& buffer : at_[s]) bytes += buffer.size();
    return bytes;
  }

  void load(std::size_t s, std::size_t sample) {
    if (s == 0) {
      for (std::size_t i = 0; i < at_[0].size(); ++i) {
        const auto bytes = job_.data.input(sample, i);
        std::memcpy(at_[0][i].data(), bytes.data(), bytes.size());
      }
      return;
    }
    const std::byte* from = store_[s].data() + sample * stride(s);
    for (HostBuffer& buffer : at_[s]) {
      std::memcpy(buffer.data(), from, buffer.size());
      from += buffer.size();
    }
  }

  void keep(std::size_t s, std::size_t sample) {
    std::byte* to = store_[s].data() + sample * stride(s);
    for (const HostBuffer& buffer : at_[s]) {
      std::memcpy(to, buffer.data(), buffer.size());
      to += buffer.size();
    }
  }

  // All samples through stage s of variant v; `after` sees each.
  template <typename After>
  Status pass(std::size_t s, zoo::VariantId v, After after) {
    backend::Session& session = *sessions_[s][v.index()];
    for (std::size_t n = 0; n < job_.data.size(); ++n) {
      if (n % kSamplesBetweenChecks == 0 && shared_.should_stop()) return cancelled();
      load(s, n);
      SL_RETURN_IF_ERROR(session.run());
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
      SL_RETURN_IF_ERROR(pass(s, prefix[s], [&](std::size_t n) { keep(s + 1, n); }));
      current_.push_back(prefix[s]);
    }
    return {};
  }

  Status evaluate(const Unit& unit) {
    SL_RETURN_IF_ERROR(follow(unit.prefix));
    const std::size_t last = sessions_.size() - 1;
    std::vector<AccuracyEntry> entries;
    for (std::size_t k = 0; k < unit.last.size(); ++k) {
      // Workers that meet on one executable would take turns.
      const zoo::VariantId v = unit.last[(k + index_) % unit.last.size()];
      AccuracyEntry entry{job_.task, job_.split, unit.prefix, {}};
      entry.sigma.push_back(v);
      entry.accuracy.samples = static_cast<std::int64_t>(job_.data.size());
      SL_RETURN_IF_ERROR(pass(last, v, [&](std::size_t n) {
        if (zoo::top1(at_[last + 1].front().span()) == job_.data.label(n)) ++entry.accuracy.correct;
        shared_.samples_done.fetch_add(1, std::memory_order_relaxed);
      }));
      entries.push_back(std::move(entry));
    }
    const std::scoped_lock lock(shared_.mutex);
    SL_RETURN_IF_ERROR(shared_.on_accuracies(entries));
    shared_.stitched += entries.size();
    return {};
  }

  Shared& shared_;
  const AccuracyJob& job_;
  const std::size_t index_;
  std::vector<std::vector<HostBuffer>> at_;  // [s]: one sample in front of stage s
  std::vector<HostBuffer> store_;            // [s]: all samples in front of stage s, from 1
  zoo::Sigma current_;                       // the prefix that store_ holds
  std::vector<std::vector<std::unique_ptr<backend::Session>>> sessions_;  // [s][v]
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
    Worker worker(shared, index);
    Status status = worker.prepare();
    if (!status.ok()) {
      shared.fail(std::move(status));
    } else {
      worker.work();
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
