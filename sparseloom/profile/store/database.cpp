#include "sparseloom/profile/store/database.h"

#include <cmath>
#include <optional>
#include <system_error>

#include "sparseloom/profile/store/sqlite.h"

namespace sparseloom::profile {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kApplicationId = 0x53504c4d;  // "SPLM"

constexpr const char* kSchema = R"(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE latency (
  task TEXT NOT NULL, variant TEXT NOT NULL, stage INTEGER NOT NULL, processor TEXT NOT NULL, provider TEXT NOT NULL,
  median_s REAL NOT NULL, q1_s REAL NOT NULL, q3_s REAL NOT NULL, runs INTEGER NOT NULL, resident_bytes INTEGER NOT NULL,
  steal REAL NOT NULL, foreign_load REAL NOT NULL, mhz REAL NOT NULL, governor TEXT NOT NULL, left_out TEXT NOT NULL,
  PRIMARY KEY (task, variant, stage, processor, provider)) WITHOUT ROWID;
CREATE TABLE accuracy (
  task TEXT NOT NULL, split TEXT NOT NULL, sigma TEXT NOT NULL, correct INTEGER NOT NULL, samples INTEGER NOT NULL,
  PRIMARY KEY (task, split, sigma)) WITHOUT ROWID;
CREATE TABLE sparsity (
  task TEXT NOT NULL, variant TEXT NOT NULL, stage INTEGER NOT NULL, mean REAL NOT NULL, samples INTEGER NOT NULL,
  PRIMARY KEY (task, variant, stage)) WITHOUT ROWID;
CREATE TABLE estimate (
  task TEXT NOT NULL, sigma TEXT NOT NULL, value REAL NOT NULL, lower REAL NOT NULL, estimator_version INTEGER NOT NULL,
  PRIMARY KEY (task, sigma)) WITHOUT ROWID;
CREATE TABLE contention (
  task TEXT NOT NULL, stage INTEGER NOT NULL, processor TEXT NOT NULL,
  beside_task TEXT NOT NULL, beside_stage INTEGER NOT NULL, beside_processor TEXT NOT NULL, slowdown REAL NOT NULL,
  PRIMARY KEY (task, stage, processor, beside_task, beside_stage, beside_processor)) WITHOUT ROWID;
CREATE TABLE scatter (point INTEGER PRIMARY KEY, ratio REAL NOT NULL);
CREATE TABLE cold (
  task TEXT NOT NULL, stage INTEGER NOT NULL, processor TEXT NOT NULL, idle_s REAL NOT NULL, extra_s REAL NOT NULL,
  PRIMARY KEY (task, stage, processor, idle_s)) WITHOUT ROWID;
CREATE TABLE transfer (latency_s REAL NOT NULL, seconds_per_byte REAL NOT NULL);
CREATE TABLE boundary (
  task TEXT NOT NULL, stage INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (task, stage)) WITHOUT ROWID;
)";

std::int64_t to_signed(std::uint64_t value) { return static_cast<std::int64_t>(value); }

// Recorded by the creator; every later opener must bring the same.
Status create(const Connection& db, const zoo::Zoo& zoo, const soc::Soc& soc) {
  SL_RETURN_IF_ERROR(db.execute(kSchema));
  SL_RETURN_IF_ERROR(db.execute(
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, kDatabaseVersion)));
  SL_ASSIGN_OR_RETURN(Statement insert, db.prepare("INSERT INTO meta VALUES (?, ?)"));
  const std::pair<std::string_view, std::string_view> rows[] = {{"zoo_fingerprint", zoo.fingerprint},
                                                                {"zoo_name", zoo.name},
                                                                {"soc_fingerprint", soc.fingerprint},
                                                                {"soc_name", soc.name}};
  for (const auto& [key, value] : rows) {
    SL_RETURN_IF_ERROR(insert.reset());
    SL_RETURN_IF_ERROR(insert.bind(1, key));
    SL_RETURN_IF_ERROR(insert.bind(2, value));
    SL_RETURN_IF_ERROR(insert.step().status());
  }
  return {};
}

// An empty file is what a process leaves that was killed before its first transaction.
Result<bool> is_fresh(const Connection& db) {
  SL_ASSIGN_OR_RETURN(const std::int64_t id, db.integer("PRAGMA application_id"));
  SL_ASSIGN_OR_RETURN(const std::int64_t tables, db.integer("SELECT count(*) FROM sqlite_master"));
  return id == 0 && tables == 0;
}

Status check_owner(const Connection& db) {
  const std::string path = db.path().string();
  SL_ASSIGN_OR_RETURN(const std::int64_t id, db.integer("PRAGMA application_id"));
  if (id != kApplicationId) {
    return error(Code::kFailedPrecondition, "{}: a database of another program (application id {}); use another file",
                 path, id);
  }
  SL_ASSIGN_OR_RETURN(const std::int64_t version, db.integer("PRAGMA user_version"));
  if (version == kDatabaseVersion) return {};
  return error(Code::kFailedPrecondition,
               "{}: profile database of format_version {}, this release reads {}; delete it or use another "
               "file",
               path, version, kDatabaseVersion);
}

Status check_fingerprint(const Connection& db, std::string_view key, std::string_view what, const std::string& ours) {
  SL_ASSIGN_OR_RETURN(Statement query, db.prepare("SELECT value FROM meta WHERE key = ?"));
  SL_RETURN_IF_ERROR(query.bind(1, key));
  SL_ASSIGN_OR_RETURN(const bool found, query.step());
  const std::string theirs = found ? query.text(0) : std::string("(none)");
  if (theirs == ours) return {};
  return error(Code::kFailedPrecondition,
               "{}: a profile of another {}: it was measured for fingerprint {}, this one is {}; delete it or use "
               "another file",
               db.path().string(), what, theirs, ours);
}

// What the rows' names mean in this zoo and machine.
std::optional<std::size_t> stage_in(const zoo::Task& task, std::int64_t stage) {
  if (stage < 0 || static_cast<std::size_t>(stage) >= task.stages()) return std::nullopt;
  return static_cast<std::size_t>(stage);
}

std::optional<backend::Provider> provider_in(const soc::Processor& processor, std::string_view name) {
  for (const backend::Provider offered : processor.providers) {
    if (backend::provider_name(offered) == name) return offered;
  }
  return std::nullopt;
}

std::optional<LeftOut> left_out_in(std::string_view name) {
  for (const LeftOut reason : {LeftOut::kNo, LeftOut::kSlower, LeftOut::kUnsupported, LeftOut::kDisagrees}) {
    if (to_string(reason) == name) return reason;
  }
  return std::nullopt;
}

std::optional<zoo::Sigma> sigma_in(const zoo::Task& task, std::string_view text) {
  zoo::Sigma sigma;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find('|', start), text.size());
    const auto variant = task.variant(text.substr(start, end - start));
    if (!variant.ok()) return std::nullopt;
    sigma.push_back(*variant);
    start = end + 1;
  }
  if (sigma.size() != task.stages()) return std::nullopt;
  return sigma;
}

Status bad_row(const Connection& db, std::string_view table, std::string_view row) {
  return error(Code::kDataLoss, "{}: table {}: row '{}' does not fit this zoo and machine; delete the file",
               db.path().string(), table, row);
}

}  // namespace

std::string_view to_string(SplitName split) { return split == SplitName::kProfile ? "profile" : "test"; }

class Database::Impl {
 public:
  Impl(Connection db, const zoo::Zoo& zoo, const soc::Soc& soc) : db_(std::move(db)), zoo_(zoo), soc_(soc) {}

  Status prepare() {
    SL_ASSIGN_OR_RETURN(const bool fresh, is_fresh(db_));
    if (fresh) {
      SL_ASSIGN_OR_RETURN(Transaction transaction, Transaction::begin(db_));
      SL_ASSIGN_OR_RETURN(const bool still_fresh, is_fresh(db_));  // another process may have been quicker
      if (still_fresh) SL_RETURN_IF_ERROR(create(db_, zoo_, soc_));
      SL_RETURN_IF_ERROR(transaction.commit());
    }
    SL_RETURN_IF_ERROR(check_owner(db_));
    SL_ASSIGN_OR_RETURN(const std::string verdict, db_.text("PRAGMA quick_check(1)"));
    if (verdict != "ok") {
      return error(Code::kDataLoss, "{}: damaged ({}); delete it or use another file", db_.path().string(), verdict);
    }
    SL_RETURN_IF_ERROR(check_fingerprint(db_, "zoo_fingerprint", "zoo", zoo_.fingerprint));
    SL_RETURN_IF_ERROR(check_fingerprint(db_, "soc_fingerprint", "machine", soc_.fingerprint));
    return db_.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  }

  Status read_latencies(Profile& profile) const {
    SL_ASSIGN_OR_RETURN(Statement rows, db_.prepare("SELECT task, variant, stage, processor, provider, median_s, "
                                                    "q1_s, q3_s, runs, resident_bytes, steal, foreign_load, mhz, "
                                                    "governor, left_out FROM latency"));
    for (;;) {
      SL_ASSIGN_OR_RETURN(const bool more, rows.step());
      if (!more) return {};
      const auto task = zoo_.find_task(rows.text(0));
      const auto processor = soc_.find(rows.text(3));
      if (!task.ok() || !processor.ok()) return bad_row(db_, "latency", rows.text(0) + " " + rows.text(3));
      const auto variant = zoo_.task(*task).variant(rows.text(1));
      const auto stage = stage_in(zoo_.task(*task), rows.integer(2));
      const auto provider = provider_in(soc_.processor(*processor), rows.text(4));
      const auto left_out = left_out_in(rows.text(14));
      const Latency latency{Seconds(rows.number(5)),
                            Seconds(rows.number(6)),
                            Seconds(rows.number(7)),
                            rows.integer(8),
                            Bytes{static_cast<std::uint64_t>(rows.integer(9))},
                            {rows.number(10), rows.number(11), rows.number(12), rows.text(13)},
                            left_out.value_or(LeftOut::kNo)};
      const bool measured = std::isfinite(latency.median.count()) && latency.median.count() > 0 && latency.count > 0;
      const bool sane = left_out && (measured || (latency.count == 0 && latency.settled())) && rows.integer(9) >= 0 &&
                        share(latency.conditions.steal) && share(latency.conditions.foreign);
      if (!variant.ok() || !stage || !provider || !sane) {
        return bad_row(db_, "latency", fmt::format("{} {} {}", rows.text(0), rows.text(1), rows.text(4)));
      }
      profile.tasks[task->index()].set_latency(*variant, zoo::StageId(*stage), *processor, *provider, latency);
    }
  }

  Status read_sparsities(Profile& profile) const {
    SL_ASSIGN_OR_RETURN(Statement rows, db_.prepare("SELECT task, variant, stage, mean, samples FROM sparsity"));
    for (;;) {
      SL_ASSIGN_OR_RETURN(const bool more, rows.step());
      if (!more) return {};
      const auto task = zoo_.find_task(rows.text(0));
      if (!task.ok()) return bad_row(db_, "sparsity", rows.text(0));
      const auto variant = zoo_.task(*task).variant(rows.text(1));
      const auto stage = stage_in(zoo_.task(*task), rows.integer(2));
      const Sparsity sparsity{rows.number(3), rows.integer(4)};
      const bool sane = sparsity.mean >= 0 && sparsity.mean <= 1 && sparsity.samples > 0;
      if (!variant.ok() || !stage || !sane) {
        return bad_row(db_, "sparsity", fmt::format("{} {} {}", rows.text(0), rows.text(1), rows.integer(2)));
      }
      profile.tasks[task->index()].set_sparsity(*variant, zoo::StageId(*stage), sparsity);
    }
  }

  Status read_accuracies(Profile& profile) const {
    SL_ASSIGN_OR_RETURN(Statement rows, db_.prepare("SELECT task, split, sigma, correct, samples FROM accuracy"));
    for (;;) {
      SL_ASSIGN_OR_RETURN(const bool more, rows.step());
      if (!more) return {};
      const auto task = zoo_.find_task(rows.text(0));
      if (!task.ok()) return bad_row(db_, "accuracy", rows.text(0));
      const auto sigma = sigma_in(zoo_.task(*task), rows.text(2));
      const std::string split = rows.text(1);
      const Accuracy accuracy{rows.integer(3), rows.integer(4)};
      const bool sane = accuracy.correct >= 0 && accuracy.samples > 0 && accuracy.correct <= accuracy.samples;
      if (!sigma || !sane || (split != "profile" && split != "test")) {
        return bad_row(db_, "accuracy", rows.text(0) + " " + rows.text(2));
      }
      TaskProfile& target = profile.tasks[task->index()];
      split == "profile" ? target.set_accuracy(*sigma, accuracy) : target.set_accuracy_test(*sigma, accuracy);
    }
  }

  Status read_estimates(Profile& profile) const {
    SL_ASSIGN_OR_RETURN(Statement rows,
                        db_.prepare("SELECT task, sigma, value, lower, estimator_version FROM estimate"));
    for (;;) {
      SL_ASSIGN_OR_RETURN(const bool more, rows.step());
      if (!more) return {};
      if (rows.integer(4) != kEstimatorVersion) {
        return error(Code::kFailedPrecondition,
                     "{}: accuracies estimated by estimator version {}, this release has {}; estimate again",
                     db_.path().string(), rows.integer(4), kEstimatorVersion);
      }
      const auto task = zoo_.find_task(rows.text(0));
      if (!task.ok()) return bad_row(db_, "estimate", rows.text(0));
      const auto sigma = sigma_in(zoo_.task(*task), rows.text(1));
      const AccuracyEstimate estimate{rows.number(2), rows.number(3)};
      const bool sane = estimate.lower >= 0 && estimate.lower <= estimate.value && estimate.value <= 1;
      if (!sigma || !sane) return bad_row(db_, "estimate", rows.text(0) + " " + rows.text(1));
      profile.tasks[task->index()].set_accuracy_estimate(*sigma, estimate);
    }
  }

  Status read_contention(Profile& profile) const {
    Contention contention(zoo_, soc_);
    SL_ASSIGN_OR_RETURN(Statement rows, db_.prepare("SELECT task, stage, processor, beside_task, beside_stage, "
                                                    "beside_processor, slowdown FROM contention"));
    for (;;) {
      SL_ASSIGN_OR_RETURN(const bool more, rows.step());
      if (!more) break;
      const auto stage = place_in(rows, 0), beside = place_in(rows, 3);
      if (!stage || !beside || !positive(rows.number(6))) {
        return bad_row(db_, "contention", rows.text(0) + " " + rows.text(3));
      }
      contention.set_slowdown(*stage, *beside, rows.number(6));
    }
    SL_RETURN_IF_ERROR(read_cold(contention));
    SL_ASSIGN_OR_RETURN(Statement points, db_.prepare("SELECT ratio FROM scatter ORDER BY point"));
    std::vector<double> scatter;
    for (;;) {
      SL_ASSIGN_OR_RETURN(const bool more, points.step());
      if (!more) break;
      const double ratio = points.number(0);
      if (!positive(ratio) || (!scatter.empty() && ratio < scatter.back())) {
        return bad_row(db_, "scatter", fmt::format("{}", ratio));
      }
      scatter.push_back(ratio);
    }
    contention.set_variability(std::move(scatter));
    profile.contention = std::move(contention);
    return {};
  }

  Status read_cold(Contention& contention) const {
    SL_ASSIGN_OR_RETURN(Statement rows, db_.prepare("SELECT task, stage, processor, idle_s, extra_s FROM cold "
                                                    "ORDER BY task, stage, processor, idle_s"));
    for (;;) {
      SL_ASSIGN_OR_RETURN(const bool more, rows.step());
      if (!more) return {};
      const auto stage = place_in(rows, 0);
      const Seconds idle(rows.number(3)), extra(rows.number(4));
      const bool sane = positive(idle.count()) && (extra == Seconds(0) || positive(extra.count()));
      if (!stage || !sane) return bad_row(db_, "cold", fmt::format("{} {}", rows.text(0), idle.count()));
      std::vector<Contention::ColdPenalty> points = contention.cold_penalties(*stage);
      points.push_back({idle, extra});
      contention.set_cold_penalties(*stage, std::move(points));
    }
  }

  // Boundaries are known of all tasks or of none.
  Status read_transfer(Profile& profile) const {
    SL_ASSIGN_OR_RETURN(Statement times, db_.prepare("SELECT latency_s, seconds_per_byte FROM transfer"));
    SL_ASSIGN_OR_RETURN(const bool known, times.step());
    if (!known) return {};
    profile.transfer_latency = Seconds(times.number(0));
    profile.transfer_seconds_per_byte = times.number(1);
    if (!(times.number(0) >= 0 && times.number(1) >= 0)) return bad_row(db_, "transfer", "");
    profile.boundary.clear();
    for (const zoo::Task& task : zoo_.tasks) profile.boundary.emplace_back(task.stages() - 1);
    SL_ASSIGN_OR_RETURN(Statement rows, db_.prepare("SELECT task, stage, bytes FROM boundary"));
    for (;;) {
      SL_ASSIGN_OR_RETURN(const bool more, rows.step());
      if (!more) return {};
      const auto task = zoo_.find_task(rows.text(0));
      const auto stage = task.ok() ? stage_in(zoo_.task(*task), rows.integer(1)) : std::nullopt;
      if (!stage || *stage == 0 || rows.integer(2) < 0) return bad_row(db_, "boundary", rows.text(0));
      profile.boundary[task->index()][*stage - 1] = {static_cast<std::uint64_t>(rows.integer(2))};
    }
  }

  Status replace(const TransferTimes& transfer) {
    SL_ASSIGN_OR_RETURN(Transaction transaction, Transaction::begin(db_));
    SL_RETURN_IF_ERROR(db_.execute("DELETE FROM transfer; DELETE FROM boundary"));
    {
      SL_ASSIGN_OR_RETURN(Statement times, db_.prepare("INSERT INTO transfer VALUES (?, ?)"));
      SL_RETURN_IF_ERROR(times.bind(1, transfer.latency.count()));
      SL_RETURN_IF_ERROR(times.bind(2, transfer.seconds_per_byte));
      SL_RETURN_IF_ERROR(times.step().status());
      SL_ASSIGN_OR_RETURN(Statement insert, db_.prepare("INSERT INTO boundary VALUES (?, ?, ?)"));
      for (std::size_t t = 0; t < transfer.boundary.size(); ++t) {
        for (std::size_t i = 0; i < transfer.boundary[t].size(); ++i) {
          SL_RETURN_IF_ERROR(insert.reset());
          SL_RETURN_IF_ERROR(insert.bind(1, zoo_.tasks[t].name));
          SL_RETURN_IF_ERROR(insert.bind(2, static_cast<std::int64_t>(i + 1)));
          SL_RETURN_IF_ERROR(insert.bind(3, to_signed(transfer.boundary[t][i].count)));
          SL_RETURN_IF_ERROR(insert.step().status());
        }
      }
    }
    return transaction.commit();
  }

  // One transaction: in the place of what was known before.
  Status replace(const Contention& contention) {
    SL_ASSIGN_OR_RETURN(Transaction transaction, Transaction::begin(db_));
    SL_RETURN_IF_ERROR(db_.execute("DELETE FROM contention; DELETE FROM scatter; DELETE FROM cold"));
    {
      SL_ASSIGN_OR_RETURN(Statement insert, db_.prepare("INSERT INTO contention VALUES (?, ?, ?, ?, ?, ?, ?)"));
      const std::vector<Contention::Stage> places = all_places();
      for (const Contention::Stage& stage : places) {
        for (const Contention::Stage& beside : places) {
          if (stage.processor == beside.processor) continue;
          SL_RETURN_IF_ERROR(insert.reset());
          SL_RETURN_IF_ERROR(bind_place(insert, 1, stage));
          SL_RETURN_IF_ERROR(bind_place(insert, 4, beside));
          SL_RETURN_IF_ERROR(insert.bind(7, contention.slowdown(stage, beside)));
          SL_RETURN_IF_ERROR(insert.step().status());
        }
      }
      SL_ASSIGN_OR_RETURN(Statement cold, db_.prepare("INSERT INTO cold VALUES (?, ?, ?, ?, ?)"));
      for (const Contention::Stage& stage : places) {
        for (const Contention::ColdPenalty& point : contention.cold_penalties(stage)) {
          SL_RETURN_IF_ERROR(cold.reset());
          SL_RETURN_IF_ERROR(bind_place(cold, 1, stage));
          SL_RETURN_IF_ERROR(cold.bind(4, point.idle.count()));
          SL_RETURN_IF_ERROR(cold.bind(5, point.extra.count()));
          SL_RETURN_IF_ERROR(cold.step().status());
        }
      }
      SL_ASSIGN_OR_RETURN(Statement point, db_.prepare("INSERT INTO scatter VALUES (?, ?)"));
      for (std::size_t k = 0; k < contention.variability().size(); ++k) {
        SL_RETURN_IF_ERROR(point.reset());
        SL_RETURN_IF_ERROR(point.bind(1, static_cast<std::int64_t>(k)));
        SL_RETURN_IF_ERROR(point.bind(2, contention.variability()[k]));
        SL_RETURN_IF_ERROR(point.step().status());
      }
    }
    return transaction.commit();
  }

  // One transaction: a reader sees the old estimates or the new ones.
  Status replace_estimates(zoo::TaskId task, std::span<const EstimateEntry> entries) {
    SL_ASSIGN_OR_RETURN(Transaction transaction, Transaction::begin(db_));
    {
      SL_ASSIGN_OR_RETURN(Statement remove, db_.prepare("DELETE FROM estimate WHERE task = ?"));
      SL_RETURN_IF_ERROR(remove.bind(1, zoo_.task(task).name));
      SL_RETURN_IF_ERROR(remove.step().status());
      SL_ASSIGN_OR_RETURN(Statement insert, db_.prepare("INSERT INTO estimate VALUES (?, ?, ?, ?, ?)"));
      for (const EstimateEntry& entry : entries) SL_RETURN_IF_ERROR(write_row(insert, entry));
    }
    return transaction.commit();
  }

  Status forget_other_estimates() const {
    return db_.execute(fmt::format("DELETE FROM estimate WHERE estimator_version <> {}", kEstimatorVersion));
  }

  Status write_row(Statement& insert, const EstimateEntry& entry) const {
    const zoo::Task& task = zoo_.task(entry.task);
    SL_RETURN_IF_ERROR(insert.reset());
    SL_RETURN_IF_ERROR(insert.bind(1, task.name));
    SL_RETURN_IF_ERROR(insert.bind(2, zoo::describe(task, entry.sigma)));
    SL_RETURN_IF_ERROR(insert.bind(3, entry.estimate.value));
    SL_RETURN_IF_ERROR(insert.bind(4, entry.estimate.lower));
    SL_RETURN_IF_ERROR(insert.bind(5, kEstimatorVersion));
    return insert.step().status();
  }

  Status write_row(Statement& insert, const LatencyEntry& entry) const {
    const auto& [subgraph, l] = entry;
    const zoo::Task& task = zoo_.task(subgraph.task);
    SL_RETURN_IF_ERROR(insert.reset());
    SL_RETURN_IF_ERROR(insert.bind(1, task.name));
    SL_RETURN_IF_ERROR(insert.bind(2, task.variants[subgraph.variant.index()].name));
    SL_RETURN_IF_ERROR(insert.bind(3, static_cast<std::int64_t>(subgraph.stage.index())));
    SL_RETURN_IF_ERROR(insert.bind(4, soc_.processor(subgraph.processor).name));
    SL_RETURN_IF_ERROR(insert.bind(5, backend::provider_name(subgraph.provider)));
    SL_RETURN_IF_ERROR(insert.bind(6, l.median.count()));
    SL_RETURN_IF_ERROR(insert.bind(7, l.q1.count()));
    SL_RETURN_IF_ERROR(insert.bind(8, l.q3.count()));
    SL_RETURN_IF_ERROR(insert.bind(9, l.count));
    SL_RETURN_IF_ERROR(insert.bind(10, to_signed(l.resident.count)));
    SL_RETURN_IF_ERROR(insert.bind(11, l.conditions.steal));
    SL_RETURN_IF_ERROR(insert.bind(12, l.conditions.foreign));
    SL_RETURN_IF_ERROR(insert.bind(13, l.conditions.mhz));
    SL_RETURN_IF_ERROR(insert.bind(14, l.conditions.governor));
    SL_RETURN_IF_ERROR(insert.bind(15, to_string(l.left_out)));
    return insert.step().status();
  }

  Status write_row(Statement& insert, const SparsityEntry& entry) const {
    const zoo::Task& task = zoo_.task(entry.task);
    SL_RETURN_IF_ERROR(insert.reset());
    SL_RETURN_IF_ERROR(insert.bind(1, task.name));
    SL_RETURN_IF_ERROR(insert.bind(2, task.variants[entry.variant.index()].name));
    SL_RETURN_IF_ERROR(insert.bind(3, static_cast<std::int64_t>(entry.stage.index())));
    SL_RETURN_IF_ERROR(insert.bind(4, entry.sparsity.mean));
    SL_RETURN_IF_ERROR(insert.bind(5, entry.sparsity.samples));
    return insert.step().status();
  }

  Status write_row(Statement& insert, const AccuracyEntry& entry) const {
    const zoo::Task& task = zoo_.task(entry.task);
    SL_RETURN_IF_ERROR(insert.reset());
    SL_RETURN_IF_ERROR(insert.bind(1, task.name));
    SL_RETURN_IF_ERROR(insert.bind(2, to_string(entry.split)));
    SL_RETURN_IF_ERROR(insert.bind(3, zoo::describe(task, entry.sigma)));
    SL_RETURN_IF_ERROR(insert.bind(4, entry.accuracy.correct));
    SL_RETURN_IF_ERROR(insert.bind(5, entry.accuracy.samples));
    return insert.step().status();
  }

  template <typename Entry>
  Status write(std::string_view sql, std::span<const Entry> entries) {
    SL_ASSIGN_OR_RETURN(Transaction transaction, Transaction::begin(db_));
    {
      SL_ASSIGN_OR_RETURN(Statement insert, db_.prepare(sql));
      for (const Entry& entry : entries) SL_RETURN_IF_ERROR(write_row(insert, entry));
    }
    return transaction.commit();
  }

  const fs::path& path() const { return db_.path(); }

 private:
  static bool positive(double value) { return std::isfinite(value) && value > 0; }
  static bool share(double value) { return value >= 0 && value <= 1; }

  // A task, a stage and a processor in three columns from `column` on.
  std::optional<Contention::Stage> place_in(const Statement& rows, int column) const {
    const auto task = zoo_.find_task(rows.text(column));
    const auto processor = soc_.find(rows.text(column + 2));
    if (!task.ok() || !processor.ok()) return std::nullopt;
    const auto stage = stage_in(zoo_.task(*task), rows.integer(column + 1));
    if (!stage) return std::nullopt;
    return Contention::Stage{*task, zoo::StageId(*stage), *processor};
  }

  Status bind_place(Statement& insert, int column, const Contention::Stage& place) const {
    SL_RETURN_IF_ERROR(insert.bind(column, zoo_.task(place.task).name));
    SL_RETURN_IF_ERROR(insert.bind(column + 1, static_cast<std::int64_t>(place.stage.index())));
    return insert.bind(column + 2, soc_.processor(place.processor).name);
  }

  std::vector<Contention::Stage> all_places() const {
    std::vector<Contention::Stage> places;
    for (std::size_t t = 0; t < zoo_.tasks.size(); ++t) {
      for (std::size_t s = 0; s < zoo_.tasks[t].stages(); ++s) {
        for (std::size_t p = 0; p < soc_.processors.places(); ++p) {
          places.push_back({zoo::TaskId(t), zoo::StageId(s), soc::ProcessorId(p)});
        }
      }
    }
    return places;
  }

  Connection db_;
  const zoo::Zoo& zoo_;
  const soc::Soc& soc_;
};

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::open(const fs::path& path, const zoo::Zoo& zoo, const soc::Soc& soc) {
  std::error_code failure;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), failure);
  if (failure) return error(Code::kUnavailable, "{}: cannot create its folder: {}", path.string(), failure.message());
  if (fs::is_directory(path, failure)) return error(Code::kUnavailable, "{}: a folder, not a file", path.string());
  SL_ASSIGN_OR_RETURN(Connection connection, Connection::open(path));
  auto impl = std::make_unique<Impl>(std::move(connection), zoo, soc);
  SL_RETURN_IF_ERROR(impl->prepare());
  return Database(std::move(impl));
}

Status Database::read(Profile& profile) const {
  SL_RETURN_IF_ERROR(impl_->read_latencies(profile));
  SL_RETURN_IF_ERROR(impl_->read_sparsities(profile));
  SL_RETURN_IF_ERROR(impl_->read_estimates(profile));
  SL_RETURN_IF_ERROR(impl_->read_contention(profile));
  SL_RETURN_IF_ERROR(impl_->read_transfer(profile));
  return impl_->read_accuracies(profile);
}

Status Database::write(std::span<const LatencyEntry> entries) {
  return impl_->write("INSERT OR REPLACE INTO latency VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", entries);
}

Status Database::write(std::span<const SparsityEntry> entries) {
  return impl_->write("INSERT OR REPLACE INTO sparsity VALUES (?, ?, ?, ?, ?)", entries);
}

Status Database::write(std::span<const AccuracyEntry> entries) {
  return impl_->write("INSERT OR REPLACE INTO accuracy VALUES (?, ?, ?, ?, ?)", entries);
}

Status Database::write(zoo::TaskId task, std::span<const EstimateEntry> entries) {
  return impl_->replace_estimates(task, entries);
}

Status Database::write(const Contention& contention) { return impl_->replace(contention); }

Status Database::write(const TransferTimes& transfer) { return impl_->replace(transfer); }

Status Database::forget_other_estimates() { return impl_->forget_other_estimates(); }

const fs::path& Database::path() const { return impl_->path(); }

}  // namespace sparseloom::profile
