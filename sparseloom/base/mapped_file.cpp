#include "sparseloom/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "sparseloom/base/descriptor.h"

namespace sparseloom {
namespace {

Status cannot_map(const std::filesystem::path& path, int reason) {
  return error(reason == ENOENT ? Code::kNotFound : Code::kUnavailable, "{}: cannot map: {}", path.string(),
               std::strerror(reason));
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return cannot_map(path, errno);
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) return cannot_map(path, errno);
  if (!S_ISREG(about.st_mode)) return error(Code::kUnavailable, "{}: cannot map: not a regular file", path.string());
  const auto size = static_cast<std::size_t>(about.st_size);
  if (size == 0) return MappedFile();
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) return cannot_map(path, errno);
  return MappedFile({static_cast<const std::byte*>(data), size});
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

void MappedFile::release_pages() const {
  // Never written to, so there is nothing to lose.
  if (!bytes_.empty()) ::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace sparseloom
