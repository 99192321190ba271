#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "sparseloom/backend/input_shapes.h"
#include "sparseloom/backend/onnx/onnx_narrow.h"
#include "sparseloom/base/status.h"
#include "sparseloom/base/tensor.h"

namespace sparseloom::backend {

/// An input of an ONNX model.
struct OnnxInput {
  FileInput file;                   ///< its name, and the shapes that it may have
  std::optional<ElementType> type;  ///< none: a type that is not supported, or no tensor at all
};

/// An ONNX model file as ONNX itself describes it: nothing is converted, so whatever is taken out of it means to every
/// runtime what it meant before. Weights that lie in other files stay there until they are copied. Thread-safe.
class OnnxFile {
 public:
  /// kNotFound, kUnavailable; kMalformed: not an ONNX model, or damaged.
  static Result<OnnxFile> open(const std::filesystem::path& path);
  /// The same of bytes that `path` may have held.
  static Result<OnnxFile> parse(std::span<const std::byte> bytes, const std::filesystem::path& path);
  OnnxFile(OnnxFile&&) noexcept;
  OnnxFile& operator=(OnnxFile&&) noexcept;
  ~OnnxFile();

  /// Names of the files that it keeps tensors in (TensorProto.external_data, `location`), as it writes them: relative
  /// to its own folder.
  std::set<std::string> external_files() const;

  /// What the main graph takes, weights apart, in the file's order.
  std::vector<OnnxInput> inputs() const;

  /// Numbers in the weights of the main graph that have several axes.
  std::int64_t parameters() const;

  /// The first of `names` that a tensor of the main graph has: an input, a weight, or what a node makes.
  std::optional<std::string> find(const std::vector<std::string>& names) const;

  /// Tensors of `graph`, which was read from this file, as the file names them. kFailedPrecondition: it has none of a
  /// tensor's names.
  Result<std::vector<TensorSpec>> specs_of(const Graph& graph, const std::vector<EdgeId>& edges) const;

  /// The model's bytes with an Identity in the place of every Clip that lacks a bound; none if there is no such Clip.
  std::optional<std::string> without_open_clips() const;

  /// Writes the piece that computes `outputs` from `inputs`, with the weights that it needs in a file beside it (same
  /// stem, ".weights"). The specs name tensors of the main graph and say which types and static shapes they have there.
  /// A tensor that travels through, or is asked for twice, gets an Identity of its own. kInvalidArgument: a tensor does
  /// not exist, or `outputs` need an input of the model that is not among `inputs` (it is named). kDataLoss: weights
  /// are missing from their file.
  Status save_piece(const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& outputs,
                    const std::filesystem::path& path) const;
  /// The same of a piece that computes `range` of its one output (onnx_narrow.h); returns what it reads of its inputs.
  /// kFailedPrecondition: an operator that cannot be divided so, or an operator set before 10.
  Result<std::vector<std::optional<AxisRange>>> save_part(const std::vector<TensorSpec>& inputs,
                                                          const TensorSpec& output, const AxisRange& range,
                                                          const ShapeOf& shape_of,
                                                          const std::filesystem::path& path) const;

 private:
  struct Model;
  struct Piece;
  Result<Piece> take_piece(const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& outputs,
                           const std::filesystem::path& path) const;
  OnnxFile(std::filesystem::path path, std::unique_ptr<Model> model);

  std::filesystem::path path_;
  std::unique_ptr<Model> model_;
};

}  // namespace sparseloom::backend
