#include "sparseloom/base/csv.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace sparseloom {
namespace {

constexpr std::size_t kChunk = 1 << 18;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

Result<CsvReader> CsvReader::open(const std::filesystem::path& path) {
  CsvReader reader;
  reader.path_ = path;
  std::error_code failed;
  if (!std::filesystem::exists(path, failed)) return error(Code::kNotFound, "{}: no such file", path.string());
  if (std::filesystem::is_directory(path, failed)) {
    return error(Code::kUnavailable, "{}: a folder; allowed: a CSV file", path.string());
  }
  reader.file_ = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!*reader.file_) return error(Code::kUnavailable, "{}: cannot be read", path.string());
  SL_ASSIGN_OR_RETURN(const bool any, reader.read_line());
  if (!any) return error(Code::kMalformed, "{}: empty; allowed: a header and rows", path.string());
  if (reader.line_.starts_with(kByteOrderMark)) reader.line_.remove_prefix(kByteOrderMark.size());
  reader.split();
  reader.columns_.assign(reader.cells_.begin(), reader.cells_.end());
  for (std::size_t c = 0; c < reader.columns_.size(); ++c) {
    if (std::count(reader.columns_.begin(), reader.columns_.end(), reader.columns_[c]) == 1) continue;
    return error(Code::kMalformed, "{}: column '{}' appears twice", reader.where(), reader.columns_[c]);
  }
  return reader;
}

Result<std::vector<std::size_t>> CsvReader::only(const std::vector<std::string_view>& wanted) const {
  std::vector<std::size_t> positions;
  for (const std::string_view name : wanted) {
    const auto found = std::find(columns_.begin(), columns_.end(), name);
    if (found == columns_.end()) {
      return error(Code::kMalformed, "{}:1: column '{}' is missing; got: {}; allowed: {}", path_.string(), name,
                   fmt::join(columns_, ", "), fmt::join(wanted, ", "));
    }
    positions.push_back(static_cast<std::size_t>(found - columns_.begin()));
  }
  for (const std::string& name : columns_) {
    if (std::find(wanted.begin(), wanted.end(), name) != wanted.end()) continue;
    return error(Code::kMalformed, "{}:1: unexpected column '{}'; allowed: {}", path_.string(), name,
                 fmt::join(wanted, ", "));
  }
  return positions;
}

// Leaves the next line, without its end, in line_.
Result<bool> CsvReader::read_line() {
  const auto too_long = [&] {
    return error(Code::kMalformed, "{}:{}: a line of more than {} bytes", path_.string(), line_number_ + 1,
                 kLongestLine);
  };
  std::size_t end = std::string::npos;
  for (std::size_t from = at_; (end = buffer_.find('\n', from)) == std::string::npos;) {
    if (buffer_.size() - at_ > kLongestLine) return too_long();
    buffer_.erase(0, at_);
    at_ = 0;
    from = buffer_.size();
    buffer_.resize(from + kChunk);
    file_->read(buffer_.data() + from, kChunk);
    if (file_->bad()) return error(Code::kUnavailable, "{}: reading failed", path_.string());
    buffer_.resize(from + static_cast<std::size_t>(file_->gcount()));
    if (buffer_.size() > from) continue;
    if (buffer_.empty()) return false;
    end = buffer_.size();  // the last line has no end
    break;
  }
  if (end - at_ > kLongestLine) return too_long();
  line_ = std::string_view(buffer_).substr(at_, end - at_);
  at_ = std::min(end + 1, buffer_.size());
  if (line_.ends_with('\r')) line_.remove_suffix(1);
  ++line_number_;
  return true;
}

void CsvReader::split() {
  cells_.clear();
  std::string_view rest = line_;
  for (std::size_t comma = 0; (comma = rest.find(',')) != std::string_view::npos; rest.remove_prefix(comma + 1)) {
    cells_.push_back(rest.substr(0, comma));
  }
  cells_.push_back(rest);
}

Result<bool> CsvReader::next() {
  SL_ASSIGN_OR_RETURN(bool any, read_line());
  if (!any) return false;
  if (line_.empty()) {
    const std::uint64_t empty = line_number_;
    while (any && line_.empty()) {
      SL_ASSIGN_OR_RETURN(any, read_line());
    }
    if (!any) return false;
    return error(Code::kMalformed, "{}:{}: an empty line; allowed: at the end only", path_.string(), empty);
  }
  split();
  if (cells_.size() == columns_.size()) return true;
  return error(Code::kMalformed, "{}: {} cells; the header has {} ({})", where(), cells_.size(), columns_.size(),
               fmt::join(columns_, ", "));
}

Result<double> CsvReader::number(std::size_t column) const {
  const std::string_view text = cells_[column];
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure == std::errc() && end == text.data() + text.size() && std::isfinite(value)) return value;
  return error(Code::kMalformed, "{}: got '{}'; allowed: a finite number", where(column), text);
}

Result<std::uint64_t> CsvReader::index(std::size_t column, std::uint64_t most) const {
  const std::string_view text = cells_[column];
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure == std::errc() && end == text.data() + text.size() && value <= most) return value;
  return error(Code::kMalformed, "{}: got '{}'; allowed: a whole number, 0..{}", where(column), text, most);
}

std::string CsvReader::where(std::size_t column) const {
  return fmt::format("{}: column '{}'", where(), columns_[column]);
}

std::string CsvReader::where() const { return fmt::format("{}:{}", path_.string(), line_number_); }

std::string csv_quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) text.insert(at, 1, '"');
  return '"' + text + '"';
}

}  // namespace sparseloom
