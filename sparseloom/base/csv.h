#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/base/status.h"

namespace sparseloom {

/// A field of a CSV line in quotes, as a name that may hold commas and quotes must be.
std::string csv_quoted(std::string text);

/// Reads a CSV file of plain cells (no quotes) row by row, in constant memory: a file may be larger than memory, or a
/// pipe. Lines end with LF or CRLF; a byte order mark is skipped; empty lines at the end are, too. Errors name file,
/// line and column.
class CsvReader {
 public:
  /// Opens the file and reads its header. kNotFound, kUnavailable; kMalformed if it is empty or names a column twice.
  static Result<CsvReader> open(const std::filesystem::path& path);

  const std::vector<std::string>& columns() const { return columns_; }

  /// Positions of `wanted` in a row, in that order. kMalformed if one is missing, or if the file has another besides.
  Result<std::vector<std::size_t>> only(const std::vector<std::string_view>& wanted) const;

  /// Reads the next row: false at the end. kMalformed if it has more or fewer cells than the header, kUnavailable if
  /// reading fails.
  Result<bool> next();

  /// A cell of the row just read; valid until the next call of next().
  std::string_view cell(std::size_t column) const { return cells_[column]; }
  /// The same as a number; kMalformed for anything else, NaN and infinity included.
  Result<double> number(std::size_t column) const;
  /// The same as a whole number from 0 to `most`.
  Result<std::uint64_t> index(std::size_t column, std::uint64_t most) const;

  /// "FILE:LINE: column 'NAME'", for errors about a cell of the row just read.
  std::string where(std::size_t column) const;
  /// Of the row just read; the header is line 1.
  std::uint64_t line() const { return line_number_; }
  /// "FILE:LINE", of the row just read.
  std::string where() const;

 private:
  CsvReader() = default;
  Result<bool> read_line();
  void split();

  static constexpr std::size_t kLongestLine = 1 << 16;

  std::filesystem::path path_;
  std::unique_ptr<std::ifstream> file_;
  std::vector<std::string> columns_;
  std::string buffer_;  // what has been read of the file and not used
  std::size_t at_ = 0;  // the first unused byte of it
  std::uint64_t line_number_ = 0;
  std::string_view line_;
  std::vector<std::string_view> cells_;
};

}  // namespace sparseloom
