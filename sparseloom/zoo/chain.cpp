#include "sparseloom/zoo/chain.h"

namespace sparseloom::zoo {

Result<Chain> Chain::bind(std::vector<std::shared_ptr<backend::Executable>> stages) {
  if (stages.empty()) return error(Code::kInvalidArgument, "a chain needs at least one stage");
  Chain chain(stages.size());
  for (std::size_t s = 0; s < stages.size(); ++s) {
    SL_ASSIGN_OR_RETURN(auto session, chain.boundaries_.bind(*stages[s], s));
    chain.sessions_.push_back(std::move(session));
  }
  chain.executables_ = std::move(stages);
  return chain;
}

Status Chain::run() {
  for (const auto& session : sessions_) SL_RETURN_IF_ERROR(session->run());
  return {};
}

}  // namespace sparseloom::zoo
