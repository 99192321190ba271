// Trace and request files, parted by a zero byte: whatever the bytes, reading them ends in one line that says what is
// wrong, or in requests that every policy runs to their end.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "sparseloom/simulate/benchmark.h"

namespace {

using namespace sparseloom;

/// A folder of this process.
const std::filesystem::path& folder() {
  static const std::filesystem::path path = [] {
    std::string pattern = (std::filesystem::temp_directory_path() / "sparseloom-fuzz-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    std::filesystem::create_directory(pattern + "/traces");
    std::atexit([] { std::filesystem::remove_all(folder()); });
    return std::filesystem::path(pattern);
  }();
  return path;
}

bool says_why(const Status& status) { return !status.message().empty() && status.code() != Code::kInternal; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t part = std::min(text.find('\0'), size);
  std::ofstream(folder() / "traces/net_a.csv", std::ios::binary) << text.substr(0, part);
  std::ofstream(folder() / "requests.csv", std::ios::binary) << text.substr(std::min(part + 1, size));

  const auto benchmark = simulate::Benchmark::load(folder() / "traces");
  if (!benchmark.ok()) {
    if (!says_why(benchmark.status())) std::abort();
    return 0;
  }
  auto requests = simulate::RequestFile::open(folder() / "requests.csv", **benchmark);
  if (!requests.ok()) {
    if (!says_why(requests.status())) std::abort();
    return 0;
  }
  const simulate::Stage stage{(*benchmark)->plan(), soc::Pools{{{soc::ProcessorId(0)}}, {0}},
                              simulate::Admission::kBenchmark, **benchmark};
  const auto results = simulate::compare_policies(stage, sched::policy_names(), *requests, {});
  if (!results.ok() && !says_why(results.status())) std::abort();
  return 0;
}
