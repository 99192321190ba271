#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sparseloom/eval/grid.h"
#include "sparseloom/eval/profiling.h"

namespace sparseloom::eval {

/// The rows of an evaluation and its trials of the estimator in a file (docs/evaluation.md), so that one that was
/// stopped goes on where it was. The file always holds whole cells and whole trials: it is written beside and renamed
/// after each. Not thread-safe.
class Journal {
 public:
  /// Reads what `file` has of the evaluation that `inputs` describes (program, machines and their profiles, zoo,
  /// options), or begins an empty one. kFailedPrecondition if the file is of another one: the first input that differs
  /// is named. kMalformed.
  static Result<Journal> open(std::filesystem::path file, const Json& inputs);

  const std::vector<Row>& rows() const { return rows_; }
  bool has(const std::string& soc, plan::GridCell cell) const;
  /// Keeps the rows of one cell. Errors: those of write_file.
  Status add(const std::vector<Row>& rows);
  const std::vector<EstimatorTrial>& trials() const { return trials_; }
  bool has_trial(const std::string& task, std::size_t variants) const;
  /// Keeps a trial. Errors: those of write_file.
  Status add(EstimatorTrial trial);
  /// Nothing is missing any more.
  Status complete();

 private:
  Status write(bool complete) const;

  std::filesystem::path file_;
  Json inputs_;
  std::vector<Row> rows_;
  std::vector<EstimatorTrial> trials_;
};

}  // namespace sparseloom::eval
