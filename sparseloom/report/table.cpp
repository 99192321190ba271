#include "sparseloom/report/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "sparseloom/base/printable.h"

namespace sparseloom::report {
namespace {

bool numeric(const std::string& cell) {
  return cell.empty() || cell == "-" || cell.find_first_not_of("0123456789.+-%/~ ") == std::string::npos;
}

}  // namespace

void Table::add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = printable(cell);
  rows_.push_back(std::move(row));
}

std::string Table::text() const {
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t c = 0; c < header_.size(); ++c) {
      std::size_t width = header_[c].size();
      bool right = true;
      for (const auto& r : rows_) {
        width = std::max(width, r[c].size());
        right = right && numeric(r[c]);
      }
      line += right ? fmt::format("{:>{}}", row[c], width) : fmt::format("{:<{}}", row[c], width);
      if (c + 1 < header_.size()) line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  add_line(header_);
  for (const auto& row : rows_) add_line(row);
  return text;
}

}  // namespace sparseloom::report
