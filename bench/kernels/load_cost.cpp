#include "bench/kernels/load_cost.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <type_traits>

#include "sparseloom/base/thread.h"
#include "sparseloom/profile/measure/memory.h"
#include "sparseloom/zoo/chain.h"

namespace sparseloom::bench::kernels {
namespace {

Result<LoadCost> load(const std::filesystem::path& model, const backend::CompileOptions& options) {
  const std::vector<CpuIndex> cpus = allowed_cpus();
  SL_RETURN_IF_ERROR(pin_this_thread({cpus.begin(), cpus.begin() + options.threads}));
  SL_ASSIGN_OR_RETURN(const auto runtime, backend::make_runtime("openvino"));
  runtime->devices();  // starts the plugin
  const std::vector<std::filesystem::path> mapped{options.cache_dir, std::filesystem::absolute(model).parent_path()};
  const Bytes before = profile::memory_in_use(mapped);
  const auto start = std::chrono::steady_clock::now();
  SL_ASSIGN_OR_RETURN(std::shared_ptr<backend::Executable> executable, runtime->load(model, options));
  LoadCost cost{
      .time = std::chrono::steady_clock::now() - start, .resident = {}, .sparse_layers = executable->sparse_layers()};
  SL_ASSIGN_OR_RETURN(zoo::Chain chain, zoo::Chain::bind({executable}));
  SL_RETURN_IF_ERROR(chain.run());
  executable->trim();
  cost.resident = profile::growth(before, profile::memory_in_use(mapped));
  return cost;
}

/// What a child sends: whether it succeeded, then the cost or the message.
void send(int pipe, const Result<LoadCost>& result) {
  static_assert(std::is_trivially_copyable_v<LoadCost>);
  std::string bytes(1, result.ok() ? '\1' : '\0');
  if (result.ok()) {
    bytes.append(reinterpret_cast<const char*>(&*result), sizeof(LoadCost));
  } else {
    bytes += result.status().message();
  }
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t written = ::write(pipe, bytes.data() + sent, bytes.size() - sent);
    if (written < 0 && errno != EINTR) return;
    if (written > 0) sent += static_cast<std::size_t>(written);
  }
}

std::string receive_all(int pipe) {
  std::string bytes;
  char buffer[4096];
  for (;;) {
    const ssize_t read = ::read(pipe, buffer, sizeof buffer);
    if (read < 0 && errno == EINTR) continue;
    if (read <= 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(read));
  }
}

}  // namespace

Result<LoadCost> measure_load(const std::filesystem::path& model, const backend::CompileOptions& options) {
  int ends[2];
  if (::pipe(ends) != 0) return error(Code::kUnavailable, "cannot make a pipe: {}", std::strerror(errno));
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    send(ends[1], load(model, options));
    ::_exit(0);  // what the parent has open is the parent's to close
  }
  ::close(ends[1]);
  const std::string bytes = child < 0 ? std::string() : receive_all(ends[0]);
  ::close(ends[0]);
  if (child < 0) return error(Code::kUnavailable, "cannot start a process: {}", std::strerror(errno));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (bytes.empty())
    return error(Code::kInternal, "{}: the process that loads it died (status {})", model.string(), status);
  if (bytes[0] == '\0') return Status(Code::kUnavailable, bytes.substr(1));
  LoadCost cost;
  if (bytes.size() != 1 + sizeof cost) return error(Code::kInternal, "{}: no figures of the load", model.string());
  std::memcpy(&cost, bytes.data() + 1, sizeof cost);
  return cost;
}

}  // namespace sparseloom::bench::kernels
