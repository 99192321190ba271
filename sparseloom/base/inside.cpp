#include "sparseloom/base/inside.h"

#include <algorithm>
#include <system_error>

namespace sparseloom {
namespace fs = std::filesystem;

std::string path_problem(std::string_view path) {
  if (path.empty()) return "an empty path";
  if (path.front() == '/') return fmt::format("'{}' is absolute; paths are relative to this file's folder", path);
  if (path.find('\\') != std::string_view::npos || path.find('\0') != std::string_view::npos) {
    return "a path with a backslash or a NUL; parts are separated by '/'";
  }
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, end - start);
    if (part.empty() || part == "." || part == "..") {
      return fmt::format("'{}' has a part '{}'; paths stay inside this file's folder", path, part);
    }
    start = end + 1;
  }
  return {};
}

Status check_inside(const fs::path& folder, const fs::path& path) {
  std::error_code failure;
  const fs::path real = fs::weakly_canonical(path, failure);
  if (failure) return error(Code::kUnavailable, "{}: {}", path.string(), failure.message());
  const fs::path root = fs::weakly_canonical(folder.empty() ? fs::path(".") : folder, failure);
  if (failure) return error(Code::kUnavailable, "{}: {}", folder.string(), failure.message());
  if (std::mismatch(root.begin(), root.end(), real.begin(), real.end()).first == root.end()) return {};
  return error(Code::kFailedPrecondition, "{}: leads to {}; nothing outside {} is read", path.string(), real.string(),
               root.string());
}

}  // namespace sparseloom
