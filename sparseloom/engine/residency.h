#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/base/units.h"
#include "sparseloom/soc/subgraph.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::engine {

using soc::SubgraphKey;

/// Compiles one subgraph; called from any thread, one call at a time.
using CompileSubgraph = std::function<Result<std::unique_ptr<backend::Executable>>(const SubgraphKey&)>;
/// No limit to memory.
inline constexpr Bytes kNoBudget{std::numeric_limits<std::uint64_t>::max()};
/// The model file of a subgraph, cut now if it was not; called from any thread.
using FindPiece = std::function<Result<std::filesystem::path>(const SubgraphKey&)>;

/// How much memory compiled subgraphs may take, and how it is known. The functions are called from any thread, one call
/// at a time.
struct ResidencyOptions {
  Bytes budget = kNoBudget;
  /// Of the budget, what subgraphs may not take: the runtime's working memory while it loads one.
  Bytes load_reserve{};
  /// What a subgraph takes, before it was first loaded (the profile says); empty: nothing.
  std::function<Bytes(const SubgraphKey&)> estimate{};
  /// Memory in use, as two readings subtract: what a load took corrects its estimate. Empty: estimates are the truth.
  std::function<Bytes()> in_use{};
  /// Sessions that will be made of each subgraph: they count for it.
  std::size_t sessions = 0;
  /// The coldest goes first when room is needed, of equals the one asked for longest ago. Empty: all equal.
  std::function<double(const SubgraphKey&)> hotness{};
  /// Variants of which a stage has the same digest are one and the same subgraph. Empty: of the piece's files, or if
  /// there are no pieces, all differ.
  std::function<Result<std::string>(const SubgraphKey&)> digest{};
};

/// What residency has done so far.
struct ResidencyCounts {
  std::size_t loaded = 0;
  std::size_t evicted = 0;  ///< to make room
  Bytes most;               ///< that was ever booked
};

/// Which compiled subgraphs are in memory, within a budget that the book never exceeds: before a subgraph is loaded,
/// room for it is made by evicting idle ones, and what was admitted stays booked until its last user has let go of it.
/// Thread-safe. The processors of a pool (soc::Pools) share one compiled subgraph per provider.
class Residency {
 public:
  /// Keeps what was made of a compiled subgraph (sessions) for later use.
  class Keeper {
   public:
    virtual ~Keeper() = default;
    /// Drops what is kept of a subgraph unless it is in use. Must not call the residency's get().
    virtual void let_go(const SubgraphKey& key) = 0;
  };

  /// Compiles the pieces that `find_piece` gives and runs each once on zeros, so that no request pays for a first
  /// inference; everything passed by reference must outlive this. `compile_cache` as in CompileOptions.
  Residency(const backend::Runtime& runtime, const soc::Soc& soc, const FindPiece& find_piece,
            std::filesystem::path compile_cache, ResidencyOptions options = {});
  /// Those of a zoo.
  Residency(const backend::Runtime& runtime, const soc::Soc& soc, zoo::PieceStore& pieces,
            std::filesystem::path compile_cache, ResidencyOptions options = {});
  /// Compiles whatever `compile` gives.
  Residency(const soc::Soc& soc, CompileSubgraph compile, ResidencyOptions options = {});

  /// The compiled subgraph, loaded now if it is not resident (one load at a time). Shared ownership: it stays usable
  /// after it was evicted. Errors of compiling, with the processor's name in front; kResourceExhausted: the budget has
  /// no room for it beside what is in use.
  Result<std::shared_ptr<backend::Executable>> get(const SubgraphKey& key);
  /// The same if it is resident, else null.
  std::shared_ptr<backend::Executable> find(const SubgraphKey& key);
  bool resident(const SubgraphKey& key) const;
  /// Forgets it, on every processor that shares it; memory is freed, and room made, when the last user lets go.
  void evict(const SubgraphKey& key);
  /// Forgets all of a task's subgraphs.
  void evict(zoo::TaskId task);
  std::size_t size() const;

  /// The key that all share which share its compiled form: the first processor's and, once its digest is known, the
  /// first variant's.
  SubgraphKey canonical(SubgraphKey key) const;

  /// What is idle is evicted until the rest fits, if that is enough; else nothing is loaded until users have let go.
  void set_budget(Bytes budget, Bytes load_reserve);
  Bytes budget() const;
  Bytes load_reserve() const;
  /// Of everything resident, being loaded, or evicted but in use.
  Bytes booked() const { return {book_->load()}; }
  /// What these take together, each counted once: as measured if they were loaded before, else as estimated.
  Bytes needed(const std::vector<SubgraphKey>& keys) const;
  ResidencyCounts counts() const;

  /// A keeper is asked before a subgraph is evicted. It must be removed before it is destroyed.
  void add(Keeper& keeper);
  void remove(Keeper& keeper);

 private:
  using Book = std::atomic<std::uint64_t>;
  struct Entry {
    std::shared_ptr<backend::Executable> executable;
    std::uint64_t last_use = 0;
  };

  // Called with compiling_ held.
  Result<std::shared_ptr<backend::Executable>> load(const SubgraphKey& shared);
  Status book(const SubgraphKey& wanted, Bytes bytes);
  bool evict_coldest();  // of what is idle; false if nothing is
  void ask_keepers(const SubgraphKey& key);
  Status share_by_digest(const SubgraphKey& shared);
  Result<Bytes> measure(backend::Executable& executable, Bytes before, Bytes expected) const;
  void remember(const SubgraphKey& shared, Bytes taken);

  Bytes expected(const SubgraphKey& shared) const;  // mutex_ held
  SubgraphKey shared_by(SubgraphKey key) const;     // mutex_ held

  const soc::Soc& soc_;
  const CompileSubgraph compile_;
  const ResidencyOptions options_;
  const std::shared_ptr<Book> book_ = std::make_shared<Book>(0);

  std::mutex compiling_;  // one load at a time; taken before the others
  std::mutex keepers_mutex_;
  std::vector<Keeper*> keepers_;
  mutable std::mutex mutex_;  // guards what follows; never held while compiling or asking keepers
  Bytes budget_, load_reserve_;
  std::map<SubgraphKey, Entry> resident_;
  std::map<SubgraphKey, Bytes> measured_;
  std::map<SubgraphKey, SubgraphKey> same_as_;  // by digest
  std::map<std::pair<SubgraphKey, std::string>, SubgraphKey> by_digest_;
  std::uint64_t uses_ = 0;
  ResidencyCounts counts_;
};

}  // namespace sparseloom::engine
