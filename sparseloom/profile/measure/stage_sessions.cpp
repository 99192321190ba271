#include "sparseloom/profile/measure/stage_sessions.h"

#include <cstring>

namespace sparseloom::profile {

Result<StageSessions> StageSessions::bind(const StageTable& stages) {
  StageSessions bound(stages.front().size());
  for (std::size_t s = 0; s < bound.stages(); ++s) {
    for (const auto& variant : stages) {
      SL_ASSIGN_OR_RETURN(auto session, bound.boundaries_.bind(*variant[s], s));
      bound.sessions_[s].push_back(std::move(session));
    }
  }
  return bound;
}

std::size_t StageSessions::bytes(std::size_t s) const {
  std::size_t sum = 0;
  for (const HostBuffer& buffer : boundaries_.at(s)) sum += buffer.size();
  return sum;
}

void StageSessions::put(std::size_t s, const std::byte* from) {
  for (HostBuffer& buffer : boundaries_.at(s)) {
    std::memcpy(buffer.data(), from, buffer.size());
    from += buffer.size();
  }
}

void StageSessions::take(std::size_t s, std::byte* to) const {
  for (const HostBuffer& buffer : boundaries_.at(s)) {
    std::memcpy(to, buffer.data(), buffer.size());
    to += buffer.size();
  }
}

}  // namespace sparseloom::profile
