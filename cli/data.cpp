#include "cli/data.h"

#include <cstdlib>
#include <system_error>

namespace sparseloom::cli {
namespace fs = std::filesystem;

fs::path program_folder() {
  std::error_code unknown;
  return fs::read_symlink("/proc/self/exe", unknown).parent_path();
}

std::vector<fs::path> data_folders(const fs::path& variable, const fs::path& program) {
  std::vector<fs::path> folders;
  if (!variable.empty()) folders.push_back(variable);
  folders.emplace_back();  // what is below it is then relative to the working directory, and messages stay short
  if (program.empty()) return folders;
  std::error_code ignored;
  const fs::path build = program.parent_path();
  if (fs::exists(build / "CMakeCache.txt", ignored)) {  // build/<preset>/bin
    folders.push_back(build.parent_path().parent_path());
  } else {
    folders.push_back(build / "share" / "sparseloom");
  }
  return folders;
}

std::vector<fs::path> data_folders() {
  const char* const variable = std::getenv("SPARSELOOM_DATA_DIR");
  return data_folders(variable == nullptr ? "" : variable, program_folder());
}

}  // namespace sparseloom::cli
