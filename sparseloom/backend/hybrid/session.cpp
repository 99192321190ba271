#include "sparseloom/backend/hybrid/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "sparseloom/backend/binding.h"

namespace sparseloom::backend {
namespace {

// Where nobody asks, no clock is looked at.
class Stopwatch {
 public:
  explicit Stopwatch(bool on) : on_(on) {
    if (on_) start_ = std::chrono::steady_clock::now();
  }
  double seconds() const {
    return on_ ? std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count() : 0;
  }

 private:
  bool on_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace

HybridSession::HybridSession(std::shared_ptr<const HybridProgram> program, std::shared_ptr<Crew> crew,
                             std::shared_ptr<NextPlan> next)
    : program_(std::move(program)),
      crew_(std::move(crew)),
      next_(std::move(next)),
      busy_(program_->members),
      statuses_(program_->members) {
  for (std::size_t m = 0; m < program_->members; ++m) reached_.push_back(std::make_unique<Milestone>());
}

Result<std::unique_ptr<Session>> HybridSession::make(std::shared_ptr<const HybridProgram> program,
                                                     std::shared_ptr<Crew> crew, std::shared_ptr<NextPlan> next) {
  auto session =
      std::unique_ptr<HybridSession>(new HybridSession(std::move(program), std::move(crew), std::move(next)));
  SL_RETURN_IF_ERROR(session->bind_own());
  return std::unique_ptr<Session>(std::move(session));
}

// Sessions of the steps, with memory for what only steps see.
Status HybridSession::bind_own() {
  for (std::size_t s = 0; s < program_->steps.size(); ++s) {
    const CompiledStep& step = program_->steps[s];
    BoundStep& bound = steps_.emplace_back();
    SL_ASSIGN_OR_RETURN(bound.session, step.executable->new_session());
    bound.inputs.resize(step.inputs.size());
    bound.outputs.resize(step.outputs.size());
    if (!step.executable->device_memory().empty()) SL_RETURN_IF_ERROR(bind_on_device(s));
  }
  const Graph& graph = program_->graph;
  for (const CompiledStep& step : program_->steps) {
    for (const CompiledStep::Port& output : step.outputs) {
      const EdgeId tensor = output.tensor;
      const bool returned = std::find(graph.outputs.begin(), graph.outputs.end(), tensor) != graph.outputs.end();
      if (returned || buffers_.contains(tensor) || stays_on_device(tensor)) continue;
      const auto [at, fresh] = buffers_.emplace(tensor, HostBuffer(graph.edge(tensor).spec.bytes()));
      SL_RETURN_IF_ERROR(bind_writers(tensor, at->second.span()));
      SL_RETURN_IF_ERROR(bind_readers(tensor, at->second.span()));
    }
  }
  return {};
}

// No step writes it in the host's memory, and none copies it there.
bool HybridSession::stays_on_device(EdgeId tensor) const {
  for (const auto& plan : program_->plans) {
    for (const PlannedStep& planned : plan) {
      const auto& outputs = program_->steps[planned.step].outputs;
      for (std::size_t k = 0; k < outputs.size(); ++k) {
        if (outputs[k].tensor == tensor && (planned.outputs_copied.empty() || planned.outputs_copied[k])) return false;
      }
    }
  }
  return true;
}

Status HybridSession::bind_on_device(std::size_t s) {
  const CompiledStep& step = program_->steps[s];
  BoundStep& bound = steps_[s];
  for (std::size_t k = 0; k < step.inputs.size(); ++k) {
    SL_ASSIGN_OR_RETURN(auto tensor, on_device(step, step.inputs[k], step.executable->inputs()[k]));
    SL_RETURN_IF_ERROR(bound.session->bind_input(k, tensor));
    bound.inputs_there.push_back(std::move(tensor));
  }
  for (std::size_t k = 0; k < step.outputs.size(); ++k) {
    SL_ASSIGN_OR_RETURN(auto tensor, on_device(step, step.outputs[k], step.executable->outputs()[k]));
    SL_RETURN_IF_ERROR(bound.session->bind_output(k, tensor));
    bound.outputs_there.push_back(std::move(tensor));
  }
  return {};
}

// Steps of one device share what they read and write there.
Result<std::shared_ptr<DeviceTensor>> HybridSession::on_device(const CompiledStep& step, const CompiledStep::Port& port,
                                                               const TensorSpec& spec) {
  auto& tensor = on_devices_[{step.memory(), port.tensor, port.piece}];
  if (tensor == nullptr) {
    SL_ASSIGN_OR_RETURN(tensor, step.executable->new_tensor(spec));
  }
  return tensor;
}

Status HybridSession::bind_input(std::size_t index, std::span<const std::byte> data) {
  SL_RETURN_IF_ERROR(check_binding("input", program_->inputs, index, data.data(), data.size()));
  return bind_readers(program_->graph.inputs[index], data);
}

Status HybridSession::bind_output(std::size_t index, std::span<std::byte> data) {
  SL_RETURN_IF_ERROR(check_binding("output", program_->outputs, index, data.data(), data.size()));
  const EdgeId tensor = program_->graph.outputs[index];
  SL_RETURN_IF_ERROR(bind_writers(tensor, data));
  return bind_readers(tensor, data);
}

Status HybridSession::bind_writers(EdgeId tensor, std::span<std::byte> data) {
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const auto& ports = program_->steps[s].outputs;
    for (std::size_t k = 0; k < ports.size(); ++k) {
      if (ports[k].tensor != tensor) continue;
      steps_[s].outputs[k] = data.subspan(ports[k].piece.begin, ports[k].piece.end - ports[k].piece.begin);
      if (steps_[s].outputs_there.empty()) SL_RETURN_IF_ERROR(steps_[s].session->bind_output(k, steps_[s].outputs[k]));
    }
  }
  return {};
}

Status HybridSession::bind_readers(EdgeId tensor, std::span<const std::byte> data) {
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const auto& ports = program_->steps[s].inputs;
    for (std::size_t k = 0; k < ports.size(); ++k) {
      if (ports[k].tensor != tensor) continue;
      steps_[s].inputs[k] = data.subspan(ports[k].piece.begin, ports[k].piece.end - ports[k].piece.begin);
      if (steps_[s].inputs_there.empty()) SL_RETURN_IF_ERROR(steps_[s].session->bind_input(k, steps_[s].inputs[k]));
    }
  }
  return {};
}

Status HybridSession::run() {
  for (const auto& milestone : reached_) milestone->reset();
  cancelled_.store(false, std::memory_order_relaxed);
  if (failed_.exchange(false)) std::fill(statuses_.begin(), statuses_.end(), Status());
  std::fill(busy_.begin(), busy_.end(), Busy{});
  plan_ = next_->plan.load(std::memory_order_relaxed);
  crew_->run(job_);
  if (!failed_.load(std::memory_order_relaxed)) {
    if (program_->next) report();
    return {};
  }
  const auto failure =
      std::find_if(statuses_.begin(), statuses_.end(), [](const Status& status) { return !status.ok(); });
  return failure == statuses_.end() ? Status() : *failure;
}

// Its steps, each when what it reads is there. After a failure, anyone's, the rest is left out, but said to be done:
// nobody waits for ever.
void HybridSession::execute(std::size_t member) {
  for (const PlannedStep& planned : program_->plans[plan_]) {
    const CompiledStep& step = program_->steps[planned.step];
    if (step.member != member) continue;
    for (std::size_t m = 0; m < planned.waits.size(); ++m)
      if (planned.waits[m] > 0) reached_[m]->wait(planned.waits[m]);
    if (!failed_.load(std::memory_order_relaxed)) {
      const Status ran = execute_step(planned);
      if (!ran.ok()) {
        const std::string& name = program_->graph.edge(step.outputs.front().tensor).spec.name;
        const auto position = &planned - program_->plans[plan_].data();
        statuses_[member] = ran.with_context(fmt::format("step {} ('{}')", position, name));
        failed_.store(true, std::memory_order_relaxed);
      }
    }
    reached_[member]->reach(planned.position);
  }
}

Status HybridSession::execute_step(const PlannedStep& planned) {
  if (cancelled_.load(std::memory_order_relaxed)) return {Code::kCancelled, "cancelled"};
  BoundStep& bound = steps_[planned.step];
  Busy& busy = busy_[program_->steps[planned.step].member];
  const Stopwatch watch(program_->next != nullptr);
  for (std::size_t k = 0; k < bound.inputs_there.size(); ++k)
    if (planned.inputs_copied[k]) SL_RETURN_IF_ERROR(bound.inputs_there[k]->upload(bound.inputs[k]));
  const double uploaded = bound.inputs_there.empty() ? 0 : watch.seconds();
  SL_RETURN_IF_ERROR(bound.session->run());
  const double ran = watch.seconds();
  for (std::size_t k = 0; k < bound.outputs_there.size(); ++k)
    if (planned.outputs_copied[k]) SL_RETURN_IF_ERROR(bound.outputs_there[k]->download(bound.outputs[k]));
  const double downloaded = bound.outputs_there.empty() ? ran : watch.seconds();
  busy.steps += ran - uploaded;
  busy.copies += uploaded + downloaded - ran;
  return {};
}

void HybridSession::report() {
  HybridRun run;
  run.plan = plan_;
  for (const Busy& busy : busy_) {
    run.members.push_back(busy.steps);
    run.copies += busy.copies;
  }
  const std::lock_guard lock(next_->telling);
  next_->plan.store(std::min(program_->next(run), program_->plans.size() - 1), std::memory_order_relaxed);
}

}  // namespace sparseloom::backend
