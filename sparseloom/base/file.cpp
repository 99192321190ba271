#include "sparseloom/base/file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "sparseloom/base/descriptor.h"

namespace sparseloom {
namespace fs = std::filesystem;
namespace {

Status io_error(const fs::path& path, std::string_view action, int code) {
  const Code kind = code == ENOENT                                        ? Code::kNotFound
                    : (code == ENOSPC || code == EDQUOT || code == EFBIG) ? Code::kResourceExhausted
                                                                          : Code::kUnavailable;
  return error(kind, "{}: cannot {}: {}", path.string(), action, std::strerror(code));
}

Status write_all(const fs::path& path, int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(path, "write", errno);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

// Beside the target, so that rename() never crosses file systems; unique per process and call.
fs::path beside(const fs::path& path) {
  static std::atomic<unsigned> counter{0};
  return path.parent_path() / fmt::format(".{}.{}.{}.tmp", path.filename().string(), ::getpid(), counter++);
}

// Gives what was made its place. An empty folder that stands there is filled and not replaced: whoever works in it
// would be left in one that is gone.
std::error_code put(const fs::path& made, const fs::path& target) {
  std::error_code failure, ignored;
  if (!fs::is_directory(target, ignored) || !fs::is_empty(target, ignored)) {
    fs::rename(made, target, failure);
    return failure;
  }
  std::vector<fs::path> names;
  for (const auto& entry : fs::directory_iterator(made, failure)) names.push_back(entry.path().filename());
  for (std::size_t i = 0; i < names.size(); ++i) {
    fs::rename(made / names[i], target / names[i], failure);
    if (!failure) continue;
    while (i-- > 0) fs::remove_all(target / names[i], ignored);
    break;
  }
  return failure;
}

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void update(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &length);
    std::string text;
    for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, FreeDigest> context_;
};

// Calls `consume` with successive chunks of the file.
template <typename Consume>
Status for_each_chunk(const fs::path& path, Consume consume) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return io_error(path, "open", errno);
  std::array<char, 1 << 16> chunk{};
  for (;;) {
    const ssize_t n = ::read(file.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(path, "read", errno);
    if (n == 0) return {};
    consume(std::string_view(chunk.data(), static_cast<std::size_t>(n)));
  }
}

}  // namespace

Result<std::string> read_file(const fs::path& path) {
  std::string content;
  SL_RETURN_IF_ERROR(for_each_chunk(path, [&](std::string_view chunk) { content += chunk; }));
  return content;
}

Result<FileWriter> FileWriter::create(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status existing = fs::status(path, ignored);
  const bool in_place = fs::exists(existing) && !fs::is_regular_file(existing);
  FileWriter writer;
  writer.path_ = path;
  if (!in_place) writer.temporary_ = beside(path);
  writer.fd_ = in_place ? ::open(path.c_str(), O_WRONLY | O_CLOEXEC)
                        : ::open(writer.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (writer.fd_ >= 0) return writer;
  const int reason = errno;
  writer.temporary_.clear();  // nothing to remove
  return io_error(path, in_place ? "open for writing" : "create", reason);
}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      fd_(std::exchange(other.fd_, -1)) {}

FileWriter::~FileWriter() {
  if (fd_ >= 0) ::close(fd_);
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove(temporary_, ignored);
}

Status FileWriter::write(std::string_view content) { return write_all(path_, fd_, content); }

Status FileWriter::commit() {
  if (!temporary_.empty() && ::fsync(fd_) != 0) return io_error(path_, "flush", errno);
  if (::close(std::exchange(fd_, -1)) != 0) return io_error(path_, "close", errno);
  if (temporary_.empty()) return {};
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return io_error(path_, "replace", errno);
  temporary_.clear();
  return {};
}

Status write_file(const fs::path& path, std::string_view content) {
  SL_ASSIGN_OR_RETURN(FileWriter file, FileWriter::create(path));
  SL_RETURN_IF_ERROR(file.write(content));
  return file.commit();
}

Status write_folder(const fs::path& path, const std::function<Status(const fs::path&)>& fill, OtherFolder other) {
  std::error_code failure;
  fs::path target = fs::weakly_canonical(fs::absolute(path, failure), failure);  // links followed: they stay links
  if (failure) return io_error(path, "create folder", failure.value());
  if (target.filename().empty()) target = target.parent_path();
  const fs::path temporary = beside(target);
  fs::create_directories(temporary, failure);
  if (failure) return io_error(path, "create folder", failure.value());
  Status status = fill(temporary);
  if (status.ok()) {
    failure = put(temporary, target);
    const bool taken = failure == std::errc::directory_not_empty || failure == std::errc::file_exists;
    if (failure && !(taken && other == OtherFolder::kStays)) status = io_error(path, "create folder", failure.value());
  }
  std::error_code ignored;
  fs::remove_all(temporary, ignored);
  return status;
}

std::string checksum(std::string_view content) {
  const XXH128_hash_t hash = XXH3_128bits(content.data(), content.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string sha256(std::string_view content) {
  Sha256 hash;
  hash.update(content);
  return hash.hex();
}

Result<std::string> sha256_file(const fs::path& path) {
  Sha256 hash;
  SL_RETURN_IF_ERROR(for_each_chunk(path, [&](std::string_view chunk) { hash.update(chunk); }));
  return hash.hex();
}

Result<fs::path> cache_folder() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const std::string own = variable("SPARSELOOM_CACHE_DIR"); !own.empty()) return fs::path(own);
  if (const std::string xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) return fs::path(xdg) / "sparseloom";
  if (const std::string home = variable("HOME"); !home.empty()) return fs::path(home) / ".cache" / "sparseloom";
  return error(Code::kFailedPrecondition, "no cache folder: set SPARSELOOM_CACHE_DIR, XDG_CACHE_HOME or HOME");
}

Status check_folder(const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) return error(Code::kUnavailable, "{}: cannot be made: {}", folder.string(), failure.message());
  const std::filesystem::path probe = folder / fmt::format(".probe-{}", ::getpid());
  Status status = write_file(probe, std::string(1 << 16, ' '));
  std::filesystem::remove(probe, failure);
  return status;
}

}  // namespace sparseloom
