#include "sparseloom/engine/activation.h"

#include <algorithm>
#include <cmath>

namespace sparseloom::engine {
namespace {

std::string describe(const zoo::Zoo& zoo, const SubgraphKey& key) {
  const zoo::Task& task = zoo.task(key.task);
  return fmt::format("{}/{}", task.name, task.variants[key.variant.index()].name);
}

}  // namespace

Activator::Activator(const zoo::Zoo& zoo, const soc::Soc& soc, Residency& residency, std::size_t task_capacity,
                     std::size_t slots_per_task)
    : soc_(soc), residency_(residency), slots_per_task_(slots_per_task), zoo_(&zoo), boundaries_(task_capacity) {
  extend(zoo);
  residency_.add(*this);
}

void Activator::extend(const zoo::Zoo& zoo) {
  const std::lock_guard lock(mutex_);
  zoo_ = &zoo;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const zoo::Task& task = zoo.tasks[t];
    while (boundaries_[t].size() < slots_per_task_) boundaries_[t].emplace_back(task.stages(), task.inputs);
  }
}

const zoo::Zoo& Activator::zoo() const {
  const std::lock_guard lock(mutex_);
  return *zoo_;
}

Activator::~Activator() { residency_.remove(*this); }

Status Activator::check_task(const zoo::Task& task, const soc::Soc& soc, const plan::TaskPlan& chosen) {
  if (chosen.shared) {
    return error(Code::kFailedPrecondition,
                 "task '{}': shares all cores with others; each worker of the engine has its own", task.name);
  }
  for (const std::size_t given :
       {chosen.sigma.size(), chosen.placement.size(), chosen.providers.size(), chosen.estimates.size()}) {
    if (given == task.stages()) continue;
    return error(Code::kInvalidArgument,
                 "task '{}': {} variants, {} processors, {} providers and {} estimates; it has {} stages", task.name,
                 chosen.sigma.size(), chosen.placement.size(), chosen.providers.size(), chosen.estimates.size(),
                 task.stages());
  }
  Seconds model{0}, pattern{0};
  for (const plan::StageEstimate& e : chosen.estimates) model += e.model_latency, pattern += e.latency;
  if (!(model > Seconds(0) && pattern > Seconds(0) && std::isfinite((model + pattern).count()))) {
    return error(Code::kInvalidArgument,
                 "task '{}': estimates add up to {} s ({} s over its variants); allowed: more than 0", task.name,
                 pattern.count(), model.count());
  }
  for (std::size_t i = 0; i < task.stages(); ++i) {
    if (chosen.sigma[i].index() >= task.variants.size() || chosen.placement[i].index() >= soc.processors.places()) {
      return error(Code::kInvalidArgument, "task '{}' stage {}: variant {} on processor {}; there are {} and {}",
                   task.name, i, chosen.sigma[i].index(), chosen.placement[i].index(), task.variants.size(),
                   soc.processors.places());
    }
    const soc::Processor& processor = soc.processor(chosen.placement[i]);
    if (std::find(processor.providers.begin(), processor.providers.end(), chosen.providers[i]) !=
        processor.providers.end()) {
      continue;
    }
    return error(Code::kInvalidArgument, "task '{}' stage {}: provider {}, which '{}' does not offer", task.name, i,
                 backend::provider_name(chosen.providers[i]), processor.name);
  }
  return {};
}

Status Activator::check_fits(const zoo::Zoo& zoo, const soc::Soc& soc, const plan::Plan& plan) {
  if (plan.tasks.size() > zoo.tasks.size()) {  // fewer: those that came later are not served
    return error(Code::kInvalidArgument, "plan '{}': {} tasks; the zoo has {}", plan.planner, plan.tasks.size(),
                 zoo.tasks.size());
  }
  for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
    if (plan.tasks[t].sigma.empty()) continue;  // not served
    const Status fits = check_task(zoo.tasks[t], soc, plan.tasks[t]);
    if (!fits.ok()) return fits.with_context(fmt::format("plan '{}'", plan.planner));
  }
  return {};
}

Result<Activator::Loaded> Activator::load(const plan::Plan& plan) {
  Loaded loaded;
  // What is resident is taken first, so that loading the rest does not evict it.
  for (const SubgraphKey& key : subgraphs_of(plan)) loaded.emplace_back(key, residency_.find(key));
  for (auto& [key, executable] : loaded) {
    if (executable != nullptr) continue;
    auto got = residency_.get(key);
    if (got.ok()) {
      executable = std::move(got).value();
      continue;
    }
    const Bytes needed = residency_.needed(subgraphs_of(plan)) + residency_.load_reserve();
    if (needed > residency_.budget()) {
      return error(Code::kResourceExhausted,
                   "memory budget {:.2f} MiB: plan '{}' needs {:.2f} MiB for its subgraphs and for loading; the "
                   "smallest budget that it "
                   "fits is {} bytes",
                   to_mib(residency_.budget()), plan.planner, to_mib(needed), needed.count);
    }
    return got.status();
  }
  return loaded;
}

// What a stage on a device passes on stays there, until the next one, if it runs elsewhere, fetches it: the receiver
// pays for a transfer.
zoo::StageEnds Activator::ends_of(const Loaded& loaded, std::size_t k) {
  const std::string_view here = loaded[k].second->device_memory();
  zoo::StageEnds ends;
  if (k > 0 && loaded[k - 1].first.task == loaded[k].first.task) {
    const std::string_view before = loaded[k - 1].second->device_memory();
    ends.input_on_device = !here.empty() && before == here;
    if (before != here) ends.input_from = before;
  }
  const bool last = k + 1 == loaded.size() || loaded[k + 1].first.task != loaded[k].first.task;
  ends.output_on_device = !here.empty() && !last;
  return ends;
}

Result<std::shared_ptr<const ActivePlan>> Activator::activate(std::shared_ptr<const plan::Plan> plan) {
  const zoo::Zoo& zoo = this->zoo();
  SL_RETURN_IF_ERROR(check_fits(zoo, soc_, *plan));
  SL_ASSIGN_OR_RETURN(Loaded loaded, load(*plan));
  auto active = std::make_shared<ActivePlan>();
  active->stages.resize(plan->tasks.size());
  const std::lock_guard lock(mutex_);  // only now: who loads must not keep others from plans that are resident
  for (std::size_t k = 0; k < loaded.size(); ++k) {
    const SubgraphKey& key = loaded[k].first;
    SL_ASSIGN_OR_RETURN(auto bound, sessions({key, ends_of(loaded, k)}, loaded[k].second));
    active->stages[key.task.index()].push_back(std::move(bound));
  }
  active->plan = std::move(plan);
  active->zoo = &zoo;
  return std::shared_ptr<const ActivePlan>(std::move(active));
}

Result<std::shared_ptr<const SlotSessions>> Activator::sessions(const Bound& wanted,
                                                                std::shared_ptr<backend::Executable> executable) {
  const auto& [key, ends] = wanted;
  std::shared_ptr<const SlotSessions>& entry = sessions_[{residency_.canonical(key), ends}];
  if (entry == nullptr || entry->executable != executable) {
    auto bound = bind(wanted, std::move(executable));
    if (!bound.ok()) return bound.status().with_context(describe(*zoo_, key));
    entry = std::move(bound).value();
  }
  return entry;
}

Result<std::shared_ptr<const SlotSessions>> Activator::bind(const Bound& wanted,
                                                            std::shared_ptr<backend::Executable> executable) {
  const auto& [key, ends] = wanted;
  auto bound = std::make_shared<SlotSessions>();
  for (zoo::Boundaries& slot : boundaries_[key.task.index()]) {
    SL_ASSIGN_OR_RETURN(auto session, slot.bind(*executable, key.stage.index(), ends));
    bound->by_slot.push_back(std::move(session));
  }
  bound->executable = std::move(executable);
  bound->ends = ends;
  return std::shared_ptr<const SlotSessions>(std::move(bound));
}

void Activator::prune() {
  std::vector<std::shared_ptr<const SlotSessions>> freed;  // outside the lock
  const std::lock_guard lock(mutex_);
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    const bool unused = it->second == nullptr || (it->second.use_count() == 1 && !residency_.resident(it->first.first));
    if (unused) freed.push_back(std::move(it->second));
    it = unused ? sessions_.erase(it) : std::next(it);
  }
}

void Activator::let_go(const SubgraphKey& key) {
  std::vector<std::shared_ptr<const SlotSessions>> freed;  // outside the lock
  const std::lock_guard lock(mutex_);
  for (auto it = sessions_.lower_bound({key, {}}); it != sessions_.end() && it->first.first == key;) {
    const bool unused = it->second.use_count() <= 1;
    if (unused) freed.push_back(std::move(it->second));
    it = unused ? sessions_.erase(it) : std::next(it);
  }
}

HostBuffer& Activator::input(zoo::TaskId task, std::size_t slot, std::size_t index) {
  return boundaries_[task.index()][slot].at(0)[index];
}

std::span<const HostBuffer> Activator::outputs(zoo::TaskId task, std::size_t slot) const {
  const zoo::Boundaries& boundaries = boundaries_[task.index()][slot];
  return boundaries.at(boundaries.stages());
}

std::span<const TensorSpec> Activator::output_tensors(zoo::TaskId task) const {
  const zoo::Boundaries& any_slot = boundaries_[task.index()].front();
  return any_slot.tensors(any_slot.stages());
}

double Activator::sparsity(zoo::TaskId task, std::size_t slot, zoo::StageId stage) const {
  return boundaries_[task.index()][slot].sparsity(stage.index() + 1);
}

}  // namespace sparseloom::engine
