#include "sparseloom/profile/measure/memory.h"

#include <malloc.h>

#include <fstream>
#include <string>
#include <system_error>

namespace sparseloom::profile {
namespace {

// "7f..-7f.. r--p 00000000 08:01 123   /path": the header line of one mapping; empty path for anonymous ones.
std::string mapped_path(const std::string& line) {
  const std::size_t slash = line.find(" /");
  return slash == std::string::npos ? std::string() : line.substr(slash + 1);
}

bool is_header(const std::string& line) {
  const std::size_t dash = line.find('-');
  const std::size_t space = line.find(' ');
  return dash != std::string::npos && space != std::string::npos && dash < space && line.find(':') > space;
}

Bytes mapped_below(const std::vector<std::string>& folders) {
  std::ifstream smaps("/proc/self/smaps");
  bool counted = false;
  Bytes total;
  for (std::string line; std::getline(smaps, line);) {
    if (is_header(line)) {
      const std::string path = mapped_path(line);
      counted = false;
      for (const std::string& folder : folders) counted = counted || path.starts_with(folder);
    } else if (counted && line.starts_with("Rss:")) {
      constexpr std::uint64_t kKib = 1024;
      total += Bytes{std::stoull(line.substr(4)) * kKib};
    }
  }
  return total;
}

}  // namespace

Bytes memory_in_use(const std::vector<std::filesystem::path>& folders) {
  std::vector<std::string> prefixes;
  for (const auto& folder : folders) {
    std::error_code failure;
    const auto absolute = std::filesystem::weakly_canonical(folder, failure);
    if (!failure && !absolute.empty()) prefixes.push_back(absolute.string() + "/");
  }
  const struct mallinfo2 info = ::mallinfo2();
  return Bytes{info.uordblks + info.hblkhd} + mapped_below(prefixes);
}

Bytes growth(Bytes before, Bytes after) { return {after.count > before.count ? after.count - before.count : 0}; }

}  // namespace sparseloom::profile
