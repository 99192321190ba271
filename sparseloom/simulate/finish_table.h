#pragma once

#include <deque>
#include <string>
#include <vector>

#include "sparseloom/base/file.h"
#include "sparseloom/base/units.h"

namespace sparseloom::simulate {

/// Writes a CSV with a column per policy and a row per request in the order of their ids: finish times in seconds,
/// printed so that they read back exactly. A row is written once all policies have finished it, so memory follows the
/// requests between the first unfinished and the last.
class FinishTable {
 public:
  /// Errors: those of FileWriter::create.
  static Result<FinishTable> create(const std::filesystem::path& path, const std::vector<std::string_view>& policies);

  void finished(std::size_t policy, std::size_t row, Seconds at);
  /// Writes what is complete, if that has grown large. Call it now and then.
  Status flush_some();
  /// All rows are complete.
  Status commit();

 private:
  FinishTable(FileWriter file, std::size_t policies) : file_(std::move(file)), policies_(policies) {}
  void print_complete_rows();

  FileWriter file_;
  std::size_t policies_;
  std::size_t first_row_ = 0;         // that is not printed
  std::deque<double> times_;          // row by row from that one on
  std::deque<std::size_t> finished_;  // by row: how many policies have
  std::string text_;                  // printed and not written
};

}  // namespace sparseloom::simulate
