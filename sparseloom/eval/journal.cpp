#include "sparseloom/eval/journal.h"

#include <algorithm>

#include "sparseloom/base/file.h"

namespace sparseloom::eval {
namespace {

constexpr int kFormatVersion = 1;

}  // namespace

Result<Journal> Journal::open(std::filesystem::path file, const Json& inputs) {
  Journal journal;
  journal.file_ = std::move(file);
  journal.inputs_ = inputs;
  std::error_code ignored;
  if (!std::filesystem::exists(journal.file_, ignored)) return journal;
  SL_ASSIGN_OR_RETURN(const Json document, read_json(journal.file_));
  const std::string where = journal.file_.string();
  JsonObject object(document, where);
  const std::int64_t version = object.integer("format_version");
  object.boolean("complete");
  const Json* kept = object.object("inputs");
  const auto rows = object.array("rows");
  using Places = decltype(object.array("estimator"));
  const Places trials = object.has("estimator") ? object.array("estimator") : Places();  // older files have none
  SL_RETURN_IF_ERROR(object.finish());
  if (version != kFormatVersion) {
    return error(Code::kFailedPrecondition, "{}: format version {}; this program reads {}", where, version,
                 kFormatVersion);
  }
  for (const auto& [key, value] : inputs.items()) {
    if (kept->contains(key) && kept->at(key) == value) continue;
    return error(Code::kFailedPrecondition,
                 "{}: of another evaluation: {} is {} there and {} here; use another folder, or remove it", where, key,
                 kept->contains(key) ? kept->at(key).dump() : "missing", value.dump());
  }
  for (const auto& [row, place] : rows) {
    SL_ASSIGN_OR_RETURN(Row read, row_from_json(*row, place));
    journal.rows_.push_back(std::move(read));
  }
  for (const auto& [trial, place] : trials) {
    SL_ASSIGN_OR_RETURN(EstimatorTrial read, trial_from_json(*trial, place));
    journal.trials_.push_back(std::move(read));
  }
  return journal;
}

bool Journal::has(const std::string& soc, plan::GridCell cell) const {
  return std::any_of(rows_.begin(), rows_.end(), [&](const Row& r) { return r.soc == soc && r.cell == cell; });
}

Status Journal::add(const std::vector<Row>& rows) {
  rows_.insert(rows_.end(), rows.begin(), rows.end());
  return write(false);
}

bool Journal::has_trial(const std::string& task, std::size_t variants) const {
  return std::any_of(trials_.begin(), trials_.end(),
                     [&](const EstimatorTrial& t) { return t.task == task && t.variants == variants; });
}

Status Journal::add(EstimatorTrial trial) {
  trials_.push_back(std::move(trial));
  return write(false);
}

Status Journal::complete() { return write(true); }

Status Journal::write(bool complete) const {
  Json rows = Json::array(), trials = Json::array();
  for (const Row& row : rows_) rows.push_back(to_json(row));
  for (const EstimatorTrial& trial : trials_) trials.push_back(to_json(trial));
  const Json document{{"format_version", kFormatVersion},
                      {"complete", complete},
                      {"inputs", inputs_},
                      {"rows", std::move(rows)},
                      {"estimator", std::move(trials)}};
  return write_file(file_, document.dump(1) + "\n");
}

}  // namespace sparseloom::eval
