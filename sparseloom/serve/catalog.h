// serve: the Server behind include/sparseloom/server.h. Owns what it serves, adapts while it does, and knows no wire
// protocol.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/profile/measure/ensure.h"
#include "sparseloom/profile/profile.h"
#include "sparseloom/server.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::serve {

/// Where tasks come from: one zoo, or one model file, with its pieces and its profile on this machine. Not movable: its
/// parts refer to each other.
struct Source {
  zoo::Zoo zoo;
  std::unique_ptr<zoo::PieceStore> pieces;
  profile::CheckedProfile profile;
};

/// What sources are opened with; the referenced objects must outlive them.
struct OpenWith {
  const backend::Runtime& runtime;
  const soc::Soc& soc;
  std::filesystem::path compile_cache;
  /// What takes the place of the user's cache where that cannot be written; empty: nothing. A profile that is in the
  /// cache is read all the same.
  std::filesystem::path scratch;
  bool check = true;  ///< whether latencies that were measured earlier still fit the machine
  profile::Control control;
};

/// Loads the zoo at `folder` and measures what its profile lacks.
Result<std::unique_ptr<Source>> open_zoo(const std::filesystem::path& folder, const OpenWith& with);
/// The same for a model file: a zoo of one task and one variant.
Result<std::unique_ptr<Source>> open_model(const ModelFile& model, const OpenWith& with);

/// The tasks of several sources under one numbering that only grows. Thread-safe. What it returns by reference stays
/// valid and unchanged as long as it lives.
class Catalog {
 public:
  Catalog();

  /// Adds the source's tasks behind those that are there. kInvalidArgument: a name that is taken.
  Status add(std::unique_ptr<Source> source);

  /// All tasks, as an engine or planner sees a zoo.
  const zoo::Zoo& zoo() const;
  const profile::Profile& profile() const;
  /// Both, of one moment.
  std::pair<const zoo::Zoo&, const profile::Profile&> now() const;
  /// The source of all tasks; null if they are of several.
  const Source* only_source() const;
  /// The model file of a subgraph, cut now if it was not.
  Result<std::filesystem::path> piece(const soc::SubgraphKey& key) const;

 private:
  struct Snapshot {
    zoo::Zoo zoo;
    profile::Profile profile;
  };
  struct Place {  // of a task
    Source* source = nullptr;
    zoo::TaskId task;
  };
  const Snapshot& newest() const;

  mutable std::mutex mutex_;  // guards what follows
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<Place> places_;  // by task
  std::vector<std::unique_ptr<const Snapshot>> snapshots_;
};

}  // namespace sparseloom::serve
