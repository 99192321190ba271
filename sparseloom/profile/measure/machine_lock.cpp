#include "sparseloom/profile/measure/machine_lock.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>
#include <thread>
#include <utility>

namespace sparseloom::profile {
namespace {

// Any user may lock it and write who holds it. A file that another user made is opened without asking to create it:
// in a folder that all may write to, Linux refuses the latter.
Result<std::unique_ptr<Descriptor>> open_for_all(const std::filesystem::path& path) {
  constexpr mode_t kAll = 0666;
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
  auto file = std::make_unique<Descriptor>(::open(path.c_str(), kFlags));
  if (file->get() < 0 && errno == ENOENT) {
    file = std::make_unique<Descriptor>(::open(path.c_str(), kFlags | O_CREAT, kAll));
    if (file->get() >= 0) (void)::fchmod(file->get(), kAll);  // whatever the umask
  }
  if (file->get() < 0) {
    return error(Code::kUnavailable, "{}: cannot open it to lock this machine for measuring: {}", path.string(),
                 std::strerror(errno));
  }
  return file;
}

void write_holder(int file, const std::string& who) {
  const std::time_t now = std::time(nullptr);
  const std::string text = fmt::format("process {} ({}, since {:%H:%M})", ::getpid(), who, fmt::localtime(now));
  // It only informs: what cannot be written is not worth failing for.
  if (::ftruncate(file, 0) == 0) (void)!::pwrite(file, text.data(), text.size(), 0);
}

std::string holder(int file) {
  std::array<char, 200> text{};
  const ssize_t count = ::pread(file, text.data(), text.size(), 0);
  std::string name(text.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return c < ' '; }, ' ');
  return (name.empty() ? "another process" : name) + " is measuring on this machine";
}

}  // namespace

std::filesystem::path default_lock_file() {
  std::error_code none;
  const std::filesystem::path locks = "/run/lock";
  return (std::filesystem::is_directory(locks, none) ? locks : std::filesystem::path("/tmp")) / "sparseloom-measuring";
}

Result<MachineLock> MachineLock::acquire(const LockOptions& options, const Control& control) {
  constexpr std::chrono::milliseconds kBetweenTries{50};
  const std::filesystem::path path = options.file.empty() ? default_lock_file() : options.file;
  SL_ASSIGN_OR_RETURN(auto file, open_for_all(path));
  bool waited = false;
  while (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK)
      return error(Code::kUnavailable, "{}: cannot lock: {}", path.string(), std::strerror(errno));
    const std::string who = holder(file->get());
    if (!options.wait) return error(Code::kUnavailable, "{}", who);
    if (control.stopped()) return Status(Code::kCancelled, "stopped");
    if (std::exchange(waited, true)) {
      std::this_thread::sleep_for(kBetweenTries);
    } else if (control.on_progress) {
      Progress progress;
      progress.what = who + "; waiting for it to end";
      control.on_progress(progress);
    }
  }
  write_holder(file->get(), options.who);
  return MachineLock(std::move(file), waited);
}

}  // namespace sparseloom::profile
