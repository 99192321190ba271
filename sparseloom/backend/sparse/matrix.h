// backend/sparse: layers with sparse weights on a CPU, in time and memory that follow the number of non-zeros. Knows no
// graph and no inference runtime.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "sparseloom/base/mapped_file.h"
#include "sparseloom/base/status.h"
#include "sparseloom/base/units.h"

namespace sparseloom::backend::sparse {

/// What the kernels of this CPU ask of a matrix: kernels::layout().
struct Layout {
  std::size_t panel_width = 1;  ///< positions per panel
  /// What the weights of one sign in a pair of neighbours may add up to, at most, where the pair's products with bytes
  /// are added in 16 bits. Only for kI8.
  std::size_t pair_limit = 256;
  friend bool operator==(const Layout&, const Layout&) = default;
};

/// What an entry of a matrix is: one weight, or four neighbouring ones (a quad), as dot-product instructions take them.
/// Four bytes either way.
enum class Entries : std::uint32_t { kF32, kI8 };

/// Weights W of one layer, outputs x inputs, as the kernels read them.
///
/// Y = W·X is computed panel by panel: a panel is `panel_width` columns (positions: tokens or pixels) of X. It has one
/// line per entry of a dense row: per input (kF32), or per four of them (kI8, the four bytes of a position side by
/// side). The lines are cut into blocks, few enough that a block of a panel stays in the first-level cache. Within a
/// block, rows with the same number of entries form groups of three, whose sums advance together: enough independent
/// sums to hide the latency of a multiply-add, no padding, and a trip count that stays the same over many groups. Per
/// entry there are its weights (4 bytes) and where its line lies in the block's panel (2 bytes). Entries without a
/// non-zero are left out. (Tiling of sums in registers: compare Wilkinson et al. 2023, Register Tiling for Unstructured
/// Sparsity in Neural Network Inference.)
///
/// One span of bytes, so that a file can be mapped. Immutable, thread-safe. Movable, not copyable.
class Matrix {
 public:
  static constexpr std::uint32_t kGroupRows = 3;
  /// Bytes behind the last entry and the last offset that a kernel may read (and does not use).
  static constexpr std::size_t kSlack = 16;

  /// Rows that advance together; the first only if it is a single.
  struct Group {
    std::uint32_t rows[kGroupRows];
    std::uint32_t entries;  ///< per row
  };
  /// Lines [first_line, first_line + lines). Its groups are `triples`, then `singles`; its entries stand in the order
  /// of the groups, within a group entry by entry, row by row. Every row is in the first block; a row without entries
  /// is in no other.
  struct Block {
    std::uint64_t first_group, first_entry;
    std::uint32_t triples, singles;
    std::uint32_t first_line, lines;
  };

  /// Compresses `dense` (row-major, outputs x inputs); NaN and infinities are kept as any non-zero. With `groups` > 1
  /// outputs and inputs are cut into as many equal parts, an output has weights for its part of the inputs alone, and
  /// `dense` is outputs x inputs / groups. O(outputs·inputs). kInvalidArgument: a zero extent, more than 2^31 of one,
  /// numbers that do not match.
  static Result<Matrix> compress(std::span<const float> dense, std::size_t outputs, std::size_t inputs,
                                 const Layout& layout, std::size_t groups = 1);
  /// The same for quantized weights, whose values are dense[o, i]·scales[o]. A quad whose weights exceed the layout's
  /// pair_limit becomes two entries. kInvalidArgument too if an output's weights add up to more than 2^31 / 255, signs
  /// aside: its sums could overflow.
  static Result<Matrix> compress(std::span<const std::int8_t> dense, std::span<const float> scales, std::size_t outputs,
                                 std::size_t inputs, const Layout& layout, std::size_t groups = 1);

  /// Maps what save() wrote. kDataLoss if it is truncated, altered or not such a file, kFailedPrecondition if written
  /// by another release or for a CPU with another layout; kNotFound, kUnavailable.
  static Result<Matrix> open(const std::filesystem::path& path, const Layout& layout);
  /// The same for bytes in memory, which must be aligned to 8 and outlive the matrix.
  static Result<Matrix> view(std::span<const std::byte> bytes, const Layout& layout);
  Status save(const std::filesystem::path& path) const;

  Entries kind() const { return kind_; }
  std::size_t outputs() const { return outputs_; }
  std::size_t inputs() const { return inputs_; }
  const Layout& layout() const { return layout_; }
  /// All memory it takes.
  Bytes size() const { return Bytes{bytes_.size()}; }
  /// The same for two matrices exactly if they hold the same weights for the same layout. 32 characters.
  std::string_view digest() const;
  /// What save() writes.
  std::span<const std::byte> bytes() const { return bytes_; }

  std::span<const Block> blocks() const { return blocks_; }
  std::span<const Group> groups() const { return groups_; }
  /// A float each, or four i8, the first in the lowest byte.
  std::span<const std::uint32_t> entries() const { return entries_; }
  /// Per entry, the bytes from the start of the block's panel to its line.
  std::span<const std::uint16_t> offsets() const { return offsets_; }
  /// Of kI8, per output: what a weight of 1 stands for, and the sum of the weights.
  std::span<const float> scales() const { return scales_; }
  std::span<const std::int32_t> row_sums() const { return row_sums_; }

 private:
  class Builder;
  Status read(std::span<const std::byte> bytes, const Layout& layout);
  Status check() const;

  std::variant<std::monostate, std::vector<std::uint64_t>, MappedFile> owner_;
  std::span<const std::byte> bytes_;
  Entries kind_ = Entries::kF32;
  std::size_t outputs_ = 0, inputs_ = 0;
  Layout layout_;
  std::span<const Block> blocks_;
  std::span<const Group> groups_;
  std::span<const std::uint32_t> entries_;
  std::span<const float> scales_;
  std::span<const std::int32_t> row_sums_;
  std::span<const std::uint16_t> offsets_;
};

/// A block of a panel: most of a first-level cache, with room for the sums and weights that pass.
constexpr std::size_t kBlockBytes = 24'576;
constexpr std::size_t lines_per_block(std::size_t panel_width) { return kBlockBytes / (panel_width * sizeof(float)); }
/// Inputs that share a line of a panel.
constexpr std::size_t inputs_per_line(Entries kind) { return kind == Entries::kI8 ? 4 : 1; }

}  // namespace sparseloom::backend::sparse
