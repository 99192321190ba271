#include "bench/decision_cost.h"

#include <chrono>
#include <unordered_map>

#include "sparseloom/simulate/generate.h"

namespace sparseloom::bench {
namespace {

constexpr std::size_t kDecisions = 200, kBatches = 31;
constexpr sched::QueueId kQueue(0);

/// Keeps a number of requests waiting at a policy, on a virtual clock.
class Crowd {
 public:
  Crowd(const simulate::Benchmark& benchmark, sched::Policy& policy, std::size_t waiting)
      : policy_(policy), generator_(benchmark, {.requests = ~std::uint64_t{0}, .load = 50}) {
    const bool model = policy.knowledge() == sched::Knowledge::kModel;
    for (const plan::TaskPlan& task : benchmark.plan()->tasks) {
      const sched::Outlook outlook(task);
      times_.push_back(outlook.times(model ? sched::Knowledge::kModel : sched::Knowledge::kMonitored));
    }
    in_.resize(waiting);
    for (sched::SlotIndex slot = 0; slot < waiting; ++slot) admit(slot);
    now_ = in_.back().request.arrival;
  }

  void decide() {
    const auto slot = policy_.next(std::span(&kQueue, 1), {now_, in_.size()});
    Inside& inside = in_[*slot];
    const sched::StageTimes& truth = *inside.truth;
    now_ += truth.next[inside.stage];
    if (++inside.stage == truth.next.size()) {
      admit(*slot);
    } else {
      push(*slot, now_);
    }
  }

 private:
  struct Inside {
    sched::Request request;
    const sched::StageTimes* truth = nullptr;
    std::size_t stage = 0;
  };

  void admit(sched::SlotIndex slot) {
    const simulate::Query query = **generator_.next();
    in_[slot] = {query.request, query.truth, 0};
    const Seconds late = std::max(Seconds(0), now_ - in_[slot].request.arrival);
    in_[slot].request.arrival += late;
    in_[slot].request.deadline += late;
    push(slot, in_[slot].request.arrival);
  }

  void push(sched::SlotIndex slot, Seconds last_run) {
    const Inside& inside = in_[slot];
    const sched::StageTimes& times = times_[inside.request.task.index()];
    policy_.push({.slot = slot,
                  .queue = kQueue,
                  .request = inside.request.id,
                  .task = inside.request.task,
                  .stage = zoo::StageId(inside.stage),
                  .arrival = inside.request.arrival,
                  .deadline = inside.request.deadline,
                  .last_run = last_run,
                  .next = times.next[inside.stage],
                  .remaining = times.remaining[inside.stage],
                  .isolated = times.remaining.front(),
                  .priority = inside.request.priority});
  }

  sched::Policy& policy_;
  simulate::Generator generator_;
  std::vector<sched::StageTimes> times_;  // by model
  std::vector<Inside> in_;                // by slot
  Seconds now_{0};
};

/// Plays under one policy and asks another at every decision. The other forgets its stages after every answer.
class Shadowed final : public sched::Policy {
 public:
  Shadowed(std::unique_ptr<sched::Policy> exact, std::string_view other, std::size_t queues)
      : Policy(exact->name(), exact->knowledge()), exact_(std::move(exact)), other_(other), queues_(queues) {}

  void push(const sched::ReadyStage& stage) override {
    exact_->push(stage);
    ready_[stage.slot] = stage;
  }

  std::optional<sched::SlotIndex> next(std::span<const sched::QueueId> served, const sched::Moment& moment) override {
    const auto chosen = exact_->next(served, moment);
    if (!chosen) return chosen;
    const auto other = std::move(sched::make_policy(other_, queues_)).value();
    for (const auto& [slot, stage] : ready_) other->push(stage);
    agreed_ += other->next(served, moment) == chosen ? 1 : 0;
    ++decisions_;
    ready_.erase(*chosen);
    return chosen;
  }

  std::optional<sched::SlotIndex> peek(std::span<const sched::QueueId> served,
                                       const sched::Moment& moment) const override {
    return exact_->peek(served, moment);
  }

  double agreement() const { return static_cast<double>(agreed_) / static_cast<double>(decisions_); }

 private:
  std::unique_ptr<sched::Policy> exact_;
  std::string_view other_;
  std::size_t queues_;
  std::unordered_map<sched::SlotIndex, sched::ReadyStage> ready_;
  std::size_t decisions_ = 0, agreed_ = 0;
};

}  // namespace

Result<Quartiles<double>> measure_decision_cost(const simulate::Benchmark& benchmark, std::string_view policy_name,
                                                std::size_t waiting) {
  SL_ASSIGN_OR_RETURN(const auto policy, sched::make_policy(policy_name, 1));
  Crowd crowd(benchmark, *policy, waiting);
  for (std::size_t i = 0; i < std::max(10 * kDecisions, 3 * waiting); ++i) crowd.decide();  // settles who waits
  std::vector<double> seconds;
  for (std::size_t batch = 0; batch < kBatches; ++batch) {
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < kDecisions; ++i) crowd.decide();
    const Seconds taken = std::chrono::steady_clock::now() - start;
    seconds.push_back(taken.count() / kDecisions);
  }
  return quartiles(std::move(seconds));
}

Result<double> decision_agreement(simulate::Benchmark& benchmark, std::string_view exact, std::string_view approximate,
                                  simulate::RequestSource& requests) {
  const soc::Pools one{{{soc::ProcessorId(0)}}, {0}};
  const std::size_t queues = sched::Dispatcher::queue_count(one);
  SL_RETURN_IF_ERROR(sched::make_policy(approximate, queues).status());
  SL_ASSIGN_OR_RETURN(auto policy, sched::make_policy(exact, queues));
  auto shadowed = std::make_unique<Shadowed>(std::move(policy), approximate, queues);
  const Shadowed& asked = *shadowed;
  simulate::Meter meter(one);
  SL_ASSIGN_OR_RETURN(simulate::Simulation simulation,
                      simulate::Simulation::make(benchmark.plan(), one, std::move(shadowed),
                                                 simulate::Admission::kBenchmark, benchmark, meter));
  for (;;) {
    SL_ASSIGN_OR_RETURN(const auto request, requests.next());
    if (!request) break;
    simulation.arrive(*request);
  }
  simulation.finish();
  return asked.agreement();
}

}  // namespace sparseloom::bench
