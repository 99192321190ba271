#include "sparseloom/soc/sysfs.h"

#include <algorithm>
#include <charconv>

#include "sparseloom/base/file.h"
#include "sparseloom/base/printable.h"

namespace sparseloom::soc {
namespace fs = std::filesystem;

Result<std::string> read_line(const fs::path& path) {
  SL_ASSIGN_OR_RETURN(std::string text, read_file(path));
  text.resize(std::min(text.find('\n'), text.size()));
  return text;
}

Result<std::int64_t> read_number(const fs::path& path) {
  SL_ASSIGN_OR_RETURN(const std::string line, read_line(path));
  std::int64_t value = 0;
  const char* const end = line.data() + line.size();
  const auto [last, failure] = std::from_chars(line.data(), end, value);
  if (failure == std::errc() && last == end) return value;
  return error(Code::kMalformed, "{}: '{}' is no whole number", path.string(), printable(line));
}

std::vector<fs::path> entries(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().filename().string().starts_with(prefix)) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace sparseloom::soc
