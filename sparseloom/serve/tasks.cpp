#include "sparseloom/serve/tasks.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace sparseloom::serve {
namespace {

Status check_bounds(const TaskInfo& task, const Slo& bounds) {
  if (bounds.latency && !(*bounds.latency > Seconds(0) && std::isfinite(bounds.latency->count()))) {
    return error(Code::kInvalidArgument, "task '{}': latency bound {} ms; allowed: more than 0 and finite", task.name,
                 to_ms(*bounds.latency));
  }
  if (!bounds.accuracy) return {};
  if (!(*bounds.accuracy >= 0 && *bounds.accuracy <= 1)) {
    return error(Code::kInvalidArgument, "task '{}': accuracy bound {}; allowed: 0 to 1", task.name, *bounds.accuracy);
  }
  if (!task.accuracy_known) {
    return error(Code::kInvalidArgument, "task '{}': accuracy bound {}, but its accuracy is unknown", task.name,
                 *bounds.accuracy);
  }
  return {};
}

std::string names_of(const std::vector<TensorSpec>& tensors) {
  std::vector<std::string> names;
  for (const TensorSpec& tensor : tensors) names.push_back(tensor.describe());
  return fmt::format("{}", fmt::join(names, ", "));
}

bool served_alike(const plan::TaskPlan& a, const plan::TaskPlan& b) {
  return a.sigma == b.sigma && a.placement == b.placement && a.providers == b.providers && a.pooled == b.pooled &&
         a.latency == b.latency && a.meets_slo() == b.meets_slo();
}

}  // namespace

void Tasks::add(const zoo::Zoo& zoo, const std::vector<Slo>& slos, bool loaded) {
  const std::lock_guard lock(mutex_);
  for (std::size_t t = tasks_.size(); t < zoo.tasks.size(); ++t) {
    const zoo::Task& task = zoo.tasks[t];
    Task& added = tasks_.emplace_back();
    added.info.name = added.metrics.task = task.name;
    added.info.inputs = task.inputs;
    added.info.outputs = task.outputs;
    for (const zoo::Variant& variant : task.variants) added.info.variants.push_back(variant.name);
    added.info.accuracy_known = task.accuracy_known();
    added.info.slo = slos[t];
    added.info.loaded = loaded;
    by_name_.emplace(task.name, zoo::TaskId(t));
  }
}

Result<std::vector<Input>> Tasks::in_order(const Task& task, std::vector<Input> inputs) const {
  const std::vector<TensorSpec>& wanted = task.info.inputs;
  const bool only = wanted.size() == 1 && inputs.size() == 1 && inputs[0].name().empty();
  std::vector<std::optional<Input>> found(wanted.size());
  for (Input& input : inputs) {
    const auto spec =
        std::find_if(wanted.begin(), wanted.end(), [&](const TensorSpec& w) { return only || w.name == input.name(); });
    if (spec == wanted.end()) {
      return error(Code::kInvalidArgument, "task '{}': input '{}': not known; allowed: {}", task.info.name,
                   input.name(), names_of(wanted));
    }
    if (input.data().size() != spec->bytes()) {
      return error(Code::kInvalidArgument, "task '{}': input '{}': got {} bytes; {} has {}", task.info.name, spec->name,
                   input.data().size(), spec->describe(), spec->bytes());
    }
    std::optional<Input>& place = found[static_cast<std::size_t>(spec - wanted.begin())];
    if (place) return error(Code::kInvalidArgument, "task '{}': input '{}': given twice", task.info.name, spec->name);
    place = std::move(input);
  }
  inputs.clear();
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    if (!found[k]) {
      return error(Code::kInvalidArgument, "task '{}': input '{}' is missing; its model takes: {}", task.info.name,
                   wanted[k].name, names_of(wanted));
    }
    inputs.push_back(std::move(*found[k]));
  }
  return inputs;
}

Result<Admitted> Tasks::admit(std::string_view name, std::vector<Input> inputs, const InferOptions& options) {
  SL_ASSIGN_OR_RETURN(const zoo::TaskId id, find(name));
  const std::lock_guard lock(mutex_);
  Task& task = tasks_[id.index()];
  ++task.metrics.requests;
  const auto refuse = [&](Status status) {
    ++task.metrics.refused;
    return status;
  };
  if (!task.info.loaded) {
    return refuse(error(Code::kFailedPrecondition, "task '{}': is not loaded, or is being unloaded", name));
  }
  Slo bounds = task.info.slo;
  if (const Status fits = check_bounds(task.info, {options.accuracy, options.latency}); !fits.ok()) return refuse(fits);
  if (!(options.priority > 0 && std::isfinite(options.priority))) {
    return refuse(error(Code::kInvalidArgument, "task '{}': priority {}; allowed: more than 0 and finite", name,
                        options.priority));
  }
  if (options.accuracy) bounds.accuracy = options.accuracy;
  if (options.latency) bounds.latency = options.latency;
  auto ordered = in_order(task, std::move(inputs));
  if (!ordered.ok()) return refuse(ordered.status());
  ++task.in_flight;
  return Admitted{id, bounds, std::move(ordered).value()};
}

Reply Tasks::complete(zoo::TaskId id, const Slo& bounds, const Status& status, Seconds latency,
                      const plan::TaskPlan* plan) {
  Reply reply;
  reply.status = status;
  reply.latency = latency;
  const std::lock_guard lock(mutex_);
  Task& task = tasks_[id.index()];
  TaskMetrics& metrics = task.metrics;
  if (plan != nullptr) reply.served_by = placement(task, *plan);
  if (status.ok()) {
    const double accuracy = plan->accuracy;
    reply.met_latency = !bounds.latency || latency <= *bounds.latency;
    reply.met_accuracy = !bounds.accuracy || accuracy * (1 + 1e-9) >= *bounds.accuracy;
    ++metrics.served;
    if (!reply.met_latency) ++(reply.met_accuracy ? metrics.late : metrics.late_and_inaccurate);
    if (reply.met_latency && !reply.met_accuracy) ++metrics.inaccurate;
    metrics.latency.add(latency);
    if (plan->latency > Seconds(0)) task.slowdown_sum += latency / plan->latency;
  } else {
    ++(status.code() == Code::kCancelled ? metrics.cancelled : metrics.failed);
  }
  if (--task.in_flight == 0) drained_.notify_all();
  return reply;
}

std::shared_ptr<const Placement> Tasks::placement(Task& task, const plan::TaskPlan& plan) const {
  if (task.last_placement != nullptr && served_alike(task.last_plan, plan)) return task.last_placement;
  auto made = std::make_shared<Placement>();
  for (std::size_t i = 0; i < plan.sigma.size(); ++i) {
    made->variant.push_back(task.info.variants[plan.sigma[i].index()]);
    made->processor.push_back(soc_.processor(plan.placement[i]).name);
    made->provider.emplace_back(backend::provider_name(plan.providers[i]));
  }
  made->pooled = plan.pooled;
  if (task.info.accuracy_known) made->accuracy = plan.accuracy;
  made->latency = plan.latency;
  made->meets_slo = plan.meets_slo();
  task.last_plan = plan;
  task.last_placement = made;
  return made;
}

Result<zoo::TaskId> Tasks::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return found->second;
  std::vector<std::string_view> names;
  for (const Task& task : tasks_) names.push_back(task.info.name);
  return error(Code::kInvalidArgument, "task '{}': not known; allowed: {}", name, fmt::join(names, ", "));
}

std::vector<bool> Tasks::loaded() const {
  const std::lock_guard lock(mutex_);
  std::vector<bool> all;
  for (const Task& task : tasks_) all.push_back(task.info.loaded);
  return all;
}

std::vector<Slo> Tasks::slos() const {
  const std::lock_guard lock(mutex_);
  std::vector<Slo> all;
  for (const Task& task : tasks_) all.push_back(task.info.slo);
  return all;
}

Status Tasks::set_slo(zoo::TaskId id, const Slo& slo) {
  const std::lock_guard lock(mutex_);
  TaskInfo& task = tasks_[id.index()].info;
  SL_RETURN_IF_ERROR(check_bounds(task, slo));
  task.slo = slo;
  return {};
}

void Tasks::set_loaded(zoo::TaskId id, bool loaded) {
  const std::lock_guard lock(mutex_);
  tasks_[id.index()].info.loaded = loaded;
}

void Tasks::drain(zoo::TaskId id) {
  std::unique_lock lock(mutex_);
  drained_.wait(lock, [&] { return tasks_[id.index()].in_flight == 0; });
}

void Tasks::planned(const plan::Plan& plan) {
  const std::lock_guard lock(mutex_);
  for (std::size_t t = 0; t < plan.tasks.size() && t < tasks_.size(); ++t) {
    const bool served = !plan.tasks[t].sigma.empty();
    tasks_[t].info.placement = served ? placement(tasks_[t], plan.tasks[t]) : nullptr;
  }
}

std::vector<TaskInfo> Tasks::infos() const {
  const std::lock_guard lock(mutex_);
  std::vector<TaskInfo> all;
  for (const Task& task : tasks_) all.push_back(task.info);
  return all;
}

std::vector<TaskMetrics> Tasks::metrics() const {
  const std::lock_guard lock(mutex_);
  std::vector<TaskMetrics> all;
  for (const Task& task : tasks_) {
    all.push_back(task.metrics);
    if (task.metrics.served > 0) all.back().slowdown = task.slowdown_sum / static_cast<double>(task.metrics.served);
  }
  return all;
}

}  // namespace sparseloom::serve
