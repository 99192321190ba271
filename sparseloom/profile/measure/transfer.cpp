#include "sparseloom/profile/measure/transfer.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "sparseloom/base/statistics.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/profile/measure/stages.h"

namespace sparseloom::profile {
namespace {

constexpr std::int64_t kSmall = 256, kLarge = 262'144;  // f32 elements
constexpr int kRounds = 15;

// What one copy of so many elements takes: the mean over both directions of the median.
Result<double> time_copies(backend::Executable& executable, std::int64_t elements) {
  SL_ASSIGN_OR_RETURN(const auto tensor, executable.new_tensor({"probe", ElementType::kF32, {elements}}));
  HostBuffer buffer(tensor->spec().bytes());
  std::vector<double> up, down;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    SL_RETURN_IF_ERROR(tensor->upload(buffer.span()));
    const auto uploaded = std::chrono::steady_clock::now();
    SL_RETURN_IF_ERROR(tensor->download(buffer.span()));
    const auto downloaded = std::chrono::steady_clock::now();
    if (round == 0) continue;  // what it allocates, it allocates now
    up.push_back(Seconds(uploaded - start).count());
    down.push_back(Seconds(downloaded - uploaded).count());
  }
  return (quartiles(std::move(up)).median + quartiles(std::move(down)).median) / 2;
}

Result<std::vector<Bytes>> boundary_bytes(const backend::Runtime& runtime, zoo::PieceStore& pieces, zoo::TaskId task,
                                          std::size_t stages) {
  std::vector<Bytes> sizes;
  for (std::size_t s = 1; s < stages; ++s) {
    SL_ASSIGN_OR_RETURN(const auto path, pieces.piece(task, zoo::VariantId(0), zoo::StageId(s)));
    SL_ASSIGN_OR_RETURN(const auto model, runtime.read(path));
    Bytes sum;
    for (const backend::EdgeId input : model->graph().inputs) sum += {model->graph().edge(input).spec.bytes()};
    sizes.push_back(sum);
  }
  return sizes;
}

// Some subgraph that was measured there: what it is does not matter.
std::optional<soc::SubgraphKey> any_subgraph(const soc::Soc& soc, const Profile& profile, soc::ProcessorId place) {
  for (std::size_t t = 0; t < profile.tasks.size(); ++t) {
    const TaskProfile& task = profile.tasks[t];
    for (std::size_t n = 0; n < task.variants() * task.stages(); ++n) {
      for (const backend::Provider b : soc.processor(place).providers) {
        const soc::SubgraphKey key{zoo::TaskId(t), zoo::VariantId(n / task.stages()), zoo::StageId(n % task.stages()),
                                   place, b};
        if (profile.latency(key).count > 0) return key;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

Result<CopyTimes> time_copies(backend::Executable& executable) {
  SL_ASSIGN_OR_RETURN(const double small, time_copies(executable, kSmall));
  SL_ASSIGN_OR_RETURN(const double large, time_copies(executable, kLarge));
  return CopyTimes{Seconds(small), std::max(0.0, large - small) / static_cast<double>(4 * (kLarge - kSmall))};
}

bool lacks_transfers(const soc::Soc& soc, const Profile& profile) {
  std::set<std::string> domains;
  for (const soc::Processor& processor : soc.processors) domains.insert(processor.memory_domain);
  return domains.size() > 1 && profile.boundary.empty();
}

Result<std::optional<TransferTimes>> measure_transfers(const zoo::Zoo& zoo, const soc::Soc& soc,
                                                       const backend::Runtime& runtime, zoo::PieceStore& pieces,
                                                       const Profile& profile,
                                                       const std::filesystem::path& compile_cache) {
  TransferTimes transfer;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    SL_ASSIGN_OR_RETURN(auto sizes, boundary_bytes(runtime, pieces, zoo::TaskId(t), zoo.tasks[t].stages()));
    transfer.boundary.push_back(std::move(sizes));
  }
  for (std::size_t p = 0; p < soc.processors.size(); ++p) {
    const auto key = any_subgraph(soc, profile, soc::ProcessorId(p));
    if (soc.processors[p].memory_domain == soc.processors.front().memory_domain) continue;
    if (!key) return std::optional<TransferTimes>();
    SL_ASSIGN_OR_RETURN(const auto executable,
                        load_stage(runtime, pieces, key->task, key->variant, key->stage,
                                   compile_options(soc, key->processor, key->provider, compile_cache)));
    if (executable->device_memory().empty()) continue;
    SL_ASSIGN_OR_RETURN(const CopyTimes copies, time_copies(*executable));
    transfer.latency = std::max(transfer.latency, copies.latency);
    transfer.seconds_per_byte = std::max(transfer.seconds_per_byte, copies.seconds_per_byte);
  }
  return std::optional(std::move(transfer));
}

}  // namespace sparseloom::profile
