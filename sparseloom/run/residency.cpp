#include "sparseloom/run/residency.h"

#include "sparseloom/profile/latency.h"

namespace sparseloom::run {
namespace {

// The first inference of a compiled subgraph takes several times the later ones (the runtime finishes its set-up then),
// so loading includes one, on zeros and in memory of its own.
Status warm_up(backend::Executable& executable) {
  SL_ASSIGN_OR_RETURN(const auto session, executable.new_session());
  std::vector<HostBuffer> buffers;
  for (std::size_t k = 0; k < executable.inputs().size(); ++k) {
    SL_RETURN_IF_ERROR(session->bind_input(k, buffers.emplace_back(executable.inputs()[k].bytes()).span()));
  }
  for (std::size_t k = 0; k < executable.outputs().size(); ++k) {
    SL_RETURN_IF_ERROR(session->bind_output(k, buffers.emplace_back(executable.outputs()[k].bytes()).span()));
  }
  return session->run();
}

}  // namespace

Residency::Residency(const soc::Soc& soc, CompileSubgraph compile)
    : soc_(soc), pools_(soc::find_pools(soc)), compile_(std::move(compile)) {}

Residency::Residency(const backend::Runtime& runtime, const soc::Soc& soc, zoo::PieceStore& pieces,
                     std::filesystem::path compile_cache)
    : Residency(soc,
                [&runtime, &soc, &pieces, cache = std::move(compile_cache),
                 pools = soc::find_pools(soc)](const SubgraphKey& key) -> Result<std::unique_ptr<backend::Executable>> {
                  SL_ASSIGN_OR_RETURN(const std::filesystem::path piece,
                                      pieces.piece(key.task, key.variant, key.stage));
                  const auto& pool = pools.members[pools.of[key.processor.index()]];
                  SL_ASSIGN_OR_RETURN(auto executable,
                                      runtime.load(piece, profile::compile_options(soc, pool, key.backend, cache)));
                  SL_RETURN_IF_ERROR(warm_up(*executable));
                  return executable;
                }) {}

SubgraphKey Residency::canonical(SubgraphKey key) const {
  key.processor = pools_.members[pools_.of[key.processor.index()]].front();
  return key;
}

Result<std::shared_ptr<backend::Executable>> Residency::get(const SubgraphKey& key) {
  const SubgraphKey shared = canonical(key);
  const auto find = [&]() -> std::shared_ptr<backend::Executable> {
    const std::lock_guard lock(mutex_);
    const auto found = resident_.find(shared);
    return found == resident_.end() ? nullptr : found->second;
  };
  if (auto executable = find()) return executable;
  const std::lock_guard compiling(compiling_);
  if (auto executable = find()) return executable;  // somebody compiled it while we waited
  auto compiled = compile_(shared);
  if (!compiled.ok()) return compiled.status().with_context(soc_.processor(key.processor).name);
  std::shared_ptr<backend::Executable> executable = std::move(compiled).value();
  const std::lock_guard lock(mutex_);
  resident_[shared] = executable;
  return executable;
}

bool Residency::resident(const SubgraphKey& key) const {
  const SubgraphKey shared = canonical(key);
  const std::lock_guard lock(mutex_);
  return resident_.contains(shared);
}

void Residency::evict(const SubgraphKey& key) {
  const SubgraphKey shared = canonical(key);
  std::shared_ptr<backend::Executable> last;  // freed outside the lock
  const std::lock_guard lock(mutex_);
  const auto found = resident_.find(shared);
  if (found == resident_.end()) return;
  last = std::move(found->second);
  resident_.erase(found);
}

std::size_t Residency::size() const {
  const std::lock_guard lock(mutex_);
  return resident_.size();
}

}  // namespace sparseloom::run
