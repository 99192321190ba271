#pragma once

#include <compare>
#include <cstddef>
#include <functional>

namespace sparseloom {

/// An index into one kind of thing, that cannot be mixed up with an index into another kind.
/// `struct TaskTag; using TaskId = StrongId<TaskTag>;` There is no "none" value: use std::optional.
template <typename Tag>
class StrongId {
 public:
  constexpr StrongId() = default;
  constexpr explicit StrongId(std::size_t index) : index_(index) {}

  /// Position in the table this id indexes.
  constexpr std::size_t index() const { return index_; }

  friend constexpr auto operator<=>(StrongId, StrongId) = default;

 private:
  std::size_t index_ = 0;
};

}  // namespace sparseloom

template <typename Tag>
struct std::hash<sparseloom::StrongId<Tag>> {
  std::size_t operator()(sparseloom::StrongId<Tag> id) const noexcept { return std::hash<std::size_t>{}(id.index()); }
};
