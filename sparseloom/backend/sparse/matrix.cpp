#include "sparseloom/backend/sparse/matrix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>

#include "sparseloom/base/file.h"

namespace sparseloom::backend::sparse {
namespace {

constexpr std::array<char, 8> kMagic{'S', 'L', 'S', 'P', 'A', 'R', 'S', 'E'};
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kDigest = 32;  // checksum()
constexpr std::size_t kMostExtent = std::size_t{1} << 31;

// Sections follow in this order: blocks, groups, entries, scales and row sums (kI8), offsets, slack. `digest` is over
// everything behind it.
struct Header {
  std::array<char, 8> magic;
  std::array<char, kDigest> digest;
  std::uint32_t version;
  Entries kind;
  std::uint32_t panel_width, pair_limit;
  std::uint64_t outputs, inputs, blocks, groups, entries;
};
constexpr std::size_t kChecked = offsetof(Header, version);

std::string digest_of(std::span<const std::byte> bytes) {
  const auto content = bytes.subspan(kChecked);
  return checksum({reinterpret_cast<const char*>(content.data()), content.size()});
}

std::size_t scaled_rows(const Header& h) { return h.kind == Entries::kI8 ? h.outputs : 0; }

// Size of all sections; nothing if it overflows.
std::optional<std::size_t> bytes_of(const Header& h) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (h.blocks > kMost || h.groups > kMost * 16 || h.entries > kMost * 1024 || h.outputs > kMostExtent) return {};
  return sizeof(Header) + h.blocks * sizeof(Matrix::Block) + h.groups * sizeof(Matrix::Group) +
         h.entries * (sizeof(std::uint32_t) + sizeof(std::uint16_t)) +
         scaled_rows(h) * (sizeof(float) + sizeof(std::int32_t)) + Matrix::kSlack;
}

/// What stands at one place of a row: a line of the panel and the weights for it.
struct Entry {
  std::uint32_t line, weights;
};

using Quad = std::array<std::int8_t, 4>;

// A pair's products with bytes can be added in 16 bits if its weights of one sign stay below the limit.
bool fits(const Quad& quad, std::size_t first, std::size_t limit) {
  const int a{quad[first]}, b{quad[first + 1]};
  const auto most = static_cast<int>(limit);
  return std::max(a, 0) + std::max(b, 0) <= most && std::min(a, 0) + std::min(b, 0) >= -most;
}

// The most that the weights of an output may add up to, signs aside: bytes times that stay in 32 bits.
constexpr std::uint64_t kMostWeight = std::numeric_limits<std::int32_t>::max() / 255;

std::uint64_t weight_of(const Quad& quad) {
  return std::accumulate(quad.begin(), quad.end(), std::uint64_t{0}, [](std::uint64_t sum, std::int8_t w) {
    return sum + static_cast<std::uint64_t>(std::abs(w));
  });
}

template <typename T>
std::span<const T> section(std::span<const std::byte> bytes, std::size_t& at, std::size_t count) {
  const auto* data = reinterpret_cast<const T*>(bytes.data() + at);
  at += count * sizeof(T);
  return {data, count};
}

Status damaged(std::string_view what) { return error(Code::kDataLoss, "sparse weights: {}", what); }

Status check_extents(std::size_t weights, std::size_t outputs, std::size_t inputs, const Layout& layout,
                     std::size_t groups) {
  if (groups < 1 || outputs % groups != 0 || inputs % groups != 0) {
    return error(Code::kInvalidArgument, "sparse weights: {} outputs x {} inputs in {} groups", outputs, inputs,
                 groups);
  }
  if (outputs < 1 || inputs < 1 || outputs > kMostExtent || inputs > kMostExtent ||
      weights != outputs * (inputs / groups)) {
    return error(Code::kInvalidArgument, "sparse weights: {} outputs x {} inputs from {} values; extents are 1..2^31",
                 outputs, inputs / groups, weights);
  }
  if (layout.panel_width < 1 || lines_per_block(layout.panel_width) < 1) {
    return error(Code::kInvalidArgument, "sparse weights: panel of {} positions; allowed: 1..{}", layout.panel_width,
                 kBlockBytes / sizeof(float));
  }
  return {};
}

/// Weights of which an output has those for its group's inputs alone.
template <typename T>
class Grouped {
 public:
  Grouped(std::span<const T> dense, std::size_t outputs, std::size_t inputs, std::size_t groups)
      : dense_(dense), rows_(outputs / groups), inputs_(inputs / groups) {}
  T at(std::size_t row, std::size_t input) const {
    const std::size_t within = input - row / rows_ * inputs_;  // wraps around in front of the group
    return within < inputs_ ? dense_[row * inputs_ + within] : T{};
  }

 private:
  std::span<const T> dense_;
  std::size_t rows_, inputs_;  // of a group
};

}  // namespace

/// Puts a matrix together, block by block.
class Matrix::Builder {
 public:
  Builder(Entries kind, std::size_t outputs, std::size_t inputs, const Layout& layout)
      : kind_(kind), outputs_(outputs), inputs_(inputs), layout_(layout), rows_(outputs) {}

  /// `append(row, line, entries)` adds the entries that a row has on a line.
  template <typename Append>
  void add_blocks(const Append& append) {
    const std::size_t per_line = inputs_per_line(kind_), lines = (inputs_ + per_line - 1) / per_line;
    const std::size_t step = lines_per_block(layout_.panel_width);
    for (std::size_t first = 0; first < lines; first += step) {
      const std::size_t count = std::min(step, lines - first);
      for (std::size_t row = 0; row < outputs_; ++row) {
        rows_[row].clear();
        for (std::size_t line = 0; line < count; ++line) append(row, first + line, line, rows_[row]);
      }
      add_block(first, count);
    }
  }

  void set_scales(std::span<const float> scales, std::vector<std::int32_t> row_sums) {
    scales_ = scales;
    row_sums_ = std::move(row_sums);
  }

  Result<Matrix> finish() const {
    const Header header{.magic = kMagic,
                        .digest = {},
                        .version = kVersion,
                        .kind = kind_,
                        .panel_width = static_cast<std::uint32_t>(layout_.panel_width),
                        .pair_limit = static_cast<std::uint32_t>(layout_.pair_limit),
                        .outputs = outputs_,
                        .inputs = inputs_,
                        .blocks = blocks_.size(),
                        .groups = groups_.size(),
                        .entries = entries_.size()};
    const std::size_t size = *bytes_of(header);
    std::vector<std::uint64_t> storage((size + 7) / 8);
    auto* data = reinterpret_cast<std::byte*>(storage.data());
    std::size_t at = 0;
    const auto put = [&](const void* source, std::size_t count) {
      if (count > 0) std::memcpy(data + at, source, count);
      at += count;
    };
    const auto put_all = [&](const auto& items) { put(items.data(), items.size() * sizeof(items[0])); };
    put(&header, sizeof header);
    put_all(blocks_);
    put_all(groups_);
    put_all(entries_);
    put_all(scales_);
    put_all(row_sums_);
    put_all(offsets_);
    const std::span<const std::byte> bytes(data, size);
    std::memcpy(data + offsetof(Header, digest), digest_of(bytes).data(), kDigest);
    Matrix matrix;
    SL_RETURN_IF_ERROR(matrix.read(bytes, layout_));
    matrix.owner_ = std::move(storage);
    return matrix;
  }

 private:
  void add_block(std::size_t first_line, std::size_t lines) {
    std::vector<std::vector<std::uint32_t>> rows_by_count;
    for (std::uint32_t row = 0; row < outputs_; ++row) {
      const std::size_t count = rows_[row].size();
      if (count >= rows_by_count.size()) rows_by_count.resize(count + 1);
      if (count > 0 || first_line == 0) rows_by_count[count].push_back(row);
    }
    Block block{.first_group = groups_.size(),
                .first_entry = entries_.size(),
                .triples = 0,
                .singles = 0,
                .first_line = static_cast<std::uint32_t>(first_line),
                .lines = static_cast<std::uint32_t>(lines)};
    for (const auto& rows : rows_by_count) {
      for (std::size_t i = 0; i + kGroupRows <= rows.size(); i += kGroupRows, ++block.triples) {
        add_group({&rows[i], kGroupRows});
      }
    }
    for (const auto& rows : rows_by_count) {
      for (std::size_t i = rows.size() / kGroupRows * kGroupRows; i < rows.size(); ++i, ++block.singles) {
        add_group({&rows[i], 1});
      }
    }
    blocks_.push_back(block);
  }

  // Rows with equally many entries.
  void add_group(std::span<const std::uint32_t> rows) {
    const std::size_t count = rows_[rows.front()].size();
    Group group{.rows = {}, .entries = static_cast<std::uint32_t>(count)};
    std::copy(rows.begin(), rows.end(), group.rows);
    groups_.push_back(group);
    for (std::size_t k = 0; k < count; ++k) {
      for (const std::uint32_t row : rows) {
        const Entry& entry = rows_[row][k];
        entries_.push_back(entry.weights);
        offsets_.push_back(static_cast<std::uint16_t>(entry.line * layout_.panel_width * sizeof(float)));
      }
    }
  }

  Entries kind_;
  std::size_t outputs_, inputs_;
  Layout layout_;
  std::vector<std::vector<Entry>> rows_;  // of the block in work; lines count from its first
  std::vector<Block> blocks_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> entries_;
  std::span<const float> scales_;
  std::vector<std::int32_t> row_sums_;
  std::vector<std::uint16_t> offsets_;
};

Result<Matrix> Matrix::compress(std::span<const float> dense, std::size_t outputs, std::size_t inputs,
                                const Layout& layout, std::size_t groups) {
  SL_RETURN_IF_ERROR(check_extents(dense.size(), outputs, inputs, layout, groups));
  Builder builder(Entries::kF32, outputs, inputs, layout);
  const Grouped<float> weights(dense, outputs, inputs, groups);
  builder.add_blocks([&](std::size_t row, std::size_t input, std::size_t line, std::vector<Entry>& entries) {
    const float weight = weights.at(row, input);
    if (weight != 0.0F) entries.push_back({static_cast<std::uint32_t>(line), std::bit_cast<std::uint32_t>(weight)});
  });
  return builder.finish();
}

Result<Matrix> Matrix::compress(std::span<const std::int8_t> dense, std::span<const float> scales, std::size_t outputs,
                                std::size_t inputs, const Layout& layout, std::size_t groups) {
  SL_RETURN_IF_ERROR(check_extents(dense.size(), outputs, inputs, layout, groups));
  if (scales.size() != outputs) {
    return error(Code::kInvalidArgument, "sparse weights: {} scales for {} outputs", scales.size(), outputs);
  }
  Builder builder(Entries::kI8, outputs, inputs, layout);
  const Grouped<std::int8_t> weights(dense, outputs, inputs, groups);
  builder.add_blocks([&](std::size_t row, std::size_t quad, std::size_t line, std::vector<Entry>& entries) {
    Quad together{}, apart{};
    const std::size_t first = quad * together.size();
    for (std::size_t k = 0; k < together.size() && first + k < inputs; ++k) together[k] = weights.at(row, first + k);
    for (const std::size_t pair : {std::size_t{0}, std::size_t{2}}) {
      if (!fits(together, pair, layout.pair_limit)) std::swap(together[pair + 1], apart[pair + 1]);
    }
    for (const Quad& part : {together, apart}) {
      if (part != Quad{}) entries.push_back({static_cast<std::uint32_t>(line), std::bit_cast<std::uint32_t>(part)});
    }
  });
  std::vector<std::int32_t> row_sums(outputs);
  for (std::size_t row = 0; row < outputs; ++row) {
    const auto of_row = dense.subspan(row * (inputs / groups), inputs / groups);
    std::uint64_t weight = 0;
    for (const std::int8_t w : of_row) weight += static_cast<std::uint64_t>(std::abs(w));
    if (weight > kMostWeight) {
      return error(Code::kInvalidArgument, "sparse weights: those of output {} add up to {}; allowed: {}", row, weight,
                   kMostWeight);
    }
    row_sums[row] = std::accumulate(of_row.begin(), of_row.end(), std::int32_t{0});
  }
  builder.set_scales(scales, std::move(row_sums));
  return builder.finish();
}

Status Matrix::read(std::span<const std::byte> bytes, const Layout& layout) {
  Header h{};
  if (bytes.size() < sizeof h) return damaged("too short");
  std::memcpy(&h, bytes.data(), sizeof h);
  if (h.magic != kMagic) return damaged("not a file of sparse weights");
  if (h.version != kVersion) {
    return error(Code::kFailedPrecondition, "sparse weights: format {}; this release reads {}", h.version, kVersion);
  }
  if (h.kind != Entries::kF32 && h.kind != Entries::kI8) return damaged("its kind of entries");
  if (layout != Layout{h.panel_width, h.pair_limit}) {
    return error(Code::kFailedPrecondition,
                 "sparse weights: made for panels of {} positions and pairs up to {}; this CPU's are {} and {}",
                 h.panel_width, h.pair_limit, layout.panel_width, layout.pair_limit);
  }
  if (bytes_of(h) != bytes.size()) return damaged("truncated, or longer than its parts");
  if (digest_of(bytes) != std::string_view(h.digest.data(), kDigest)) return damaged("its checksum does not match");
  std::size_t at = sizeof h;
  blocks_ = section<Block>(bytes, at, h.blocks);
  groups_ = section<Group>(bytes, at, h.groups);
  entries_ = section<std::uint32_t>(bytes, at, h.entries);
  scales_ = section<float>(bytes, at, scaled_rows(h));
  row_sums_ = section<std::int32_t>(bytes, at, scaled_rows(h));
  offsets_ = section<std::uint16_t>(bytes, at, h.entries);
  kind_ = h.kind;
  outputs_ = h.outputs;
  inputs_ = h.inputs;
  layout_ = layout;
  bytes_ = bytes;
  return check();
}

// Nothing that a kernel does with the content leaves the panel or the sums, and no sum is left unset.
Status Matrix::check() const {
  if (outputs_ < 1 || inputs_ < 1 || outputs_ > kMostExtent || inputs_ > kMostExtent) return damaged("extents");
  const std::size_t per_line = inputs_per_line(kind_), lines = (inputs_ + per_line - 1) / per_line;
  std::size_t group = 0, entry = 0, line = 0;
  std::vector<bool> set(outputs_);
  std::vector<std::uint64_t> weight(kind_ == Entries::kI8 ? outputs_ : 0);  // signs aside
  for (const Block& block : blocks_) {
    const std::size_t groups = std::size_t{block.triples} + block.singles;
    const bool follows = block.first_group == group && block.first_entry == entry && block.first_line == line;
    if (!follows || groups > groups_.size() - group) return damaged("a block's place");
    if (block.lines < 1 || block.lines > lines_per_block(layout_.panel_width)) return damaged("a block's lines");
    for (std::size_t g = 0; g < groups; ++g) {
      const Group& rows = groups_[group + g];
      const std::size_t width = g < block.triples ? kGroupRows : 1;
      for (std::size_t r = 0; r < width; ++r) {
        if (rows.rows[r] >= outputs_) return damaged("a row");
        if (line == 0) set[rows.rows[r]] = true;
      }
      entry += width * rows.entries;
      if (entry > entries_.size()) return damaged("a group's entries");
      for (std::size_t k = 0; kind_ == Entries::kI8 && k < width * rows.entries; ++k) {
        const auto quad = std::bit_cast<Quad>(entries_[entry - width * rows.entries + k]);
        std::uint64_t& sum = weight[rows.rows[k % width]];
        sum += weight_of(quad);
        if (!fits(quad, 0, layout_.pair_limit) || !fits(quad, 2, layout_.pair_limit) || sum > kMostWeight) {
          return damaged("its weights");
        }
      }
    }
    const std::size_t step = layout_.panel_width * sizeof(float), end = block.lines * step;
    for (std::size_t e = block.first_entry; e < entry; ++e) {
      if (offsets_[e] >= end || offsets_[e] % step != 0) return damaged("an offset");
    }
    group += groups;
    line += block.lines;
  }
  if (group != groups_.size() || entry != entries_.size() || line != lines) return damaged("its parts' sizes");
  if (std::find(set.begin(), set.end(), false) != set.end()) return damaged("a row is missing");
  return {};
}

Result<Matrix> Matrix::view(std::span<const std::byte> bytes, const Layout& layout) {
  Matrix matrix;
  SL_RETURN_IF_ERROR(matrix.read(bytes, layout));
  return matrix;
}

Result<Matrix> Matrix::open(const std::filesystem::path& path, const Layout& layout) {
  SL_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  Matrix matrix;
  SL_RETURN_IF_ERROR(matrix.read(file.bytes(), layout).with_context(path.string()));
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
