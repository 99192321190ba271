// Private to this folder: OpenVINO's types and exceptions in terms of ours.
#pragma once

#include <openvino/core/node_output.hpp>
#include <openvino/core/type/element_type.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/backend/input_shapes.h"
#include "sparseloom/base/status.h"
#include "sparseloom/base/tensor.h"

namespace sparseloom::backend {

/// nullopt for types that have no counterpart (strings, 4-bit weights).
std::optional<ElementType> element_type_of(ov::element::Type type);
ov::element::Type to_openvino(ElementType type);

/// Extents; -1 for one that is known only when running, {-1} if not even their number is known.
Shape shape_of(const ov::PartialShape& shape);

/// The same with the bounds that the model gives them.
std::optional<std::vector<Extent>> extents_of(const ov::PartialShape& shape);

/// What an OpenVINO exception says, in one line, without the source positions it opens with; operators that OpenVINO
/// does not know come first, all of them.
std::string one_line(std::string_view what);

/// Inside a catch block: what was thrown as `code` and "context: message"; kResourceExhausted where memory or the disk
/// ran out.
Status status_of_thrown(Code code, const std::string& context);

/// Runs `action`, which returns Status or Result, and turns what OpenVINO throws into a status (status_of_thrown).
template <typename Action>
auto guarded(Code code, const std::string& context, Action action) -> decltype(action()) {
  try {
    return action();
  } catch (const std::exception&) {
    return status_of_thrown(code, context);
  }
}

}  // namespace sparseloom::backend
