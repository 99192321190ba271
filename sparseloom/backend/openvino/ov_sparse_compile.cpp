#include "sparseloom/backend/openvino/ov_sparse_compile.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstring>
#include <openvino/runtime/properties.hpp>
#include <sstream>

#include "sparseloom/backend/openvino/ov_executable.h"
#include "sparseloom/backend/openvino/ov_sparse.h"
#include "sparseloom/backend/openvino/ov_support.h"
#include "sparseloom/backend/sparse/kernels.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/mapped_file.h"
#include "sparseloom/base/statistics.h"

namespace sparseloom::backend {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// How long `b` takes compared with `a`, median of interleaved runs on zeros.
double time_ratio(ov::CompiledModel& a, ov::CompiledModel& b) {
  constexpr int kMostRounds = 9, kLeastRounds = 3;
  constexpr Seconds kBudget{1};
  std::vector<ov::Tensor> inputs;
  for (const auto& input : a.inputs()) {
    ov::Tensor& zeros = inputs.emplace_back(input.get_element_type(), input.get_shape());
    std::memset(zeros.data(), 0, zeros.get_byte_size());
  }
  ov::InferRequest requests[] = {a.create_infer_request(), b.create_infer_request()};
  for (auto& request : requests) {
    for (std::size_t i = 0; i < inputs.size(); ++i) request.set_input_tensor(i, inputs[i]);
    request.infer();
  }
  std::vector<double> ratios;
  const auto begin = Clock::now();
  for (int round = 0; round < kMostRounds && (round < kLeastRounds || Clock::now() - begin < kBudget); ++round) {
    const auto start = Clock::now();
    requests[0].infer();
    const auto between = Clock::now();
    requests[1].infer();
    ratios.push_back(Seconds(Clock::now() - between) / Seconds(between - start));
  }
  return quartiles(std::move(ratios)).median;
}

// Memory that a tensor of OpenVINO's keeps mapped as long as it lives.
class MappedAllocator {
 public:
  MappedAllocator(std::shared_ptr<const MappedFile> file, std::size_t offset)
      : file_(std::move(file)), offset_(offset) {}
  void* allocate(std::size_t /*bytes*/, std::size_t /*alignment*/) {
    return const_cast<std::byte*>(file_->bytes().data() + offset_);  // only read, but the type does not say so
  }
  void deallocate(void* /*memory*/, std::size_t /*bytes*/, std::size_t /*alignment*/) noexcept {}
  bool is_equal(const MappedAllocator& other) const { return file_ == other.file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::size_t offset_;
};

// A kept model: a header, then what OpenVINO exported, on a page of its own. `digest` is over everything behind it.
struct Header {
  std::array<char, 8> magic;
  std::array<char, 32> digest;
  std::uint64_t layers;
};
constexpr std::array<char, 8> kMagic{'S', 'L', 'M', 'O', 'D', 'E', 'L', '1'};
constexpr std::size_t kChecked = offsetof(Header, layers), kContent = 4096;

/// Raise it whenever the same model would be compiled to something else: another choice of layers, other weights, other
/// attributes of the operator.
constexpr int kRecipe = 2;

std::string digest_of(std::string_view file) { return checksum(file.substr(kChecked)); }

std::string identity_of(const fs::path& file) {
  std::error_code failure;
  const auto size = fs::file_size(file, failure);
  const auto written = fs::last_write_time(file, failure);
  return fmt::format("{} {} {}", fs::weakly_canonical(file, failure).string(), size,
                     written.time_since_epoch().count());
}

}  // namespace

Result<Compiled> compile_sparse(ov::Core& core, const std::shared_ptr<ov::Model>& model, const CompileOptions& options,
                                const fs::path& folder) {
  const bool compared = options.sparse_layers == SparseLayers::kWhereFaster;
  const std::shared_ptr<ov::Model> dense = compared ? model->clone() : nullptr;
  Compiled sparse;
  SL_ASSIGN_OR_RETURN(sparse.sparse_layers,
                      use_sparse_layers(*model, {options.sparse_layers, options.threads, folder}));
  if (sparse.sparse_layers == 0) return sparse;
  sparse.model = compile_model(core, model, options);
  if (!compared) return sparse;
  ov::CompiledModel alone = compile_model(core, dense, options);
  return time_ratio(alone, sparse.model) < 1 ? sparse : Compiled{};
}

CompiledCache::CompiledCache(ov::Core& core, const fs::path& model, const CompileOptions& options)
    : core_(core), options_(options) {
  options_.cache_dir = fs::absolute(options.cache_dir);  // graphs name their files of weights
  std::string key =
      fmt::format("{}\n{}\n{}\n{} {} {}\n{}\n{} {}", kRecipe, identity_of(model),
                  identity_of(fs::path(model).replace_extension(".bin")), options.device, options.threads,
                  static_cast<int>(options.sparse_layers), ov::get_openvino_version().buildNumber,
                  core.get_property(options.device, ov::device::full_name), sparse::kernels::instruction_set());
  if (const auto precision = info(options.provider).computes_in) key += fmt::format("\n{}", to_string(*precision));
  file_ = options_.cache_dir / (sha256(key).substr(0, 32) + ".model");
}

Result<Compiled> CompiledCache::open() const {
  SL_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::open(file_));
  const auto file = std::make_shared<const MappedFile>(std::move(mapped));
  const std::string_view bytes(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  Header header{};
  if (bytes.size() < kContent) return error(Code::kDataLoss, "{}: too short", file_.string());
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kMagic || std::string_view(header.digest.data(), header.digest.size()) != digest_of(bytes)) {
    return error(Code::kDataLoss, "{}: damaged, or no compiled model", file_.string());
  }
  Compiled compiled{.model = {}, .sparse_layers = header.layers};
  if (bytes.size() == kContent) return compiled;
  return guarded(Code::kDataLoss, file_.string(), [&]() -> Result<Compiled> {
    const ov::Tensor blob(ov::element::u8, {bytes.size() - kContent}, MappedAllocator(file, kContent));
    compiled.model = core_.import_model(blob, options_.device, properties(options_));
    file->release_pages();
    compiled.file = file;
    return compiled;
  });
}

std::optional<Compiled> CompiledCache::find() const {
  auto compiled = open();
  return compiled.ok() ? std::optional(std::move(compiled).value()) : std::nullopt;
}

Status CompiledCache::keep(Compiled& compiled) const {
  return guarded(Code::kUnavailable, file_.string(), [&]() -> Status {
    std::ostringstream exported;
    if (compiled.model) compiled.model.export_model(exported);
    Header header{.magic = kMagic, .digest = {}, .layers = compiled.sparse_layers};
    std::string file(kContent, '\0');
    std::memcpy(file.data(), &header, sizeof header);
    file += exported.view();
    std::memcpy(file.data() + offsetof(Header, digest), digest_of(file).data(), header.digest.size());
    return write_file(file_, file);
  });
}

}  // namespace sparseloom::backend
