#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/soc/soc.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::run {

/// One compiled subgraph: variant v of stage i of task t, for processor p by one of its backends.
struct SubgraphKey {
  zoo::TaskId task;
  zoo::VariantId variant;
  zoo::StageId stage;
  soc::ProcessorId processor;
  soc::Backend backend = soc::Backend::kOpenVino;
  friend auto operator<=>(const SubgraphKey&, const SubgraphKey&) = default;
};

/// Compiles one subgraph; called from any thread, never for the same subgraph twice at once.
using CompileSubgraph = std::function<Result<std::unique_ptr<backend::Executable>>(const SubgraphKey&)>;

/// Which compiled subgraphs are in memory. Thread-safe. The processors of a pool (soc::find_pools) share one compiled
/// subgraph per backend.
class Residency {
 public:
  /// Compiles pieces of a zoo and runs each once on zeros, so that no request pays for a first inference; everything
  /// passed by reference must outlive this. `compile_cache` as in CompileOptions.
  Residency(const backend::Runtime& runtime, const soc::Soc& soc, zoo::PieceStore& pieces,
            std::filesystem::path compile_cache);
  /// Compiles whatever `compile` gives.
  Residency(const soc::Soc& soc, CompileSubgraph compile);

  /// The compiled subgraph, loaded now if it is not resident (one load at a time). Shared ownership: it stays usable
  /// after evict(). Errors of compiling, with the processor's name in front.
  Result<std::shared_ptr<backend::Executable>> get(const SubgraphKey& key);
  bool resident(const SubgraphKey& key) const;
  /// Forgets it, on every processor that shares it; memory is freed when the last user lets go.
  void evict(const SubgraphKey& key);
  std::size_t size() const;

  /// The same subgraph on the first processor that shares its compiled form.
  SubgraphKey canonical(SubgraphKey key) const;

 private:
  const soc::Soc& soc_;
  const soc::Pools pools_;
  CompileSubgraph compile_;
  std::mutex compiling_;
  mutable std::mutex mutex_;  // guards resident_; never held while compiling
  std::map<SubgraphKey, std::shared_ptr<backend::Executable>> resident_;
};

}  // namespace sparseloom::run
