#include "sparseloom/engine/residency.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "sparseloom/base/file.h"
#include "sparseloom/base/mapped_file.h"
#include "sparseloom/profile/measure/hybrid.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/profile/measure/memory.h"
#include "sparseloom/zoo/boundaries.h"
#include "sparseloom/zoo/model_files.h"

namespace sparseloom::engine {
namespace {

// The first inference of a compiled subgraph takes several times the later ones (the runtime finishes its set-up then),
// so loading includes one, on zeros and in memory of its own.
Status warm_up(backend::Executable& executable) {
  zoo::Boundaries zeros(1);
  SL_ASSIGN_OR_RETURN(const auto session, zeros.bind(executable, 0));
  SL_RETURN_IF_ERROR(session->run());
  executable.trim();
  return {};
}

CompileSubgraph compile_pieces(const backend::Runtime& runtime, const soc::Soc& soc, FindPiece find_piece,
                               std::filesystem::path cache) {
  return [&runtime, &soc, find_piece = std::move(find_piece),
          cache = std::move(cache)](const SubgraphKey& key) -> Result<std::unique_ptr<backend::Executable>> {
    SL_ASSIGN_OR_RETURN(const std::filesystem::path piece, find_piece(key));
    SL_ASSIGN_OR_RETURN(
        auto executable,
        profile::load_placed(runtime, piece, profile::compile_options(soc, key.processor, key.provider, cache)));
    SL_RETURN_IF_ERROR(warm_up(*executable));
    return executable;
  };
}

// Of the files that a piece is read from.
Result<std::string> digest_of_piece(const FindPiece& find_piece, const SubgraphKey& key) {
  SL_ASSIGN_OR_RETURN(const std::filesystem::path piece, find_piece(key));
  SL_ASSIGN_OR_RETURN(const std::vector<std::filesystem::path> files, zoo::model_files(piece));
  std::string digest;
  for (const std::filesystem::path& path : files) {
    SL_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
    digest += checksum({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
  }
  return digest;
}

ResidencyOptions with_digest(ResidencyOptions options, const FindPiece& find_piece) {
  if (!options.digest)
    options.digest = [find_piece](const SubgraphKey& key) { return digest_of_piece(find_piece, key); };
  return options;
}

// Gives back what was booked, unless it is set to nothing.
struct Booking {
  std::atomic<std::uint64_t>& book;
  Bytes bytes;
  ~Booking() { book -= bytes.count; }
};

}  // namespace

Residency::Residency(const soc::Soc& soc, CompileSubgraph compile, ResidencyOptions options)
    : soc_(soc),
      compile_(std::move(compile)),
      options_(std::move(options)),
      budget_(options_.budget),
      load_reserve_(options_.load_reserve) {}

Residency::Residency(const backend::Runtime& runtime, const soc::Soc& soc, const FindPiece& find_piece,
                     std::filesystem::path compile_cache, ResidencyOptions options)
    : Residency(soc, compile_pieces(runtime, soc, find_piece, std::move(compile_cache)),
                with_digest(std::move(options), find_piece)) {}

Residency::Residency(const backend::Runtime& runtime, const soc::Soc& soc, zoo::PieceStore& pieces,
                     std::filesystem::path compile_cache, ResidencyOptions options)
    : Residency(
          runtime, soc,
          [&pieces](const SubgraphKey& key) { return pieces.piece(key.task, key.variant, key.stage, key.provider); },
          std::move(compile_cache), std::move(options)) {}

SubgraphKey Residency::shared_by(SubgraphKey key) const {
  key.processor = soc_.pools().pool(key.processor).front();
  const auto same = same_as_.find(key);
  return same == same_as_.end() ? key : same->second;
}

SubgraphKey Residency::canonical(SubgraphKey key) const {
  const std::lock_guard lock(mutex_);
  return shared_by(key);
}

std::shared_ptr<backend::Executable> Residency::find(const SubgraphKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = resident_.find(shared_by(key));
  if (found == resident_.end()) return nullptr;
  found->second.last_use = ++uses_;
  return found->second.executable;
}

Result<std::shared_ptr<backend::Executable>> Residency::get(const SubgraphKey& key) {
  if (auto executable = find(key)) return executable;
  const std::lock_guard compiling(compiling_);
  if (auto executable = find(key)) return executable;  // somebody loaded it while we waited
  SL_RETURN_IF_ERROR(share_by_digest(canonical(key)));
  if (auto executable = find(key)) return executable;  // another variant's is the same
  auto loaded = load(canonical(key));
  if (!loaded.ok()) return loaded.status().with_context(soc_.processor(key.processor).name);
  return loaded;
}

Status Residency::share_by_digest(const SubgraphKey& shared) {
  {
    const std::lock_guard lock(mutex_);
    if (!options_.digest || measured_.contains(shared)) return {};  // not asked for, or loaded before
  }
  SL_ASSIGN_OR_RETURN(std::string digest, options_.digest(shared));
  SubgraphKey any_variant = shared;  // sessions belong to a task and a stage, so sharing ends there
  any_variant.variant = zoo::VariantId(0);
  const std::lock_guard lock(mutex_);
  const auto [first, fresh] = by_digest_.try_emplace({any_variant, std::move(digest)}, shared);
  if (first->second != shared) same_as_.emplace(shared, first->second);
  return {};
}

Result<std::shared_ptr<backend::Executable>> Residency::load(const SubgraphKey& shared) {
  Bytes booked;
  {
    const std::lock_guard lock(mutex_);
    booked = expected(shared);
  }
  SL_RETURN_IF_ERROR(book(shared, booked));
  Booking booking{*book_, booked};
  const Bytes before = options_.in_use ? options_.in_use() : Bytes{};
  SL_ASSIGN_OR_RETURN(std::unique_ptr<backend::Executable> compiled, compile_(shared));
  SL_ASSIGN_OR_RETURN(const Bytes taken, measure(*compiled, before, booked));
  remember(shared, taken);
  if (taken > booked) SL_RETURN_IF_ERROR(book(shared, {taken.count - booked.count}));
  if (taken < booked) *book_ -= booked.count - taken.count;
  booking.bytes = taken;
  std::shared_ptr<backend::Executable> executable(compiled.release(),
                                                  [book = book_, taken](const backend::Executable* unused) {
                                                    delete unused;
                                                    *book -= taken.count;
                                                  });
  booking.bytes = {};  // the executable's own now
  const std::lock_guard lock(mutex_);
  resident_[shared] = {executable, ++uses_};
  ++counts_.loaded;
  return executable;
}

Result<Bytes> Residency::measure(backend::Executable& executable, Bytes before, Bytes expected) const {
  if (!options_.in_use) return expected;
  std::vector<std::unique_ptr<backend::Session>> sessions;
  for (std::size_t k = 0; k < options_.sessions; ++k) {
    SL_ASSIGN_OR_RETURN(sessions.emplace_back(), executable.new_session());
  }
  const Bytes taken = profile::growth(before, options_.in_use());
  return taken.count > 0 ? taken : expected;  // others freed more meanwhile: nothing can be said
}

void Residency::remember(const SubgraphKey& shared, Bytes taken) {
  const std::lock_guard lock(mutex_);
  measured_[shared] = taken;
}

Status Residency::book(const SubgraphKey& wanted, Bytes bytes) {
  // Only this adds, and one thread at a time; others can but give back.
  while (booked() + bytes + load_reserve() > budget()) {
    if (evict_coldest()) continue;
    return error(
        Code::kResourceExhausted,
        "variant {}, stage {} of task {}: needs {:.2f} MiB; of the budget of {:.2f} MiB, {:.2f} MiB are in use",
        wanted.variant.index(), wanted.stage.index(), wanted.task.index(), to_mib(bytes), to_mib(budget()),
        to_mib(booked()));
  }
  *book_ += bytes.count;
  const std::lock_guard lock(mutex_);
  counts_.most = std::max(counts_.most, booked());
  return {};
}

// A subgraph that a plan or a request uses has other owners than this and the keepers, which are asked to drop it.
bool Residency::evict_coldest() {
  using Candidate = std::tuple<double, std::uint64_t, SubgraphKey>;  // hotness, last use
  std::vector<Candidate> candidates;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, entry] : resident_) candidates.emplace_back(0, entry.last_use, key);
  }
  if (options_.hotness) {
    for (auto& [hotness, last_use, key] : candidates) hotness = options_.hotness(key);
  }
  std::sort(candidates.begin(), candidates.end());
  for (const auto& [hotness, last_use, key] : candidates) {
    ask_keepers(key);
    std::shared_ptr<backend::Executable> idle;  // freed outside the lock
    const std::lock_guard lock(mutex_);
    const auto found = resident_.find(key);
    if (found == resident_.end() || found->second.executable.use_count() > 1) continue;
    idle = std::move(found->second.executable);
    resident_.erase(found);
    ++counts_.evicted;
    return true;
  }
  return false;
}

void Residency::ask_keepers(const SubgraphKey& key) {
  const std::lock_guard lock(keepers_mutex_);
  for (Keeper* keeper : keepers_) keeper->let_go(key);
}

void Residency::add(Keeper& keeper) {
  const std::lock_guard lock(keepers_mutex_);
  keepers_.push_back(&keeper);
}

void Residency::remove(Keeper& keeper) {
  const std::lock_guard lock(keepers_mutex_);
  keepers_.erase(std::remove(keepers_.begin(), keepers_.end(), &keeper), keepers_.end());
}

Bytes Residency::expected(const SubgraphKey& shared) const {
  const auto known = measured_.find(shared);
  if (known != measured_.end()) return known->second;
  return options_.estimate ? options_.estimate(shared) : Bytes{};
}

Bytes Residency::needed(const std::vector<SubgraphKey>& keys) const {
  const std::lock_guard lock(mutex_);
  std::set<SubgraphKey> distinct;
  for (const SubgraphKey& key : keys) distinct.insert(shared_by(key));
  Bytes sum;
  for (const SubgraphKey& key : distinct) sum += expected(key);
  return sum;
}

bool Residency::resident(const SubgraphKey& key) const {
  const std::lock_guard lock(mutex_);
  return resident_.contains(shared_by(key));
}

void Residency::evict(const SubgraphKey& key) {
  std::shared_ptr<backend::Executable> last;  // freed outside the lock
  const std::lock_guard lock(mutex_);
  const auto found = resident_.find(shared_by(key));
  if (found == resident_.end()) return;
  last = std::move(found->second.executable);
  resident_.erase(found);
}

void Residency::evict(zoo::TaskId task) {
  std::vector<SubgraphKey> keys;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, entry] : resident_) {
      if (key.task == task) keys.push_back(key);
    }
  }
  for (const SubgraphKey& key : keys) {
    ask_keepers(key);
    evict(key);
  }
}

void Residency::set_budget(Bytes budget, Bytes load_reserve) {
  {
    const std::lock_guard lock(mutex_);
    budget_ = budget;
    load_reserve_ = load_reserve;
  }
  const std::lock_guard compiling(compiling_);
  while (booked() + load_reserve > budget && evict_coldest()) continue;
}

Bytes Residency::budget() const {
  const std::lock_guard lock(mutex_);
  return budget_;
}

Bytes Residency::load_reserve() const {
  const std::lock_guard lock(mutex_);
  return load_reserve_;
}

std::size_t Residency::size() const {
  const std::lock_guard lock(mutex_);
  return resident_.size();
}

ResidencyCounts Residency::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace sparseloom::engine
