// Small made-up zoos and plans, and a way to write what a dispatcher is told and what it must answer as lines of text.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sparseloom/sched/dispatcher.h"

namespace sparseloom::sched::testing {

/// Tasks "a", "b", ... with `stages` stages and variants "v0", "v1", ...
inline zoo::Zoo made_up_zoo(std::size_t tasks, std::size_t stages, std::size_t variants) {
  zoo::Zoo zoo;
  for (std::size_t t = 0; t < tasks; ++t) {
    zoo::Task& task = zoo.tasks.emplace_back();
    task.name = std::string(1, static_cast<char>('a' + t));
    task.cuts.resize(stages - 1);
    for (std::size_t v = 0; v < variants; ++v) task.variants.emplace_back().name = fmt::format("v{}", v);
  }
  return zoo;
}

/// One task's plan: the variant and the processor of each stage.
struct Row {
  std::vector<std::size_t> sigma;
  std::vector<std::size_t> placement;
};

inline std::shared_ptr<const plan::Plan> made_up_plan(const std::vector<Row>& rows, bool pooled = false) {
  auto plan = std::make_shared<plan::Plan>();
  plan->planner = "made-up";
  for (const Row& row : rows) {
    plan::TaskPlan& task = plan->tasks.emplace_back();
    for (const std::size_t v : row.sigma) task.sigma.emplace_back(v);
    for (const std::size_t p : row.placement) task.placement.emplace_back(p);
    task.providers.assign(row.sigma.size(), backend::Provider::kOpenVino);
    task.estimates.assign(row.sigma.size(), {.latency = Seconds(1), .model_latency = Seconds(1)});
    task.pooled = pooled;
    task.latency = Seconds(static_cast<double>(row.sigma.size()));
  }
  return plan;
}

/// Processors 0..n-1, each a pool of its own.
inline soc::Pools unlike(std::size_t processors) {
  soc::Pools pools;
  for (std::size_t p = 0; p < processors; ++p) {
    pools.members.push_back({soc::ProcessorId(p)});
    pools.of.push_back(p);
  }
  return pools;
}

inline std::unique_ptr<Policy> policy_for(std::string_view name, const soc::Pools& pools) {
  return std::move(make_policy(name, Dispatcher::queue_count(pools))).value();
}

/// Drives a dispatcher by hand. Answers read "p0:r1.2" (processor 0 runs stage 2 of request 1), in the order given.
class Script {
 public:
  Script(std::shared_ptr<const plan::Plan> plan, std::size_t processors, std::string_view policy)
      : Script(std::move(plan), unlike(processors), policy) {}
  Script(std::shared_ptr<const plan::Plan> plan, const soc::Pools& pools, std::string_view policy)
      : dispatcher_(std::move(plan), pools, policy_for(policy, pools)), running_(pools.of.size()) {}

  std::string arrive(std::size_t request, std::size_t task, double arrival, double deadline) {
    const Request r{.id = RequestId(request),
                    .task = zoo::TaskId(task),
                    .arrival = Seconds(arrival),
                    .deadline = Seconds(deadline)};
    dispatcher_.arrive(r, Seconds(arrival), out_);
    return answer();
  }

  /// What `processor` runs has finished. A request's end reads "end".
  std::string finish(std::size_t processor, double now) {
    const bool last = dispatcher_.finish(running_.at(processor).value(), Seconds(now), out_);
    running_[processor].reset();
    return (last ? "end " : "") + answer();
  }

  std::string fail(std::size_t processor, double now) {
    dispatcher_.abandon(running_.at(processor).value(), Seconds(now), out_);
    running_[processor].reset();
    return answer();
  }

  Dispatcher& dispatcher() { return dispatcher_; }
  const Dispatch& running(std::size_t processor) const { return running_.at(processor).value(); }

 private:
  std::string answer() {
    std::string text;
    for (const Dispatch& d : out_) {
      if (running_.at(d.processor.index())) return "two stages at once on one processor";
      running_[d.processor.index()] = d;
      text +=
          fmt::format("{}p{}:r{}.{}", text.empty() ? "" : " ", d.processor.index(), d.request.index(), d.stage.index());
    }
    out_.clear();
    return text;
  }

  Dispatcher dispatcher_;
  std::vector<std::optional<Dispatch>> running_;
  std::vector<Dispatch> out_;
};

}  // namespace sparseloom::sched::testing
