#include "sparseloom/profile/measure/stage_sessions.h"

#include <cstring>

#include "sparseloom/zoo/chain.h"

namespace sparseloom::profile {

Result<StageSessions> StageSessions::bind(const StageTable& stages) {
  StageSessions bound;
  const auto& dense = stages.front();
  for (const auto& stage : dense) bound.add_buffers(stage->inputs());
  bound.add_buffers(dense.back()->outputs());
  bound.sessions_.resize(dense.size());
  for (std::size_t s = 0; s < dense.size(); ++s) {
    for (std::size_t v = 0; v < stages.size(); ++v) SL_RETURN_IF_ERROR(bound.add_session(stages, s, v));
  }
  return bound;
}

void StageSessions::add_buffers(const std::vector<TensorSpec>& specs) {
  auto& buffers = at_.emplace_back();
  for (const TensorSpec& spec : specs) buffers.emplace_back(spec.bytes());
}

Status StageSessions::add_session(const StageTable& stages, std::size_t s, std::size_t v) {
  const auto& dense = stages.front();
  backend::Executable& stage = *stages[v][s];
  if (s > 0) SL_RETURN_IF_ERROR(zoo::check_boundary(dense[s - 1]->outputs(), stage.inputs(), s - 1));
  if (s + 1 < dense.size()) SL_RETURN_IF_ERROR(zoo::check_boundary(stage.outputs(), dense[s + 1]->inputs(), s));
  SL_ASSIGN_OR_RETURN(auto session, stage.new_session());
  for (std::size_t i = 0; i < at_[s].size(); ++i) SL_RETURN_IF_ERROR(session->bind_input(i, at_[s][i].span()));
  for (std::size_t i = 0; i < at_[s + 1].size(); ++i) {
    SL_RETURN_IF_ERROR(session->bind_output(i, at_[s + 1][i].span()));
  }
  sessions_[s].push_back(std::move(session));
  return {};
}

std::size_t StageSessions::bytes(std::size_t s) const {
  std::size_t sum = 0;
  for (const HostBuffer& buffer : at_[s]) sum += buffer.size();
  return sum;
}

void StageSessions::load(const zoo::Dataset& data, std::size_t sample) {
  for (std::size_t i = 0; i < at_[0].size(); ++i) {
    const auto from = data.input(sample, i);
    std::memcpy(at_[0][i].data(), from.data(), from.size());
  }
}

void StageSessions::put(std::size_t s, const std::byte* from) {
  for (HostBuffer& buffer : at_[s]) {
    std::memcpy(buffer.data(), from, buffer.size());
    from += buffer.size();
  }
}

void StageSessions::take(std::size_t s, std::byte* to) const {
  for (const HostBuffer& buffer : at_[s]) {
    std::memcpy(to, buffer.data(), buffer.size());
    to += buffer.size();
  }
}

}  // namespace sparseloom::profile
