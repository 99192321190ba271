#include "sparseloom/backend/hybrid/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "sparseloom/backend/hybrid/parts.h"

namespace sparseloom::backend {
namespace {

Result<CompiledStep> compile_step(PartCompiler& compiler, const Graph& graph, const HybridStep& step,
                                  const CompileOptions& member) {
  SL_ASSIGN_OR_RETURN(Part part, compiler.compile(step, member));
  CompiledStep compiled;
  compiled.member = step.member;
  compiled.executable = std::move(part.executable);
  for (const EdgeId tensor : step.outputs)
    compiled.outputs.push_back({tensor, *piece_of(graph.edge(tensor).spec, step.range)});
  for (const Part::Read& read : part.inputs) {
    const TensorSpec& spec = graph.edge(read.tensor).spec;
    const auto piece = piece_of(spec, read.range);
    if (!piece) {
      return error(Code::kFailedPrecondition, "a part of '{}' that does not start at a multiple of {} bytes", spec.name,
                   kBindingAlignment);
    }
    compiled.inputs.push_back({read.tensor, *piece});
  }
  return compiled;
}

// The steps of a plan in its order, as compiled.
class Planned {
 public:
  Planned(const HybridProgram& program, const std::vector<std::size_t>& order) : program_(program) {
    std::vector<std::uint32_t> counts(program.members);
    for (const std::size_t step : order) {
      PlannedStep& planned = plan_.emplace_back();
      planned.step = step;
      planned.position = ++counts[program.steps[step].member];
    }
    find_waits();
    find_copies();
  }
  std::vector<PlannedStep> take() { return std::move(plan_); }

 private:
  const CompiledStep& compiled(std::size_t k) const { return program_.steps[plan_[k].step]; }

  // What each step reads that other members write.
  void find_waits() {
    for (std::size_t k = 0; k < plan_.size(); ++k) {
      const CompiledStep& step = compiled(k);
      plan_[k].waits.assign(program_.members, 0);
      for (const CompiledStep::Port& input : step.inputs) {
        for (std::size_t w = 0; w < k; ++w) {
          const CompiledStep& writer = compiled(w);
          if (writer.member == step.member) continue;
          for (const CompiledStep::Port& output : writer.outputs) {
            std::uint32_t& wait = plan_[k].waits[writer.member];
            if (output.tensor == input.tensor && output.piece.overlaps(input.piece))
              wait = std::max(wait, plan_[w].position);
          }
        }
      }
    }
  }

  // Each piece is copied once to a member, and back where somebody reads it in the host's memory, or in another form.
  void find_copies() {
    std::set<std::tuple<std::size_t, EdgeId, Piece>> there;  // by member
    for (std::size_t k = 0; k < plan_.size(); ++k) {
      const CompiledStep& step = compiled(k);
      if (step.memory().empty()) continue;
      for (const CompiledStep::Port& input : step.inputs) {
        plan_[k].inputs_copied.push_back(!left_before(k, input) &&
                                         there.emplace(step.member, input.tensor, input.piece).second);
      }
      for (const CompiledStep::Port& output : step.outputs)
        plan_[k].outputs_copied.push_back(read_elsewhere(step.memory(), output));
    }
  }

  bool left_before(std::size_t k, const CompiledStep::Port& input) const {
    for (std::size_t w = 0; w < k; ++w) {
      if (compiled(w).memory() != compiled(k).memory()) continue;
      for (const CompiledStep::Port& output : compiled(w).outputs)
        if (output.tensor == input.tensor && output.piece == input.piece) return true;
    }
    return false;
  }

  bool read_elsewhere(const std::string& memory, const CompiledStep::Port& output) const {
    const auto& returned = program_.graph.outputs;
    if (std::find(returned.begin(), returned.end(), output.tensor) != returned.end()) return true;
    for (std::size_t r = 0; r < plan_.size(); ++r) {
      for (const CompiledStep::Port& input : compiled(r).inputs) {
        const bool same = compiled(r).memory() == memory && input.piece == output.piece;
        if (input.tensor == output.tensor && !same) return true;
      }
    }
    return false;
  }

  const HybridProgram& program_;
  std::vector<PlannedStep> plan_;
};

}  // namespace

std::optional<Piece> piece_of(const TensorSpec& spec, const std::optional<AxisRange>& range) {
  if (!range) return Piece{0, spec.bytes()};
  const Shape& shape = spec.shape;
  if (range->axis >= shape.size() || range->begin < 0 || range->begin >= range->end || range->end > shape[range->axis])
    return std::nullopt;
  for (std::size_t i = 0; i < range->axis; ++i)
    if (shape[i] != 1) return std::nullopt;
  const std::size_t each = spec.bytes() / static_cast<std::size_t>(shape[range->axis]);
  const Piece piece{static_cast<std::size_t>(range->begin) * each, static_cast<std::size_t>(range->end) * each};
  return piece.begin % kBindingAlignment == 0 ? std::optional(piece) : std::nullopt;
}

Result<std::shared_ptr<const HybridProgram>> compile_program(const Executor& executor, const Model& model,
                                                             const HybridOptions& options,
                                                             const std::filesystem::path& file) {
  auto program = std::make_shared<HybridProgram>();
  program->graph = model.graph();
  program->members = options.members.size();
  program->next = options.next;
  for (const EdgeId edge : program->graph.inputs) program->inputs.push_back(program->graph.edge(edge).spec);
  for (const EdgeId edge : program->graph.outputs) program->outputs.push_back(program->graph.edge(edge).spec);
  PartCompiler compiler(executor, model, file);
  std::vector<HybridStep> known;
  std::vector<std::vector<std::size_t>> orders;
  for (const HybridPlan& plan : options.plans) {
    orders.emplace_back();
    for (std::size_t s = 0; s < plan.size(); ++s) {
      const HybridStep& step = plan[s];
      const auto at = static_cast<std::size_t>(std::find(known.begin(), known.end(), step) - known.begin());
      orders.back().push_back(at);
      if (at < known.size()) continue;
      auto compiled = compile_step(compiler, program->graph, step, options.members[step.member]);
      if (!compiled.ok()) return compiled.status().with_context(fmt::format("hybrid plan: step {}", s));
      known.push_back(step);
      program->steps.push_back(std::move(*compiled));
    }
  }
  for (const auto& order : orders) program->plans.push_back(Planned(*program, order).take());
  return std::shared_ptr<const HybridProgram>(std::move(program));
}

}  // namespace sparseloom::backend
