#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "sparseloom/base/status.h"

namespace sparseloom {

/// A file's content, mapped read-only: pages are read when touched, shared between processes and dropped under memory
/// pressure. The file must not shrink while mapped (files that are replaced by renaming do not). Movable, not copyable.
class MappedFile {
 public:
  /// kNotFound, kUnavailable (cannot be read, not a regular file). An empty file maps to no bytes.
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  /// Page-aligned.
  std::span<const std::byte> bytes() const { return bytes_; }

  /// Takes the pages out of this process's resident memory; those touched again come back from the system's cache, or
  /// the disk. For content that has been read and will hardly be needed again.
  void release_pages() const;

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

}  // namespace sparseloom
