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

// What each step reads that other members write.
void find_waits(HybridProgram& program) {
  std::vector<std::uint32_t> counts(program.members);
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    CompiledStep& step = program.steps[s];
    step.position = ++counts[step.member];
    step.waits.assign(program.members, 0);
    for (const CompiledStep::Port& input : step.inputs) {
      for (std::size_t w = 0; w < s; ++w) {
        const CompiledStep& writer = program.steps[w];
        if (writer.member == step.member) continue;
        for (const CompiledStep::Port& output : writer.outputs) {
          if (output.tensor == input.tensor && output.piece.overlaps(input.piece))
            step.waits[writer.member] = std::max(step.waits[writer.member], writer.position);
        }
      }
    }
  }
}

// What is copied between the host's memory and a device's: each piece once to a member, and back where somebody reads
// it in the host's, or in another form.
void find_copies(HybridProgram& program) {
  const auto& returned = program.graph.outputs;
  std::set<std::tuple<std::size_t, EdgeId, Piece>> there;  // by member
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    CompiledStep& step = program.steps[s];
    const std::string memory = step.memory();
    if (memory.empty()) continue;
    for (CompiledStep::Port& input : step.inputs) {
      const bool left = std::any_of(
          program.steps.begin(), program.steps.begin() + static_cast<std::ptrdiff_t>(s),
          [&](const CompiledStep& writer) {
            return writer.memory() == memory &&
                   std::any_of(writer.outputs.begin(), writer.outputs.end(),
                               [&](const auto& o) { return o.tensor == input.tensor && o.piece == input.piece; });
          });
      input.copied = !left && there.emplace(step.member, input.tensor, input.piece).second;
    }
    for (CompiledStep::Port& output : step.outputs) {
      output.copied = std::find(returned.begin(), returned.end(), output.tensor) != returned.end();
      for (const CompiledStep& reader : program.steps) {
        for (const CompiledStep::Port& input : reader.inputs) {
          const bool same = reader.memory() == memory && input.piece == output.piece;
          output.copied |= input.tensor == output.tensor && !same;
        }
      }
    }
  }
}

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
  program->on_run = options.on_run;
  for (const EdgeId edge : program->graph.inputs) program->inputs.push_back(program->graph.edge(edge).spec);
  for (const EdgeId edge : program->graph.outputs) program->outputs.push_back(program->graph.edge(edge).spec);
  PartCompiler compiler(executor, model, file);
  for (std::size_t s = 0; s < options.plan.size(); ++s) {
    const HybridStep& step = options.plan[s];
    auto compiled = compile_step(compiler, program->graph, step, options.members[step.member]);
    if (!compiled.ok()) return compiled.status().with_context(fmt::format("hybrid plan: step {}", s));
    program->steps.push_back(std::move(*compiled));
  }
  find_waits(*program);
  find_copies(*program);
  return std::shared_ptr<const HybridProgram>(std::move(program));
}

}  // namespace sparseloom::backend
