#include "sparseloom/zoo/chain.h"

#include <cstring>

#include "sparseloom/base/sparsity.h"

namespace sparseloom::zoo {
namespace {

std::vector<HostBuffer> buffers_for(const std::vector<TensorSpec>& specs) {
  std::vector<HostBuffer> buffers;
  for (const TensorSpec& spec : specs) buffers.emplace_back(spec.bytes());
  return buffers;
}

}  // namespace

Status check_boundary(const std::vector<TensorSpec>& outputs, const std::vector<TensorSpec>& inputs,
                      std::size_t stage) {
  if (outputs.size() != inputs.size()) {
    return error(Code::kFailedPrecondition, "stage {} returns {} tensors, but stage {} takes {}", stage, outputs.size(),
                 stage + 1, inputs.size());
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].same_layout(inputs[i])) continue;
    return error(Code::kFailedPrecondition, "stage {} returns {}, but stage {} takes {}", stage, outputs[i].describe(),
                 stage + 1, inputs[i].describe());
  }
  return {};
}

Result<Chain> Chain::bind(std::vector<std::shared_ptr<backend::Executable>> stages) {
  if (stages.empty()) return error(Code::kInvalidArgument, "a chain needs at least one stage");
  Chain chain;
  chain.buffers_.push_back(buffers_for(stages.front()->inputs()));
  for (std::size_t s = 0; s < stages.size(); ++s) {
    if (s > 0) SL_RETURN_IF_ERROR(check_boundary(stages[s - 1]->outputs(), stages[s]->inputs(), s - 1));
    chain.buffers_.push_back(buffers_for(stages[s]->outputs()));
    SL_ASSIGN_OR_RETURN(auto session, stages[s]->new_session());
    for (std::size_t i = 0; i < chain.buffers_[s].size(); ++i) {
      SL_RETURN_IF_ERROR(session->bind_input(i, chain.buffers_[s][i].span()));
    }
    for (std::size_t i = 0; i < chain.buffers_[s + 1].size(); ++i) {
      SL_RETURN_IF_ERROR(session->bind_output(i, chain.buffers_[s + 1][i].span()));
    }
    chain.sessions_.push_back(std::move(session));
  }
  chain.executables_ = std::move(stages);
  return chain;
}

double Chain::sparsity(std::size_t stage) const {
  return sparseloom::sparsity(executables_[stage]->outputs(), buffers_[stage + 1]);
}

void Chain::load(const Dataset& data, std::size_t sample) {
  for (std::size_t i = 0; i < inputs(); ++i) {
    const auto bytes = data.input(sample, i);
    std::memcpy(input(i).data(), bytes.data(), bytes.size());
  }
}

Status Chain::run() {
  for (const auto& session : sessions_) SL_RETURN_IF_ERROR(session->run());
  return {};
}

}  // namespace sparseloom::zoo
