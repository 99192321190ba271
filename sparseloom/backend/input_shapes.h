// Private to the runtimes: the static shapes that a model is read with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/tensor.h"

namespace sparseloom::backend {

/// What a model file says of one extent: it lies between the two.
struct Extent {
  std::int64_t least = 0;
  std::int64_t most = -1;  ///< -1: no bound
  bool fixed() const { return least == most; }
  bool allows(std::int64_t extent) const { return extent >= least && (most < 0 || extent <= most); }
};

/// An input as its model's file has it.
struct FileInput {
  std::vector<std::string> names;            ///< the first is its own; the others are its tensor's
  std::optional<std::vector<Extent>> shape;  ///< none: not even the number of dimensions is known
};

/// "[?,3,1..224]".
std::string describe(const std::optional<std::vector<Extent>>& shape);

/// What a user might pass for --shape: the extents that are known; for the others 1 as the batch, 224 in images (four
/// dimensions), else 128, within what the model allows. "1,128".
std::string example_shape(const std::optional<std::vector<Extent>>& shape);

/// By the inputs' numbers: the shapes that are to be set. `shapes` has them by one of an input's names, or "" for a
/// model's only input. Every dynamic input needs one; but of several dimensions a dynamic first one alone is a batch,
/// and 1. kInvalidArgument: a shape that does not fit its input, or is of none; kFailedPrecondition: one is missing.
Result<std::map<std::size_t, Shape>> shapes_to_set(const std::vector<FileInput>& inputs,
                                                   const std::filesystem::path& path,
                                                   const std::map<std::string, Shape>& shapes);

/// What no memory holds would end in std::bad_alloc, or in the system killing the process: kResourceExhausted.
Status check_fits_memory(const TensorSpec& spec, const std::filesystem::path& path);

/// kFailedPrecondition: an extent is known only when running, by name.
Status check_static(const TensorSpec& spec);

}  // namespace sparseloom::backend
