#include "sparseloom/backend/sparse/matrix.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>

#include "sparseloom/base/file.h"

namespace sparseloom::backend::sparse {
namespace {

constexpr std::array<char, 8> kMagic{'S', 'L', 'S', 'P', 'A', 'R', 'S', 'E'};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kDigest = 64;  // SHA-256 in hexadecimal
constexpr std::size_t kMostExtent = std::size_t{1} << 31;

// Sections follow in this order: blocks, groups, values, offsets, slack. `digest` is over everything behind it.
struct Header {
  std::array<char, 8> magic;
  std::array<char, kDigest> digest;
  std::uint32_t version, panel_width;
  std::uint64_t outputs, inputs, blocks, groups, entries;
};
constexpr std::size_t kSigned = offsetof(Header, version);

std::string digest_of(std::span<const std::byte> bytes) {
  const auto content = bytes.subspan(kSigned);
  return sha256({reinterpret_cast<const char*>(content.data()), content.size()});
}

// Size of all sections; nothing if it overflows.
std::optional<std::size_t> bytes_of(const Header& h) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (h.blocks > kMost || h.groups > kMost * 16 || h.entries > kMost * 1024) return std::nullopt;
  return sizeof(Header) + h.blocks * sizeof(Matrix::Block) + h.groups * sizeof(Matrix::Group) +
         h.entries * (sizeof(float) + sizeof(std::uint16_t)) + Matrix::kSlack;
}

struct Sections {
  std::vector<Matrix::Block> blocks;
  std::vector<Matrix::Group> groups;
  std::vector<float> values;
  std::vector<std::uint16_t> offsets;
};

// Adds one block of columns. `rows_by_count` is scratch.
void add_block(std::span<const float> dense, std::size_t outputs, std::size_t inputs, std::size_t first,
               std::size_t count, std::size_t panel_width, Sections& out) {
  std::vector<std::vector<std::uint32_t>> rows_by_count(count + 1);
  for (std::size_t row = 0; row < outputs; ++row) {
    const float* weights = dense.data() + row * inputs + first;
    const auto zeros = static_cast<std::size_t>(std::count(weights, weights + count, 0.0F));
    rows_by_count[count - zeros].push_back(static_cast<std::uint32_t>(row));
  }
  Matrix::Block block{
      out.groups.size(), out.values.size(), 0, 0, static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(count)};
  // Entry k of a row, by walking over its zeros: one position per row of the group.
  const auto append = [&](const Matrix::Group& group, std::size_t rows) {
    out.groups.push_back(group);
    std::array<std::size_t, Matrix::kGroupRows> at{};
    for (std::uint32_t entry = 0; entry < group.entries; ++entry) {
      for (std::size_t r = 0; r < rows; ++r) {
        const float* weights = dense.data() + group.rows[r] * inputs + first;
        while (weights[at[r]] == 0.0F) ++at[r];
        out.values.push_back(weights[at[r]]);
        out.offsets.push_back(static_cast<std::uint16_t>(at[r] * panel_width * sizeof(float)));
        ++at[r];
      }
    }
  };
  const std::size_t fewest = first == 0 ? 0 : 1;
  for (std::size_t entries = fewest; entries <= count; ++entries) {
    const auto& rows = rows_by_count[entries];
    for (std::size_t i = 0; i + Matrix::kGroupRows <= rows.size(); i += Matrix::kGroupRows) {
      append({{rows[i], rows[i + 1], rows[i + 2]}, static_cast<std::uint32_t>(entries)}, Matrix::kGroupRows);
      ++block.triples;
    }
  }
  for (std::size_t entries = fewest; entries <= count; ++entries) {
    const auto& rows = rows_by_count[entries];
    for (std::size_t i = rows.size() / Matrix::kGroupRows * Matrix::kGroupRows; i < rows.size(); ++i) {
      append({{rows[i], 0, 0}, static_cast<std::uint32_t>(entries)}, 1);
      ++block.singles;
    }
  }
  out.blocks.push_back(block);
}

template <typename T>
std::span<const T> section(std::span<const std::byte> bytes, std::size_t& at, std::size_t count) {
  const auto* data = reinterpret_cast<const T*>(bytes.data() + at);
  at += count * sizeof(T);
  return {data, count};
}

Status damaged(std::string_view what) { return error(Code::kDataLoss, "sparse weights: {}", what); }

}  // namespace

Result<Matrix> Matrix::compress(std::span<const float> dense, std::size_t outputs, std::size_t inputs,
                                std::size_t panel_width) {
  if (outputs < 1 || inputs < 1 || outputs > kMostExtent || inputs > kMostExtent || dense.size() != outputs * inputs) {
    return error(Code::kInvalidArgument, "sparse weights: {} outputs x {} inputs from {} values; extents are 1..2^31",
                 outputs, inputs, dense.size());
  }
  if (panel_width < 1 || inputs_per_block(panel_width) < 1) {
    return error(Code::kInvalidArgument, "sparse weights: panel of {} positions; allowed: 1..{}", panel_width,
                 kBlockBytes / sizeof(float));
  }
  Sections s;
  const std::size_t step = inputs_per_block(panel_width);
  for (std::size_t first = 0; first < inputs; first += step) {
    add_block(dense, outputs, inputs, first, std::min(step, inputs - first), panel_width, s);
  }
  Header header{.magic = kMagic,
                .digest = {},
                .version = kVersion,
                .panel_width = static_cast<std::uint32_t>(panel_width),
                .outputs = outputs,
                .inputs = inputs,
                .blocks = s.blocks.size(),
                .groups = s.groups.size(),
                .entries = s.values.size()};
  const std::size_t size = *bytes_of(header);
  std::vector<std::uint64_t> storage((size + 7) / 8);
  auto* data = reinterpret_cast<std::byte*>(storage.data());
  std::size_t at = 0;
  const auto put = [&](const void* source, std::size_t count) {
    if (count > 0) std::memcpy(data + at, source, count);
    at += count;
  };
  put(&header, sizeof header);
  put(s.blocks.data(), s.blocks.size() * sizeof(Block));
  put(s.groups.data(), s.groups.size() * sizeof(Group));
  put(s.values.data(), s.values.size() * sizeof(float));
  put(s.offsets.data(), s.offsets.size() * sizeof(std::uint16_t));
  const std::span<const std::byte> bytes(data, size);
  std::memcpy(data + offsetof(Header, digest), digest_of(bytes).data(), kDigest);
  Matrix matrix;
  SL_RETURN_IF_ERROR(matrix.read(bytes, panel_width));
  matrix.owner_ = std::move(storage);
  return matrix;
}

Status Matrix::read(std::span<const std::byte> bytes, std::size_t panel_width) {
  Header h{};
  if (bytes.size() < sizeof h) return damaged("too short");
  std::memcpy(&h, bytes.data(), sizeof h);
  if (h.magic != kMagic) return damaged("not a file of sparse weights");
  if (h.version != kVersion) {
    return error(Code::kFailedPrecondition, "sparse weights: format {}; this release reads {}", h.version, kVersion);
  }
  if (h.panel_width != panel_width) {
    return error(Code::kFailedPrecondition, "sparse weights: made for panels of {} positions; this CPU's have {}",
                 h.panel_width, panel_width);
  }
  if (bytes_of(h) != bytes.size()) return damaged("truncated, or longer than its parts");
  if (digest_of(bytes) != std::string_view(h.digest.data(), kDigest)) return damaged("its hash does not match");
  std::size_t at = sizeof h;
  blocks_ = section<Block>(bytes, at, h.blocks);
  groups_ = section<Group>(bytes, at, h.groups);
  values_ = section<float>(bytes, at, h.entries);
  offsets_ = section<std::uint16_t>(bytes, at, h.entries);
  outputs_ = h.outputs;
  inputs_ = h.inputs;
  panel_width_ = panel_width;
  bytes_ = bytes;
  return check();
}

// Nothing that a kernel does with the content leaves the panel or the sums, and no sum is left unset.
Status Matrix::check() const {
  if (outputs_ < 1 || inputs_ < 1 || outputs_ > kMostExtent || inputs_ > kMostExtent) return damaged("extents");
  std::size_t group = 0, entry = 0, input = 0;
  std::vector<bool> set(outputs_);
  for (const Block& block : blocks_) {
    const std::size_t groups = std::size_t{block.triples} + block.singles;
    const bool follows = block.first_group == group && block.first_entry == entry && block.first_input == input;
    if (!follows || groups > groups_.size() - group) return damaged("a block's place");
    if (block.inputs < 1 || block.inputs > inputs_per_block(panel_width_)) return damaged("a block's inputs");
    for (std::size_t g = 0; g < groups; ++g) {
      const Group& rows = groups_[group + g];
      const std::size_t width = g < block.triples ? kGroupRows : 1;
      for (std::size_t r = 0; r < width; ++r) {
        if (rows.rows[r] >= outputs_) return damaged("a row");
        if (input == 0) set[rows.rows[r]] = true;
      }
      if (rows.entries > block.inputs) return damaged("a group's entries");
      entry += width * rows.entries;
      if (entry > values_.size()) return damaged("a group's entries");
    }
    const std::size_t end = block.inputs * panel_width_ * sizeof(float), step = panel_width_ * sizeof(float);
    for (std::size_t e = block.first_entry; e < entry; ++e) {
      if (offsets_[e] >= end || offsets_[e] % step != 0) return damaged("an offset");
    }
    group += groups;
    input += block.inputs;
  }
  if (group != groups_.size() || entry != values_.size() || input != inputs_) return damaged("its parts' sizes");
  if (std::find(set.begin(), set.end(), false) != set.end()) return damaged("a row is missing");
  return {};
}

Result<Matrix> Matrix::view(std::span<const std::byte> bytes, std::size_t panel_width) {
  Matrix matrix;
  SL_RETURN_IF_ERROR(matrix.read(bytes, panel_width));
  return matrix;
}

Result<Matrix> Matrix::open(const std::filesystem::path& path, std::size_t panel_width) {
  SL_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  Matrix matrix;
  SL_RETURN_IF_ERROR(matrix.read(file.bytes(), panel_width).with_context(path.string()));
  matrix.owner_ = std::move(file);
  return matrix;
}

std::string_view Matrix::digest() const {
  return {reinterpret_cast<const char*>(bytes_.data()) + offsetof(Header, digest), kDigest};
}

Status Matrix::save(const std::filesystem::path& path) const {
  return write_file(path, {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()});
}

}  // namespace sparseloom::backend::sparse
