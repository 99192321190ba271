#include "sparseloom/eval/host.h"

#include <algorithm>

#include "sparseloom/plan/costs.h"
#include "sparseloom/simulate/rehearsal.h"

namespace sparseloom::eval {
namespace {

bool shares(const plan::Plan& plan) {
  return std::any_of(plan.tasks.begin(), plan.tasks.end(), [](const plan::TaskPlan& task) { return task.shared; });
}

class EngineHost final : public Host {
 public:
  EngineHost(engine::EnginePlayer& player, std::size_t processors, std::unique_ptr<SharedCores> shared)
      : own_(player), shared_(std::move(shared)), playing_(&player), processors_(processors) {}
  Status adopt(std::shared_ptr<const plan::Plan> plan) override {
    SL_ASSIGN_OR_RETURN(playing_, player_for(*plan));
    if (shares(*plan)) plan = std::make_shared<const plan::Plan>(on_shared_cores(*plan));
    return playing_->engine().switch_plan(std::move(plan));
  }
  Status prepare(const plan::Plan& plan) override {
    SL_ASSIGN_OR_RETURN(engine::EnginePlayer * player, player_for(plan));
    return player->engine().prepare(shares(plan) ? on_shared_cores(plan) : plan);
  }
  void seek(std::size_t sample) override { playing_->seek(sample); }
  Result<std::vector<engine::Record>> play(const sched::Workload& workload,
                                           const std::vector<plan::Slo>& slos) override {
    return playing_->play(workload, slos);
  }
  bool stopped() const override { return own_.stopped(); }
  Status failures() const override {
    Status own = own_.failures();
    if (!own.ok() || shared_ == nullptr) return own;
    return shared_->player().failures().with_context("on shared cores");
  }
  std::size_t processors() const override { return processors_; }
  bool deterministic() const override { return false; }

 private:
  Result<engine::EnginePlayer*> player_for(const plan::Plan& plan) {
    if (!shares(plan)) return &own_;
    if (shared_ != nullptr) return &shared_->player();
    return error(Code::kFailedPrecondition, "plan '{}': shares all cores; no engine for that was started",
                 plan.planner);
  }

  engine::EnginePlayer& own_;
  std::unique_ptr<SharedCores> shared_;
  engine::EnginePlayer* playing_;
  std::size_t processors_;
};

// Notes down what a rehearsal's requests come to.
struct Records final : simulate::Observer {
  Records(const plan::Plan& plan, const std::vector<plan::Slo>& slos) {
    for (std::size_t t = 0; t < slos.size(); ++t) accurate.push_back(plan::accurate(plan.tasks[t], slos[t]));
  }
  void ran(const sched::Request&, const sched::Dispatch&, Seconds, Seconds, bool) override {}
  void finished(const simulate::Query& query, Seconds at) override {
    const sched::Request& request = query.request;
    records.push_back({.task = request.task,
                       .arrival = request.arrival,
                       .deadline = request.deadline,
                       .finished = at,
                       .accurate = accurate[request.task.index()]});
  }
  std::vector<engine::Record> records;
  std::vector<bool> accurate;  // by task
};

class VirtualHost final : public Host {
 public:
  explicit VirtualHost(VirtualMachine machine) : machine_(std::move(machine)) {}
  Status adopt(std::shared_ptr<const plan::Plan> plan) override {
    SL_RETURN_IF_ERROR(prepare(*plan));
    plan_ = std::move(plan);
    return {};
  }
  Status prepare(const plan::Plan& plan) override {
    if (!shares(plan)) return {};
    return error(Code::kFailedPrecondition,
                 "plan '{}': shares all cores; how the operating system shares them is not modelled", plan.planner);
  }
  void seek(std::size_t) override {}
  Result<std::vector<engine::Record>> play(const sched::Workload& workload,
                                           const std::vector<plan::Slo>& slos) override {
    Records records(*plan_, slos);
    SL_RETURN_IF_ERROR(simulate::rehearse({.workload = workload,
                                           .slos = slos,
                                           .plan = plan_,
                                           .pools = machine_.pools,
                                           .slots_per_task = machine_.slots_per_task,
                                           .observer = &records,
                                           .stop = machine_.stop},
                                          machine_.policy)
                           .status());
    return std::move(records.records);
  }
  bool stopped() const override { return machine_.stop != nullptr && machine_.stop->load(); }
  Status failures() const override { return {}; }
  std::size_t processors() const override { return machine_.pools.of.size(); }
  bool deterministic() const override { return true; }

 private:
  VirtualMachine machine_;
  std::shared_ptr<const plan::Plan> plan_;
};

}  // namespace

std::unique_ptr<Host> engine_host(engine::EnginePlayer& player, std::size_t processors,
                                  std::unique_ptr<SharedCores> shared) {
  return std::make_unique<EngineHost>(player, processors, std::move(shared));
}

std::unique_ptr<Host> virtual_host(VirtualMachine machine) { return std::make_unique<VirtualHost>(std::move(machine)); }

}  // namespace sparseloom::eval
