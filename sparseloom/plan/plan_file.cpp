#include "sparseloom/plan/plan_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sparseloom/plan/costs.h"
#include "sparseloom/plan/names.h"
#include "sparseloom/plan/plan_json.h"
#include "sparseloom/plan/read_tasks.h"
#include "sparseloom/profile/profile_digest.h"

namespace sparseloom::plan {

namespace {

constexpr std::int64_t kPlanVersion = 1;
constexpr double kLeastPerSecond = 1e-6, kMostPerSecond = 1e12;
constexpr std::array<std::pair<std::string_view, profile::EstimateUse>, 2> kEstimateUses{
    {{"value", profile::EstimateUse::kValue}, {"lower", profile::EstimateUse::kLower}}};

std::string_view name_of(profile::EstimateUse use) {
  return std::find_if(kEstimateUses.begin(), kEstimateUses.end(), [&](const auto& u) { return u.second == use; })
      ->first;
}

/// As the plan counts what was estimated.
profile::Profile profile_of(const PlanFile& file, const PlanTarget& target) {
  profile::Profile profile = target.profile;
  profile.use_estimates = file.estimates;
  return profile;
}

Bytes task_bytes(const profile::Profile& profile, zoo::TaskId task, const TaskPlan& plan) {
  Bytes sum;
  for (std::size_t i = 0; i < plan.sigma.size(); ++i) {
    sum += profile.latency(subgraph_of(task, plan, zoo::StageId(i))).resident;
  }
  return sum;
}

Json rung_json(const PlanTarget& target, zoo::TaskId task, const TaskPlan& plan) {
  Json estimates = Json::array();
  for (const StageEstimate& e : plan.estimates) {
    estimates.push_back(
        {{"latency_ms", to_ms(e.latency)}, {"model_latency_ms", to_ms(e.model_latency)}, {"sparsity", e.sparsity}});
  }
  return {{"variant", variant_names(target.zoo.task(task), plan.sigma)},
          {"placement", processor_names(target.soc, plan.placement)},
          {"providers", provider_names(plan.providers)},
          {"pooled", plan.pooled},
          {"shared", plan.shared},
          {"batch", 1},
          {"latency_ms", to_ms(plan.latency)},
          {"accuracy", plan.accuracy},
          {"bytes", task_bytes(target.profile, task, plan).count},
          {"estimates", std::move(estimates)}};
}

double number_in(JsonObject& object, std::string_view key, double least, double most) {
  const double value = object.number(key);
  if (!(value >= least && value <= most)) object.fail(key, fmt::format("got {}; allowed: {}..{}", value, least, most));
  return value;
}

Seconds duration(JsonObject& object, std::string_view key) {
  return from_ms(number_in(object, key, kLeastMs, kMostMs));
}

Bytes bytes(JsonObject& object, std::string_view key) {
  const std::int64_t count = object.integer(key);
  if (count < 0) object.fail(key, fmt::format("got {}; allowed: 0 or more", count));
  return {static_cast<std::uint64_t>(count)};
}

/// One id per stage: what `find` makes of the names, given stage and name.
template <typename Id, typename Find>
std::vector<Id> ids(JsonObject& object, std::string_view key, const zoo::Task& task, Find find) {
  const std::vector<std::string> names = object.strings(key);
  if (names.size() != task.stages()) {
    object.fail(key, fmt::format("got {} names; task '{}' has {} stages", names.size(), task.name, task.stages()));
  }
  std::vector<Id> found;
  for (std::size_t i = 0; i < names.size() && object.ok(); ++i) {
    const Result<Id> id = find(i, names[i]);
    if (!id.ok()) object.fail(fmt::format("{}[{}]", key, i), id.status().message());
    found.push_back(id.ok() ? *id : Id());
  }
  return found;
}

Result<backend::Provider> provider_of(const soc::Processor& processor, std::string_view name) {
  for (const backend::Provider offered : processor.providers) {
    if (backend::provider_name(offered) == name) return offered;
  }
  return error(Code::kInvalidArgument, "processor '{}' does not offer '{}'; it offers: {}", processor.name, name,
               fmt::join(provider_names(processor.providers), ", "));
}

Status read_estimates(const std::vector<std::pair<const Json*, std::string>>& entries, TaskPlan& plan) {
  for (const auto& [entry, place] : entries) {
    JsonObject object(*entry, place);
    StageEstimate estimate;
    estimate.latency = duration(object, "latency_ms");
    estimate.model_latency = duration(object, "model_latency_ms");
    estimate.sparsity = object.number("sparsity");
    if (!(estimate.sparsity >= 0 && estimate.sparsity < 1)) {
      object.fail("sparsity", fmt::format("got {}; allowed: 0 or more, less than 1", estimate.sparsity));
    }
    SL_RETURN_IF_ERROR(object.finish());
    plan.estimates.push_back(estimate);
  }
  return {};
}

/// Figures that someone changed, or forgot to change with the names, would be promises that nothing keeps.
Status check_figures(const PlanTarget& target, zoo::TaskId task, const TaskPlan& plan, Bytes resident,
                     const std::string& where) {
  const auto accuracy = read_accuracy(target.zoo, target.profile, task, plan.sigma);
  if (!accuracy.ok()) return accuracy.status().with_context(where);
  if (!about(plan.accuracy, *accuracy)) {
    return error(Code::kFailedPrecondition, "{}: accuracy: got {}; by the profile that of {} is {}", where,
                 plan.accuracy, zoo::describe(target.zoo.task(task), plan.sigma), *accuracy);
  }
  const Bytes measured = task_bytes(target.profile, task, plan);
  if (resident != measured) {
    return error(Code::kFailedPrecondition, "{}: bytes: got {}; by the profile these subgraphs take {}", where,
                 resident.count, measured.count);
  }
  Seconds stages{0};
  for (const StageEstimate& e : plan.estimates) stages += e.latency;
  if (!about(plan.latency.count(), stages.count())) {
    return error(Code::kFailedPrecondition, "{}: latency_ms: got {}; the estimates of its stages add up to {}", where,
                 to_ms(plan.latency), to_ms(stages));
  }
  return {};
}

Result<TaskPlan> read_rung(const Json& json, const std::string& where, const PlanTarget& target, zoo::TaskId id) {
  const zoo::Task& task = target.zoo.task(id);
  JsonObject object(json, where);
  TaskPlan plan;
  plan.sigma = ids<zoo::VariantId>(object, "variant", task,
                                   [&](std::size_t, std::string_view name) { return task.variant(name); });
  plan.placement = ids<soc::ProcessorId>(object, "placement", task,
                                         [&](std::size_t, std::string_view name) { return target.soc.find(name); });
  plan.providers = ids<backend::Provider>(object, "providers", task, [&](std::size_t stage, std::string_view name) {
    return provider_of(target.soc.processor(plan.placement[stage]), name);
  });
  plan.pooled = object.boolean("pooled");
  plan.shared = object.boolean("shared");
  const std::int64_t batch = object.integer("batch");
  plan.latency = duration(object, "latency_ms");
  plan.accuracy = number_in(object, "accuracy", 0, 1);
  const Bytes resident = bytes(object, "bytes");
  const auto estimates = object.array("estimates");
  if (estimates.size() != task.stages()) {
    object.fail("estimates",
                fmt::format("got {}; task '{}' has {} stages", estimates.size(), task.name, task.stages()));
  }
  if (batch < 1) object.fail("batch", fmt::format("got {}; allowed: 1", batch));
  SL_RETURN_IF_ERROR(object.finish());
  if (batch > 1) {
    return error(Code::kFailedPrecondition, "{}: got {}; allowed: 1, larger batches are of a later release",
                 object.place("batch"), batch);
  }
  SL_RETURN_IF_ERROR(read_estimates(estimates, plan));
  SL_RETURN_IF_ERROR(check_figures(target, id, plan, resident, where));
  return plan;
}

/// What the file says of one task.
struct Entry {
  Slo slo;
  TaskPlan plan;
};

Result<Entry> read_entry(JsonObject& object, const PlanTarget& target, zoo::TaskId task) {
  const Json* const bounds = object.object("slo");
  const auto ladder = object.array("ladder");
  if (ladder.empty()) object.fail("ladder", "got no rung; allowed: one");
  SL_RETURN_IF_ERROR(object.finish());
  if (ladder.size() > 1) {
    return error(Code::kFailedPrecondition, "{}: got {} rungs; allowed: one, longer ladders are of a later release",
                 object.place("ladder"), ladder.size());
  }
  JsonObject slo(*bounds, object.place("slo"));
  Entry entry;
  entry.slo = read_bounds(slo);
  SL_RETURN_IF_ERROR(slo.finish());
  SL_ASSIGN_OR_RETURN(entry.plan, read_rung(*ladder.front().first, ladder.front().second, target, task));
  entry.plan.meets_latency = within(entry.plan.latency.count(), entry.slo.latency.count());
  entry.plan.meets_accuracy = accurate(entry.plan, entry.slo);
  return entry;
}

/// kFailedPrecondition unless `json` names the zoo or machine at hand.
Status check_made_for(const Json& json, const std::string& where, std::string_view what, const std::string& name,
                      const std::string& fingerprint) {
  JsonObject object(json, where);
  const std::string made_for = object.string("name");
  const std::string its_fingerprint = object.string("fingerprint");
  SL_RETURN_IF_ERROR(object.finish());
  if (its_fingerprint == fingerprint) return {};
  return error(Code::kFailedPrecondition,
               "{}: the plan was made for {} '{}' (fingerprint {}); this one is '{}' ({}): make a plan for it", where,
               what, made_for, its_fingerprint, name, fingerprint);
}

/// Everything but the tasks.
struct Head {
  PlanFile file;
  double throughput_qps = 0;
  Bytes resident;
  const Json *zoo = nullptr, *machine = nullptr;
  std::string digest;
  std::vector<std::pair<const Json*, std::string>> tasks;
};

Result<Head> read_head(JsonObject& object) {
  const std::int64_t version = object.integer("format_version");
  if (object.ok() && version != kPlanVersion) {  // before anything else, for that may be another release's
    return error(Code::kFailedPrecondition, "{}: got {}; this release reads {}", object.place("format_version"),
                 version, kPlanVersion);
  }
  Head head;
  head.file.plan.planner = object.string("planner");
  head.file.slo.name = object.string("slo_config");
  head.file.plan.optimal = object.boolean("optimal");
  head.file.plan.gap = number_in(object, "gap", 0, 1);
  if (object.has("plan_ms")) head.file.planning = from_ms(number_in(object, "plan_ms", 0, kMostMs));
  head.throughput_qps = number_in(object, "throughput_qps", kLeastPerSecond, kMostPerSecond);
  head.resident = bytes(object, "resident_bytes");
  head.zoo = object.object("zoo");
  head.machine = object.object("machine");
  head.digest = object.string("profile");
  const std::string estimates = object.string("estimated_accuracies");
  const auto use = std::find_if(kEstimateUses.begin(), kEstimateUses.end(),
                                [&](const auto& known) { return known.first == estimates; });
  if (use == kEstimateUses.end()) {
    object.fail("estimated_accuracies", fmt::format("got '{}'; allowed: value, lower", estimates));
  } else {
    head.file.estimates = use->second;
  }
  head.tasks = object.array("tasks");
  SL_RETURN_IF_ERROR(object.finish());
  return head;
}

}  // namespace

double throughput_qps(const Plan& plan) { return static_cast<double>(plan.tasks.size()) / plan.bottleneck.count(); }

Json summary_json(const PlanFile& file, Bytes resident) {
  return {{"planner", file.plan.planner},
          {"slo_config", file.slo.name},
          {"optimal", file.plan.optimal},
          {"gap", file.plan.gap},
          {"plan_ms", file.planning ? Json(to_ms(*file.planning)) : Json(nullptr)},
          {"throughput_qps", throughput_qps(file.plan)},
          {"resident_bytes", resident.count}};
}

std::string format_plan(const PlanFile& file, const PlanTarget& target) {
  Json tasks = Json::array();
  for (std::size_t t = 0; t < file.plan.tasks.size(); ++t) {
    const Slo& slo = file.slo.slos[t];
    tasks.push_back({{"task", target.zoo.tasks[t].name},
                     {"slo", {{"accuracy", slo.accuracy}, {"latency_ms", to_ms(slo.latency)}}},
                     {"ladder", Json::array({rung_json(target, zoo::TaskId(t), file.plan.tasks[t])})}});
  }
  Json document{{"format_version", kPlanVersion}};
  document.update(summary_json(file, resident_bytes(target.profile, file.plan)));
  if (!file.planning) document.erase("plan_ms");
  document["zoo"] = {{"name", target.zoo.name}, {"fingerprint", target.zoo.fingerprint}};
  document["machine"] = {{"name", target.soc.name}, {"fingerprint", target.soc.fingerprint}};
  document["profile"] = profile::profile_digest(profile_of(file, target), profile::Covers::kPlans);
  document["estimated_accuracies"] = name_of(file.estimates);
  document["tasks"] = std::move(tasks);
  return document.dump(2) + "\n";
}

Result<PlanFile> parse_plan(std::string_view text, const std::string& where, const PlanTarget& target) {
  SL_ASSIGN_OR_RETURN(const Json json, parse_json(text, where));
  JsonObject object(json, where);
  SL_ASSIGN_OR_RETURN(Head head, read_head(object));
  PlanFile& file = head.file;
  SL_RETURN_IF_ERROR(check_made_for(*head.zoo, object.place("zoo"), "zoo", target.zoo.name, target.zoo.fingerprint));
  SL_RETURN_IF_ERROR(
      check_made_for(*head.machine, object.place("machine"), "machine", target.soc.name, target.soc.fingerprint));
  const profile::Profile profile = profile_of(file, target);
  const std::string digest = profile::profile_digest(profile, profile::Covers::kPlans);
  if (head.digest != digest) {
    return error(Code::kFailedPrecondition,
                 "{}: the plan was made by another profile ({}) than this machine's ({}), so its figures no longer "
                 "hold: make it again",
                 object.place("profile"), head.digest, digest);
  }
  const PlanTarget counted{target.zoo, target.soc, profile};
  SL_ASSIGN_OR_RETURN(const std::vector<Entry> entries, read_tasks<Entry>(head.tasks, target.zoo, object.place("tasks"),
                                                                          [&](JsonObject& entry, zoo::TaskId task) {
                                                                            return read_entry(entry, counted, task);
                                                                          }));
  for (const Entry& entry : entries) {
    file.plan.tasks.push_back(entry.plan);
    file.slo.slos.push_back(entry.slo);
  }
  file.plan.bottleneck = Seconds(static_cast<double>(entries.size()) / head.throughput_qps);
  const Bytes resident = resident_bytes(profile, file.plan);
  if (head.resident != resident) {
    return error(Code::kFailedPrecondition, "{}: got {}; by the profile the plan takes {}",
                 object.place("resident_bytes"), head.resident.count, resident.count);
  }
  return std::move(file);
}

}  // namespace sparseloom::plan
