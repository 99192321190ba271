#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/soc/soc.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::run {

/// One compiled subgraph: variant v of stage i of task t, for processor p.
struct SubgraphKey {
  zoo::TaskId task;
  zoo::VariantId variant;
  zoo::StageId stage;
  soc::ProcessorId processor;
  friend auto operator<=>(const SubgraphKey&, const SubgraphKey&) = default;
};

/// Which compiled subgraphs are in memory. Thread-safe; compiles outside its lock.
class Residency {
 public:
  Residency(const backend::Runtime& runtime, const soc::Soc& soc, zoo::PieceStore& pieces,
            std::filesystem::path compile_cache);

  /// The compiled subgraph, loaded now if it is not resident. Shared ownership: it stays usable after evict().
  Result<std::shared_ptr<backend::Executable>> get(const SubgraphKey& key);
  bool resident(const SubgraphKey& key) const;
  /// Forgets it; memory is freed when the last user lets go.
  void evict(const SubgraphKey& key);
  std::size_t size() const;

 private:
  const backend::Runtime& runtime_;
  const soc::Soc& soc_;
  zoo::PieceStore& pieces_;
  std::filesystem::path compile_cache_;
  mutable std::mutex mutex_;
  std::map<SubgraphKey, std::shared_ptr<backend::Executable>> resident_;
};

}  // namespace sparseloom::run
