#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "sparseloom/base/status.h"

namespace sparseloom {

/// A folder among the system's temporary ones that vanishes with the object.
class ScratchFolder {
 public:
  static Result<ScratchFolder> make() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sparseloom-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) return error(Code::kUnavailable, "{}: cannot make a folder", pattern);
    return ScratchFolder(pattern);
  }
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder& operator=(ScratchFolder&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace sparseloom
