#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "sparseloom/base/status.h"
#include "sparseloom/base/units.h"

namespace sparseloom {

/// Whole content of a regular file. kNotFound if absent, kUnavailable if it cannot be read.
Result<std::string> read_file(const std::filesystem::path& path);

/// Writes `content`. A regular (or absent) file is written beside and renamed, so that a reader sees the old or the new
/// content and a crash leaves the old; anything else (a pipe, a device) is written in place.
/// kUnavailable (read-only, no such folder), kResourceExhausted (disk full).
Status write_file(const std::filesystem::path& path, std::string_view content);

/// Whether files of some size can be made in `folder`, which is made if need be; leaves none. kUnavailable,
/// kResourceExhausted.
Status check_folder(const std::filesystem::path& folder);

/// Writes a file bit by bit with write_file's promises: until commit() a reader sees the old content, and without it
/// the old content stays. Not thread-safe.
class FileWriter {
 public:
  /// Errors: those of write_file.
  static Result<FileWriter> create(const std::filesystem::path& path);
  FileWriter(FileWriter&& other) noexcept;
  FileWriter& operator=(FileWriter&&) = delete;
  ~FileWriter();

  Status write(std::string_view content);
  /// Everything has been written; no other call may follow.
  Status commit();

 private:
  FileWriter() = default;
  std::filesystem::path path_, temporary_;  // no temporary: written in place
  int fd_ = -1;
};

/// What write_folder does when a folder with content stands at its path once it is done.
enum class OtherFolder {
  kFails,
  kStays  ///< somebody else has made the same: theirs is as good, ours is dropped
};

/// Lets `fill` write any files into a fresh folder beside `path`, then renames it to `path`. If an empty folder (or a
/// link to one) stands there, the files are moved into it. On failure none of them is left at `path`.
Status write_folder(const std::filesystem::path& path, const std::function<Status(const std::filesystem::path&)>& fill,
                    OtherFolder other = OtherFolder::kFails);

/// Lower-case hexadecimal SHA-256.
std::string sha256(std::string_view content);
Result<std::string> sha256_file(const std::filesystem::path& path);

/// 32 lower-case hexadecimal digits that notice damage at the speed of memory: XXH3, 128 bits. For files of our own
/// that can be made anew; it does not withstand intent.
std::string checksum(std::string_view content);

/// Per-user cache folder for sparseloom: $SPARSELOOM_CACHE_DIR, else $XDG_CACHE_HOME/sparseloom, else
/// ~/.cache/sparseloom. kFailedPrecondition if none of the variables (nor HOME) is set.
Result<std::filesystem::path> cache_folder();

}  // namespace sparseloom
