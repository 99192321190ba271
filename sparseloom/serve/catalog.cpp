#include "sparseloom/serve/catalog.h"

#include "sparseloom/zoo/plain.h"

namespace sparseloom::serve {
namespace {

Result<std::unique_ptr<Source>> open_source(zoo::Zoo zoo, const OpenWith& with) {
  auto source = std::make_unique<Source>();
  source->zoo = std::move(zoo);
  SL_ASSIGN_OR_RETURN(std::filesystem::path pieces, profile::default_pieces(source->zoo));
  profile::EnsureOptions ensure;
  SL_ASSIGN_OR_RETURN(ensure.database, profile::default_database(source->zoo, with.soc));
  if (!with.scratch.empty()) {
    pieces = with.scratch / "pieces" / pieces.filename();
    std::error_code ignored;
    if (!std::filesystem::exists(ensure.database, ignored)) ensure.database = with.scratch / ensure.database.filename();
  }
  source->pieces = std::make_unique<zoo::PieceStore>(source->zoo, with.runtime, pieces);
  ensure.compile_cache = with.compile_cache;
  ensure.lock.who = "sparseloom::Server";
  ensure.control = with.control;
  if (with.check) {
    SL_ASSIGN_OR_RETURN(source->profile,
                        profile::ensure_checked_profile(source->zoo, with.soc, with.runtime, *source->pieces, ensure));
  } else {
    SL_ASSIGN_OR_RETURN(source->profile.measured,
                        profile::ensure_profile(source->zoo, with.soc, with.runtime, *source->pieces, ensure));
    source->profile.profile = source->profile.measured;
  }
  return source;
}

}  // namespace

Result<std::unique_ptr<Source>> open_zoo(const std::filesystem::path& folder, const OpenWith& with) {
  SL_ASSIGN_OR_RETURN(zoo::Zoo zoo, zoo::load_zoo(folder));
  zoo::take_out_what_nothing_runs(zoo, soc::offered_providers(with.soc));
  return open_source(std::move(zoo), with);
}

Result<std::unique_ptr<Source>> open_model(const ModelFile& model, const OpenWith& with) {
  SL_ASSIGN_OR_RETURN(zoo::Zoo zoo, zoo::plain_zoo(model.name, model.file, model.shapes, with.runtime));
  return open_source(std::move(zoo), with);
}

Catalog::Catalog() { snapshots_.push_back(std::make_unique<const Snapshot>()); }

// Under mutex_.
const Catalog::Snapshot& Catalog::newest() const { return *snapshots_.back(); }

Status Catalog::add(std::unique_ptr<Source> source) {
  const std::lock_guard lock(mutex_);
  auto next = std::make_unique<Snapshot>(newest());
  if (next->zoo.tasks.empty()) {
    next->zoo.name = source->zoo.name;
    next->profile = source->profile.profile;
    next->profile.tasks.clear();
  } else {
    next->profile.contention = {};  // how tasks of unlike sources slow each other was not measured
  }
  for (std::size_t t = 0; t < source->zoo.tasks.size(); ++t) {
    const zoo::Task& task = source->zoo.tasks[t];
    if (next->zoo.find_task(task.name).ok()) {
      return error(Code::kInvalidArgument, "task '{}': there is one of this name already", task.name);
    }
    next->zoo.tasks.push_back(task);
    const profile::Profile& profile = source->profile.profile;
    next->profile.tasks.push_back(profile.tasks[t]);
    if (places_.empty() && !profile.boundary.empty()) continue;  // copied above
    next->profile.boundary.push_back(profile.boundary.empty() ? std::vector<Bytes>() : profile.boundary[t]);
  }
  for (std::size_t t = 0; t < source->zoo.tasks.size(); ++t) places_.push_back({source.get(), zoo::TaskId(t)});
  sources_.push_back(std::move(source));
  snapshots_.push_back(std::move(next));
  return {};
}

const Source* Catalog::only_source() const {
  const std::lock_guard lock(mutex_);
  return sources_.size() == 1 ? sources_.front().get() : nullptr;
}

const zoo::Zoo& Catalog::zoo() const {
  const std::lock_guard lock(mutex_);
  return newest().zoo;
}

const profile::Profile& Catalog::profile() const {
  const std::lock_guard lock(mutex_);
  return newest().profile;
}

std::pair<const zoo::Zoo&, const profile::Profile&> Catalog::now() const {
  const std::lock_guard lock(mutex_);
  return {newest().zoo, newest().profile};
}

Result<std::filesystem::path> Catalog::piece(const soc::SubgraphKey& key) const {
  Place place;
  {
    const std::lock_guard lock(mutex_);
    place = places_.at(key.task.index());
  }
  return place.source->pieces->piece(place.task, key.variant, key.stage, key.provider);
}

}  // namespace sparseloom::serve
