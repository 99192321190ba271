#pragma once

#include <string>
#include <vector>

namespace sparseloom::report {

/// A table for people: columns aligned, the ones whose cells all look like numbers to the right. Plain text, control
/// characters escaped.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void add(std::vector<std::string> row);
  std::string text() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace sparseloom::report
