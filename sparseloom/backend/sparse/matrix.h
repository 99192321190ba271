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

/// Weights W of one layer, outputs x inputs, as the kernels read them.
///
/// Y = W·X is computed panel by panel: a panel is `panel_width` columns (positions: tokens or pixels) of X. The inputs
/// are cut into blocks, few enough that a block of a panel stays in the first-level cache. Within a block, rows with
/// the same number of non-zeros form groups of three, whose sums advance together: enough independent sums to hide the
/// latency of a multiply-add, no padding, and a trip count that stays the same over many groups. Per non-zero there is
/// its value (4 bytes) and where its input lies in the block's panel (2 bytes). (Tiling of sums in registers: compare
/// Wilkinson et al. 2023, Register Tiling for Unstructured Sparsity in Neural Network Inference.)
///
/// One span of bytes, so that a file can be mapped. Immutable, thread-safe. Movable, not copyable.
class Matrix {
 public:
  static constexpr std::uint32_t kGroupRows = 3;
  /// Bytes behind the last value and the last offset that a kernel may read (and does not use).
  static constexpr std::size_t kSlack = 16;

  /// Rows that advance together; the first only if it is a single.
  struct Group {
    std::uint32_t rows[kGroupRows];
    std::uint32_t entries;  ///< non-zeros per row
  };
  /// Inputs [first_input, first_input + inputs). Its groups are `triples`, then `singles`; its entries stand in the
  /// order of the groups, within a group entry by entry, row by row. Every row is in the first block; a row without
  /// non-zeros is in no other.
  struct Block {
    std::uint64_t first_group, first_entry;
    std::uint32_t triples, singles;
    std::uint32_t first_input, inputs;
  };

  /// Compresses `dense` (row-major, outputs x inputs); NaN and infinities are kept as any non-zero. `panel_width`:
  /// kernels.h. O(outputs·inputs). kInvalidArgument: a zero extent, more than 2^31 of one, a size that does not match.
  static Result<Matrix> compress(std::span<const float> dense, std::size_t outputs, std::size_t inputs,
                                 std::size_t panel_width);

  /// Maps what save() wrote. kDataLoss if it is truncated, altered or not such a file, kFailedPrecondition if written
  /// by another release or for a CPU with another panel width; kNotFound, kUnavailable.
  static Result<Matrix> open(const std::filesystem::path& path, std::size_t panel_width);
  /// The same for bytes in memory, which must be aligned to 8 and outlive the matrix.
  static Result<Matrix> view(std::span<const std::byte> bytes, std::size_t panel_width);
  Status save(const std::filesystem::path& path) const;

  std::size_t outputs() const { return outputs_; }
  std::size_t inputs() const { return inputs_; }
  std::size_t nonzeros() const { return values_.size(); }
  std::size_t panel_width() const { return panel_width_; }
  /// All memory it takes.
  Bytes size() const { return Bytes{bytes_.size()}; }
  /// The same for two matrices exactly if they hold the same weights for the same panel width. 64 characters.
  std::string_view digest() const;
  /// What save() writes.
  std::span<const std::byte> bytes() const { return bytes_; }

  std::span<const Block> blocks() const { return blocks_; }
  std::span<const Group> groups() const { return groups_; }
  std::span<const float> values() const { return values_; }
  /// Per value, the bytes from the start of the block's panel to its input's positions.
  std::span<const std::uint16_t> offsets() const { return offsets_; }

 private:
  Status read(std::span<const std::byte> bytes, std::size_t panel_width);
  Status check() const;

  std::variant<std::monostate, std::vector<std::uint64_t>, MappedFile> owner_;
  std::span<const std::byte> bytes_;
  std::size_t outputs_ = 0, inputs_ = 0, panel_width_ = 0;
  std::span<const Block> blocks_;
  std::span<const Group> groups_;
  std::span<const float> values_;
  std::span<const std::uint16_t> offsets_;
};

/// A block of a panel: most of a first-level cache, with room for the sums and weights that pass.
constexpr std::size_t kBlockBytes = 24'576;
constexpr std::size_t inputs_per_block(std::size_t panel_width) { return kBlockBytes / (panel_width * sizeof(float)); }

}  // namespace sparseloom::backend::sparse
