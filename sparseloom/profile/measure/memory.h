#pragma once

#include <filesystem>
#include <vector>

#include "sparseloom/base/units.h"

namespace sparseloom::profile {

/// Memory the process holds for compiled subgraphs, as two readings subtract: bytes in use in the C library's heap (all
/// arenas, and blocks that it mapped one by one), plus resident pages of files below `folders` that the runtime has
/// mapped (weights, compiled blobs). Exact for what goes through malloc, which is all but a runtime's generated code;
/// does not depend on what the heap keeps free, unlike the process's resident set, which moves by more than a subgraph
/// of a megabyte. Other threads must not allocate between two readings. Cost: about a millisecond.
Bytes memory_in_use(const std::vector<std::filesystem::path>& folders);

/// Growth from one reading to a later one; 0 if it shrank.
Bytes growth(Bytes before, Bytes after);

}  // namespace sparseloom::profile
