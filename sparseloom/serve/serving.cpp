#include "sparseloom/serve/serving.h"

#include <algorithm>
#include <cmath>

#include "sparseloom/base/file.h"
#include "sparseloom/base/thread.h"
#include "sparseloom/engine/replanner.h"
#include "sparseloom/plan/costs.h"
#include "sparseloom/plan/plan_file.h"
#include "sparseloom/plan/slo.h"
#include "sparseloom/profile/measure/ensure.h"
#include "sparseloom/serve/adaptation.h"
#include "sparseloom/soc/discover.h"

namespace sparseloom::serve {
namespace {

constexpr std::size_t kMostTasks = 256;   // that may be loaded while serving
constexpr Seconds kNoBound{1e9};          // later than every deadline of a request that has a bound
constexpr Seconds kLookEvery{0.02};       // at how long stages take
constexpr double kPausePerPlanning = 10;  // and re-planning takes no more than a tenth of a thread
constexpr double kQuiet = 0.15;           // a machine this near to its profile is planned for as profiled

Output output_of(const TensorSpec& tensor, const HostBuffer& buffer) {
  return {tensor, std::vector<std::byte>(buffer.data(), buffer.data() + buffer.size())};
}

Result<soc::Soc> planned_with(const soc::Soc& soc, const std::vector<std::string>& names, bool gangs) {
  std::vector<backend::Provider> providers;
  for (const std::string& name : names) {
    SL_ASSIGN_OR_RETURN(providers.emplace_back(), backend::find_provider(name));
  }
  return soc::confined(gangs ? soc : soc::without_gangs(soc), providers);
}

// A plan file has the times that were profiled; the check of the profile may have corrected those since.
void estimate_anew(const plan::Problem& problem, const profile::Profile& measured, plan::Plan& plan) {
  const plan::Problem as_measured{problem.zoo, problem.soc, measured, problem.slo};
  for (std::size_t t = 0; t < plan.tasks.size(); ++t) {
    plan::TaskPlan& task = plan.tasks[t];
    const zoo::TaskId id(t);
    for (std::size_t i = 0; i < task.estimates.size(); ++i) {
      const Seconds before = plan::stage_time(as_measured, id, task, zoo::StageId(i));
      const double ratio = before > Seconds(0) ? plan::stage_time(problem, id, task, zoo::StageId(i)) / before : 1;
      task.estimates[i].latency *= ratio;
      task.estimates[i].model_latency *= ratio;
    }
    task.latency = plan::plan_latency(problem, id, task);
    task.meets_latency = plan::within(task.latency.count(), problem.slo.slos[t].latency.count());
  }
}

}  // namespace

Serving::Serving(ServerOptions options) : options_(std::move(options)), memory_(options_.memory) {}

Serving::~Serving() { static_cast<void>(stop(options_.grace)); }

void Serving::notice(std::string_view line) const {
  if (options_.on_notice) options_.on_notice(line);
}

OpenWith Serving::open_with() const {
  profile::Control control{.on_progress = {}, .stop = options_.stop_measuring};
  if (options_.on_progress) {
    control.on_progress = [this](const profile::Progress& p) {
      options_.on_progress({.what = p.what, .done = p.done, .total = p.total, .left = p.left});
    };
  }
  return {.runtime = *runtime_,
          .soc = soc_,
          .compile_cache = compile_cache_,
          .scratch = scratch_ ? scratch_->path() : std::filesystem::path(),
          .check = options_.check_profile,
          .control = std::move(control)};
}

Status Serving::open() {
  if (options_.zoo.empty() && options_.models.empty()) {
    return error(Code::kInvalidArgument, "nothing to serve: neither a zoo nor a model was given");
  }
  if (!options_.plan.empty()) {
    SL_ASSIGN_OR_RETURN(plan_file_, read_file(options_.plan));  // before a minute of measuring
  }
  SL_ASSIGN_OR_RETURN(planner_, plan::find_planner(options_.planner));
  SL_ASSIGN_OR_RETURN(runtime_, backend::make_runtime(options_.runtime));
  SL_RETURN_IF_ERROR(open_caches());
  SL_ASSIGN_OR_RETURN(soc_, soc::discover(*runtime_));
  if (options_.hybrid) soc_ = soc::with_hybrid(soc_);
  SL_ASSIGN_OR_RETURN(plan_soc_, planned_with(soc_, options_.providers, options_.gangs));
  catalog_ = std::make_unique<Catalog>();
  tasks_ = std::make_unique<Tasks>(soc_);
  drift_ = std::make_unique<engine::Drift>(soc_.pools());
  if (!options_.zoo.empty()) {
    SL_ASSIGN_OR_RETURN(auto source, open_zoo(options_.zoo, open_with()));
    SL_ASSIGN_OR_RETURN(const auto slos, first_slos(*source));
    SL_RETURN_IF_ERROR(add(std::move(source), slos));
  }
  for (const ModelFile& model : options_.models) {
    auto source = open_model(model, open_with());
    if (!source.ok()) return source.status().with_context(fmt::format("model '{}'", model.name));
    SL_RETURN_IF_ERROR(add(std::move(source).value(), {{.latency = model.latency}}));
  }
  for (const auto& [name, slo] : options_.slos) {
    SL_ASSIGN_OR_RETURN(const zoo::TaskId task, tasks_->find(name));
    SL_RETURN_IF_ERROR(tasks_->set_slo(task, slo));
  }
  return start_engine();
}

// A cache that cannot be written is worth a word, and a folder that is gone at the end takes its place.
Status Serving::open_caches() {
  SL_ASSIGN_OR_RETURN(compile_cache_, profile::default_compile_cache());
  SL_ASSIGN_OR_RETURN(const std::filesystem::path folder, cache_folder());
  const Status writable = check_folder(folder);
  if (writable.ok()) return {};
  notice(fmt::format("warning: {}; what is cut and compiled is not kept", writable.message()));
  SL_ASSIGN_OR_RETURN(scratch_, ScratchFolder::make());
  compile_cache_ = scratch_->path() / "compiled";
  return {};
}

// Those of the grid, until others are set.
Result<std::vector<Slo>> Serving::first_slos(const Source& source) const {
  SL_ASSIGN_OR_RETURN(const auto ranges, plan::grid_ranges(source.zoo, soc_, source.profile.profile));
  SL_ASSIGN_OR_RETURN(const plan::SloConfig config, plan::named_config(ranges, options_.slo_config));
  std::vector<Slo> slos;
  for (const plan::Slo& slo : config.slos) {
    slos.push_back({.accuracy = slo.accuracy, .latency = slo.latency});
  }
  return slos;
}

Status Serving::add(std::unique_ptr<Source> source, const std::vector<Slo>& slos) {
  if (const auto& check = source->profile.check; check && !check->fits()) {
    const double times = check->overall.median;
    notice(fmt::format("{}: this machine is {:.2f}x {} than profiled; plans go by how it is now", source->zoo.name,
                       times >= 1 ? times : 1 / times, times >= 1 ? "slower" : "faster"));
  }
  for (const zoo::Task& task : source->zoo.tasks) {
    for (const zoo::Variant& variant : task.not_here)
      notice(fmt::format("task '{}': nothing here runs the variant '{}'", task.name, variant.name));
  }
  SL_RETURN_IF_ERROR(catalog_->add(std::move(source)));
  const zoo::Zoo& zoo = catalog_->zoo();
  std::vector<Slo> all(zoo.tasks.size() - slos.size());
  all.insert(all.end(), slos.begin(), slos.end());
  tasks_->add(zoo, all, true);
  return {};
}

Status Serving::start_engine() {
  SL_ASSIGN_OR_RETURN(const Planned first, first_plan());
  engine::ResidencyOptions wanted;
  if (memory_) wanted.budget = *memory_;
  wanted.estimate = [this](const soc::SubgraphKey& key) {
    return catalog_->profile().task(key.task).latency(key.variant, key.stage, key.processor, key.provider).resident;
  };
  residency_ = std::make_unique<engine::Residency>(
      *runtime_, soc_, [this](const soc::SubgraphKey& key) { return catalog_->piece(key); }, compile_cache_,
      std::move(wanted));
  follow(first);
  if (options_.trace) trace_ = std::make_unique<sched::TraceSink>(soc_.processors.places());
  auto active = first.domain->expanded(*first.plan);
  SL_ASSIGN_OR_RETURN(
      engine_,
      engine::Engine::start(catalog_->zoo(), soc_, *residency_, active,
                            {.policy = options_.policy,
                             .slots_per_task = options_.slots_per_task,
                             .spin = options_.spin,
                             .task_capacity = std::max(kMostTasks, catalog_->zoo().tasks.size()),
                             .trace = trace_.get(),
                             .drift = drift_.get(),
                             .on_failing = [this](soc::ProcessorId place, const Status& why) { failing(place, why); }},
                            [this](const engine::Completion& completion) { completed(completion); }));
  // The thread that changes something has made the plan that it hands over.
  const engine::MakePlan made = [this](const plan::SloConfig&) -> Result<std::shared_ptr<const plan::Plan>> {
    const Planned now = planned();
    return now.domain->expanded(*now.plan);
  };
  switcher_ = std::make_unique<engine::PlanSwitcher>(
      *engine_, *residency_, std::move(active), made,
      engine::SwitcherOptions{
          .bridge = [this](const plan::SloConfig&, const plan::IsResident& resident) { return bridge(resident); },
          .on_failure =
              [this](const Status& why) {
                tasks_->planned(*engine_->plan());
                notice(fmt::format("the plan before is served on: {}", why.message()));
              }});
  switcher_->start();
  if (options_.adapt) adapting_ = std::thread([this] { adapt(); });
  rescuing_ = std::thread([this] { rescue(); });
  return {};
}

// By a worker. Of a CPU that fails, others would fail too.
void Serving::failing(soc::ProcessorId place, const Status& why) {
  bool device = false;
  soc_.pools().each_taken(place, [&](soc::ProcessorId p) { device = device || soc_.processor(p).device != "CPU"; });
  if (!device) return;
  const std::lock_guard lock(stopping_mutex_);
  lost_.emplace_back(place, why);
  stop_.notify_all();
}

// A device that fails stage after stage has vanished, or is of no use: it is planned for no more. What is in flight
// there fails by itself.
void Serving::rescue() {
  for (;;) {
    std::pair<soc::ProcessorId, Status> lost;
    {
      std::unique_lock lock(stopping_mutex_);
      stop_.wait(lock, [this] { return stopping_ || !lost_.empty(); });
      if (stopping_) return;
      lost = lost_.front();
      lost_.erase(lost_.begin());
    }
    const std::lock_guard control(control_);
    const std::string& name = soc_.processor(lost.first).name;
    notice(fmt::format("{} fails stage after stage ({}); serving goes on without it", name, lost.second.message()));
    plan_soc_ = soc::without(plan_soc_, lost.first);
    auto domain = new_domain(tasks_->loaded(), memory_);
    if (domain.ok() && !planner_.load()->plan((*domain)->problem()).ok()) {  // one that needs every processor
      if (const auto exact = plan::find_planner("exact"); exact.ok()) planner_ = *exact;
    }
    const Status switched = domain.ok() ? switch_to(std::move(domain).value()) : domain.status();
    if (!switched.ok()) notice(fmt::format("{}: nothing else can do its work: {}", name, switched.message()));
  }
}

// Made now, or read from the file that was given.
Result<Serving::Planned> Serving::first_plan() {
  if (options_.plan.empty()) {
    SL_ASSIGN_OR_RETURN(auto domain, new_domain(tasks_->loaded(), memory_));
    return plan_for(std::move(domain));
  }
  const std::string where = options_.plan.string();
  const Source* const zoo = catalog_->only_source();
  if (zoo == nullptr || options_.zoo.empty()) {
    return error(Code::kInvalidArgument, "{}: a plan file is of one zoo; model files are served too", where);
  }
  if (!options_.slos.empty()) {
    return error(Code::kInvalidArgument, "{}: a plan file has bounds of its own; others were given beside it", where);
  }
  SL_ASSIGN_OR_RETURN(plan::PlanFile file,
                      plan::parse_plan(plan_file_, where, {zoo->zoo, plan_soc_, zoo->profile.measured}));
  for (std::size_t t = 0; t < file.slo.slos.size(); ++t) {
    const plan::Slo& slo = file.slo.slos[t];
    SL_RETURN_IF_ERROR(tasks_->set_slo(zoo::TaskId(t), {.accuracy = slo.accuracy, .latency = slo.latency}));
  }
  SL_ASSIGN_OR_RETURN(auto domain, new_domain(tasks_->loaded(), memory_));
  if (zoo->profile.check) estimate_anew(domain->problem(), zoo->profile.measured, file.plan);
  return Planned{std::move(domain), std::make_shared<const plan::Plan>(std::move(file.plan)), slowdowns()};
}

Result<std::shared_ptr<const Domain>> Serving::new_domain(const std::vector<bool>& loaded,
                                                          std::optional<Bytes> memory) const {
  return make_domain(*catalog_, plan_soc_, loaded, tasks_->slos(), memory, options_.expected_load);
}

std::vector<double> Serving::slowdowns() const {
  std::vector<double> all = drift_->slowdowns();
  const bool quiet = std::all_of(all.begin(), all.end(), [](double s) { return std::abs(s - 1) <= kQuiet; });
  return quiet || !options_.adapt ? std::vector<double>(all.size(), 1.0) : all;
}

Result<Serving::Planned> Serving::plan_for(std::shared_ptr<const Domain> domain) const {
  Planned planned{std::move(domain), nullptr, slowdowns()};
  if (planned.domain->tasks.empty()) {  // everything is unloaded
    planned.plan = std::make_shared<const plan::Plan>();
    return planned;
  }
  const bool quiet = std::all_of(planned.slowdowns.begin(), planned.slowdowns.end(), [](double s) { return s == 1; });
  const plan::Problem problem = planned.domain->problem();
  SL_ASSIGN_OR_RETURN(plan::Plan plan, quiet ? planner_.load()->plan(problem)
                                             : engine::plan_slowed(problem, *planner_.load(), planned.slowdowns));
  for (const plan::TaskPlan& task : plan.tasks) {
    if (!task.shared) continue;
    return error(Code::kFailedPrecondition,
                 "planner '{}': leaves it to the operating system what runs when; a server's workers have cores of "
                 "their own",
                 plan.planner);
  }
  planned.plan = std::make_shared<const plan::Plan>(std::move(plan));
  return planned;
}

void Serving::follow(const Planned& planned) {
  {
    const std::lock_guard lock(planned_mutex_);
    planned_ = planned;
  }
  tasks_->planned(*planned.domain->expanded(*planned.plan));
}

Serving::Planned Serving::planned() const {
  const std::lock_guard lock(planned_mutex_);
  return planned_;
}

// Out of what is in memory, as far as that goes; by a planner that takes a millisecond.
Result<std::shared_ptr<const plan::Plan>> Serving::bridge(const plan::IsResident& resident) const {
  const Planned now = planned();
  const Domain& domain = *now.domain;
  if (domain.tasks.empty()) return domain.expanded(*now.plan);
  const auto in_memory = [&](soc::SubgraphKey key) {
    key.task = domain.tasks[key.task.index()];
    return resident(key);
  };
  const profile::Profile profile = plan::with_loading(domain.profile, soc_, in_memory);
  SL_ASSIGN_OR_RETURN(const plan::Planner* const quick, plan::find_planner("exact"));
  SL_ASSIGN_OR_RETURN(const plan::Plan plan,
                      engine::plan_slowed({domain.zoo, domain.soc, profile, domain.slo}, *quick, now.slowdowns));
  return domain.expanded(plan);
}

// Plans, and waits until the plan serves.
Status Serving::switch_to(std::shared_ptr<const Domain> domain) {
  SL_ASSIGN_OR_RETURN(const Planned next, plan_for(std::move(domain)));
  const Planned before = planned();
  follow(next);
  switcher_->change(next.domain->slo, next.domain->expanded(*next.plan));
  Status switched = switcher_->settle();
  if (!switched.ok()) go_back_to(before);
  return switched;
}

// Some tasks may have changed over already.
void Serving::go_back_to(const Planned& before) {
  follow(before);
  switcher_->change(before.domain->slo, before.domain->expanded(*before.plan));
  const Status back = switcher_->settle();
  if (!back.ok()) notice(fmt::format("the plan before cannot be served again: {}", back.message()));
}

Result<Ticket> Serving::submit(std::string_view task, std::vector<Input> inputs, const InferOptions& options,
                               OnReply on_reply) {
  SL_ASSIGN_OR_RETURN(Admitted admitted, tasks_->admit(task, std::move(inputs), options));
  std::vector<std::span<const std::byte>> data;
  data.reserve(admitted.inputs.size());
  for (const Input& input : admitted.inputs) data.push_back(input.data());
  sched::Request request;
  request.task = admitted.task;
  request.arrival = engine_->now();
  request.deadline = request.arrival + admitted.bounds.latency.value_or(kNoBound);
  request.priority = options.priority;
  const Slo bounds = admitted.bounds;
  const Ticket ticket = requests_.add({admitted.task, bounds, std::move(admitted.inputs), std::move(on_reply)});
  request.id = sched::RequestId(ticket.number);
  const Status taken = engine_->submit(request, data);
  if (taken.ok()) return ticket;
  static_cast<void>(requests_.take(ticket));
  static_cast<void>(tasks_->complete(admitted.task, bounds, taken, Seconds(0), nullptr));
  return taken;
}

bool Serving::cancel(Ticket ticket) {
  const auto task = requests_.task_of(ticket);
  return task && engine_->cancel(*task, sched::RequestId(ticket.number));
}

// By one worker at a time.
void Serving::completed(const engine::Completion& completion) {
  if (switcher_ != nullptr) switcher_->completed(completion);
  auto request = requests_.take({completion.request.id.index()});
  if (!request) return;
  Reply reply = tasks_->complete(request->task, request->bounds, completion.status,
                                 completion.finished - completion.request.arrival, completion.plan);
  reply.completed =
      engine_->epoch() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(completion.finished);
  if (completion.status.code() != Code::kCancelled) late_.add(completion.plan_version, !reply.met_latency);
  try {
    reply.outputs.reserve(completion.outputs.size());
    for (std::size_t k = 0; k < completion.outputs.size(); ++k) {
      reply.outputs.push_back(output_of(completion.tensors[k], completion.outputs[k]));
    }
  } catch (const std::bad_alloc&) {
    reply.outputs.clear();
    reply.status = error(Code::kResourceExhausted, "no memory for the outputs");
  }
  if (!request->on_reply) return;
  try {
    request->on_reply(std::move(reply));
  } catch (const std::exception& e) {
    notice(fmt::format("a reply's callback threw: {}", e.what()));
  } catch (...) {
    notice("a reply's callback threw something that is no std::exception");
  }
}

Status Serving::set_slo(std::string_view name, const Slo& slo) {
  const std::lock_guard control(control_);
  SL_ASSIGN_OR_RETURN(const zoo::TaskId task, tasks_->find(name));
  const Slo before = tasks_->slos()[task.index()];
  SL_RETURN_IF_ERROR(tasks_->set_slo(task, slo));
  if (!tasks_->loaded()[task.index()]) return {};
  auto domain = new_domain(tasks_->loaded(), memory_);
  const Result<Planned> next = domain.ok() ? plan_for(std::move(domain).value()) : domain.status();
  if (!next.ok()) {
    static_cast<void>(tasks_->set_slo(task, before));
    return next.status();
  }
  const Planned served = planned();
  follow(*next);
  Status switched = switcher_->change_here(next->domain->slo);
  if (!switched.ok()) {
    static_cast<void>(tasks_->set_slo(task, before));
    follow(served);
  }
  return switched;
}

Status Serving::set_memory(std::optional<Bytes> memory) {
  const std::lock_guard control(control_);
  SL_ASSIGN_OR_RETURN(auto domain, new_domain(tasks_->loaded(), memory));
  SL_RETURN_IF_ERROR(plan_for(domain).status());  // before anything is given up
  const auto enforce = [this](std::optional<Bytes> limit) {
    residency_->set_budget(limit.value_or(engine::kNoBudget), Bytes{});
  };
  const Planned before = planned();
  enforce(memory);
  Status switched = switch_to(std::move(domain));
  if (!switched.ok()) {
    enforce(memory_);
    go_back_to(before);  // with the room that it needs
    return switched;
  }
  memory_ = memory;
  engine_->drain_old_plans();
  enforce(memory);  // once more: what the old plan used is idle now
  return {};
}

// Takes requests only once a plan serves the task: else they would wait for good if it cannot be.
Status Serving::serve(zoo::TaskId task) {
  std::vector<bool> loaded = tasks_->loaded();
  loaded[task.index()] = true;
  SL_ASSIGN_OR_RETURN(auto domain, new_domain(loaded, memory_));
  SL_RETURN_IF_ERROR(switch_to(std::move(domain)));
  tasks_->set_loaded(task, true);
  return {};
}

Status Serving::load(std::string_view name) {
  const std::lock_guard control(control_);
  SL_ASSIGN_OR_RETURN(const zoo::TaskId task, tasks_->find(name));
  return tasks_->loaded()[task.index()] ? Status() : serve(task);
}

Status Serving::load(const ModelFile& model) {
  const std::lock_guard control(control_);
  if (catalog_->zoo().find_task(model.name).ok()) {
    return error(Code::kInvalidArgument, "model '{}': there is a task of this name already", model.name);
  }
  if (catalog_->zoo().tasks.size() >= kMostTasks) {
    return error(Code::kResourceExhausted, "model '{}': {} tasks are known; no more can be", model.name,
                 catalog_->zoo().tasks.size());
  }
  auto source = open_model(model, open_with());
  if (!source.ok()) return source.status().with_context(fmt::format("model '{}'", model.name));
  SL_RETURN_IF_ERROR(catalog_->add(std::move(source).value()));
  const zoo::Zoo& zoo = catalog_->zoo();
  SL_RETURN_IF_ERROR(engine_->extend(zoo));
  std::vector<Slo> slos = tasks_->slos();
  slos.push_back({.accuracy = {}, .latency = model.latency});
  tasks_->add(zoo, slos, false);
  return serve(zoo::TaskId(zoo.tasks.size() - 1));
}

Status Serving::unload(std::string_view name) {
  const std::lock_guard control(control_);
  SL_ASSIGN_OR_RETURN(const zoo::TaskId task, tasks_->find(name));
  if (!tasks_->loaded()[task.index()]) return {};
  tasks_->set_loaded(task, false);
  tasks_->drain(task);
  SL_ASSIGN_OR_RETURN(auto domain, new_domain(tasks_->loaded(), memory_));
  Status unloaded = switch_to(std::move(domain));
  if (!unloaded.ok()) {
    tasks_->set_loaded(task, true);
    return unloaded;
  }
  engine_->drain_old_plans();
  residency_->evict(task);
  return {};
}

Metrics Serving::metrics() const {
  Metrics metrics;
  metrics.uptime = engine_->now();
  metrics.tasks = tasks_->metrics();
  const std::vector<Seconds> busy = engine_->busy();
  const std::vector<double> slow = drift_->slowdowns();
  for (std::size_t p = 0; p < soc_.processors.size(); ++p) {
    metrics.processors.push_back({.processor = soc_.processors[p].name,
                                  .utilisation = busy[p] / std::max(metrics.uptime, Seconds(1e-9)),
                                  .prediction_error = slow[p] - 1});
  }
  metrics.resident = residency_->booked();
  if (residency_->budget() != engine::kNoBudget) metrics.budget = residency_->budget();
  metrics.plan_switches = engine_->plan_version();
  metrics.replans = replans_;
  metrics.undone = undone_;
  return metrics;
}

ServerView Serving::view() const {
  const auto [zoo, profile] = catalog_->now();
  auto plan = std::make_shared<plan::Plan>(*engine_->plan());
  plan->tasks.resize(zoo.tasks.size());  // the last may not have been planned for yet
  return {zoo, soc_, profile, std::move(plan)};
}

void Serving::drain() { engine_->drain(); }

std::size_t Serving::stop(Seconds grace) {
  {
    const std::lock_guard lock(stopping_mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  {
    const std::lock_guard joining(joining_);
    if (adapting_.joinable()) adapting_.join();
    if (rescuing_.joinable()) rescuing_.join();
  }
  return engine_ == nullptr ? 0 : engine_->stop(grace);
}

Status Serving::write_trace(const std::filesystem::path& file) const {
  if (trace_ == nullptr) return error(Code::kFailedPrecondition, "{}: no trace was asked for", file.string());
  {
    const std::lock_guard lock(stopping_mutex_);
    if (!stopping_) return error(Code::kFailedPrecondition, "{}: the server is not stopped yet", file.string());
  }
  engine_->drain();
  const auto names = sched::trace_names("sparseloom on " + soc_.name, catalog_->zoo(), soc_);
  SL_RETURN_IF_ERROR(write_file(file, trace_->to_json(names).dump() + "\n"));
  if (trace_->dropped() > 0) notice(fmt::format("The trace was full: {} stages are not in it", trace_->dropped()));
  return {};
}

void Serving::adapt() {
  lower_priority_of_this_thread();
  name_this_thread("re-planning");
  Adaptation adaptation(*this);
  Seconds pause = kLookEvery;
  for (std::unique_lock lock(stopping_mutex_); !stop_.wait_for(lock, pause, [this] { return stopping_; });) {
    lock.unlock();
    const Seconds start = engine_->now();
    adaptation.look();
    pause = std::max(kLookEvery, kPausePerPlanning * (engine_->now() - start));
    lock.lock();
  }
}

}  // namespace sparseloom::serve
