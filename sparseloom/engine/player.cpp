#include "sparseloom/engine/player.h"

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>

namespace sparseloom::engine {
namespace {

// A signal may be delivered to another thread, so a sleeper looks up this often for the stop flag.
constexpr Seconds kLookUp{0.05};

// Sleeps end up to 50 µs late by default; an arrival should not.
class PreciseSleep {
 public:
  PreciseSleep() : before_(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0)) { prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); }
  ~PreciseSleep() {
    if (before_ > 0) prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(before_), 0, 0, 0);
  }
  PreciseSleep(const PreciseSleep&) = delete;
  PreciseSleep& operator=(const PreciseSleep&) = delete;

 private:
  int before_;
};

// steady_clock reads CLOCK_MONOTONIC, so its times can be slept for absolutely.
void sleep_until_steady(std::chrono::steady_clock::time_point time) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  const timespec at{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
}

}  // namespace

TaskSamples samples_of(const zoo::Dataset& data, std::size_t model_inputs) {
  TaskSamples samples;
  for (std::size_t s = 0; s < data.size(); ++s) {
    std::vector<std::span<const std::byte>>& inputs = samples.inputs.emplace_back();
    for (std::size_t k = 0; k < model_inputs; ++k) inputs.push_back(data.input(s, k));
    samples.labels.push_back(data.label(s));
  }
  return samples;
}

Player::Player(std::vector<TaskSamples> samples, const std::atomic<bool>* stop, Seconds grace)
    : samples_(std::move(samples)), stop_(stop), grace_(grace), next_sample_(samples_.size(), 0) {}

void Player::seek(std::size_t sample) {
  const std::lock_guard lock(mutex_);
  for (std::size_t t = 0; t < next_sample_.size(); ++t) next_sample_[t] = sample % samples_[t].labels.size();
}

bool Player::stopped() const { return stop_ != nullptr && stop_->load(std::memory_order_relaxed); }

plan::Slo Player::slo(zoo::TaskId task) const {
  const std::lock_guard lock(mutex_);
  return slos_[task.index()];
}

bool Player::sleep_until(Seconds time) {
  while (!stopped()) {
    const Seconds current = now();
    if (current >= time) return true;
    const Seconds until = std::min(time, current + kLookUp);
    sleep_until_steady(epoch() + std::chrono::ceil<std::chrono::steady_clock::duration>(until));
  }
  return false;
}

void Player::begin(const std::vector<plan::Slo>& slos, sched::ClosedLoops loops, std::size_t expected) {
  const std::lock_guard lock(mutex_);
  slos_ = slos;
  loops_ = std::move(loops);
  first_request_ = sent_;
  sent_as_.clear();
  sent_as_.reserve(expected);
  records_.clear();
  records_.reserve(expected);
}

std::vector<Record> Player::finish() {
  std::unique_lock lock(mutex_);
  while (!over() && !stopped()) changed_.wait_for(lock, kLookUp);
  if (!over()) {
    lock.unlock();
    dropped_ += end(grace_);
    lock.lock();
    changed_.wait(lock, [this] { return in_flight_ == 0; });
  }
  return std::move(records_);
}

void Player::send(zoo::TaskId task, Seconds arrival, double priority, std::size_t loop) {
  sched::Request request;
  request.task = task;
  request.arrival = arrival;
  request.priority = priority;
  std::size_t sample = 0;
  {
    const std::lock_guard lock(mutex_);
    std::size_t& next = next_sample_[task.index()];
    request.id = sched::RequestId(sent_++);
    sample = next;
    request.deadline = arrival + slos_[task.index()].latency;
    next = (next + 1) % samples_[task.index()].inputs.size();
    sent_as_.push_back({loop, sample});
    ++in_flight_;
  }
  const Status status = submit(request, sample);
  if (status.ok()) return;
  const std::lock_guard lock(mutex_);  // samples that do not fit the model: a request that was not served
  --in_flight_;
  if (loop != kOpenLoop) loops_.dropped(loop);
  keep({.task = task, .sample = sample, .arrival = arrival, .deadline = request.deadline, .finished = arrival}, status);
  if (over()) changed_.notify_all();
}

void Player::completed(const sched::Request& r, const Outcome& outcome) {
  const Record record{.task = r.task,
                      .arrival = r.arrival,
                      .deadline = r.deadline,
                      .finished = outcome.finished,
                      .plan_version = outcome.plan_version,
                      .predicted = outcome.predicted,
                      .accurate = outcome.accurate};
  const std::size_t loop = log(record, outcome.status, r.id);
  if (loop != kOpenLoop) send(r.task, outcome.finished, r.priority, loop);
}

// Returns the loop that sends its next request now, if any.
std::size_t Player::log(Record record, const Status& status, sched::RequestId id) {
  const std::lock_guard lock(mutex_);
  const auto [index, sample] = sent_as_[id.index() - first_request_];
  record.sample = sample;
  keep(record, status);
  --in_flight_;
  if (index != kOpenLoop && stopped()) loops_.stop();
  if (index != kOpenLoop && loops_.completed(index, record.finished)) return index;
  if (over()) changed_.notify_all();
  return kOpenLoop;
}

// With the mutex held.
void Player::keep(Record record, const Status& status) {
  record.status = status.code();
  records_.push_back(record);
  if (status.ok() || status.code() == Code::kCancelled) return;
  if (failed_++ == 0) first_failure_ = status;
}

Status Player::failures() const {
  const std::lock_guard lock(mutex_);
  if (failed_ == 0) return {};
  return error(first_failure_.code(), "{} request{} failed: {}", failed_, failed_ == 1 ? "" : "s",
               first_failure_.message());
}

std::vector<Record> Player::play(const sched::Workload& workload, const std::vector<plan::Slo>& slos) {
  constexpr std::size_t kGuess = 100'000;  // records of a closed loop, to start with
  std::vector<Due> due;
  const std::vector<sched::Arrival> first = sched::first_arrivals(workload);
  for (const sched::Arrival& arrival : first) {
    const sched::Arrivals& entry = workload.arrivals[arrival.entry];
    const bool closed = entry.kind == sched::Arrivals::Kind::kClosedLoop;
    due.push_back({arrival.at, arrival.task, entry.priority, closed ? arrival.entry : kOpenLoop});
  }
  std::size_t expected = due.size();
  for (const sched::Arrivals& a : workload.arrivals) expected += std::min(sched::follow_ups(a), kGuess);
  const Seconds start = now();
  begin(slos, sched::ClosedLoops(workload, first, start), expected);
  send_all(start, due);
  return finish();
}

void Player::send_all(Seconds start, const std::vector<Due>& due) {
  const PreciseSleep precise;
  for (const Due& next : due) {
    const Seconds time = start + next.at;
    if (!sleep_until(time)) return;
    worst_lateness_ = std::max(worst_lateness_, now() - time);
    send(next.task, time, next.priority, next.loop);
  }
}

}  // namespace sparseloom::engine
