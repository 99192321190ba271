#pragma once

#include <filesystem>
#include <vector>

namespace sparseloom::cli {

/// The folder of this program. Empty if the operating system does not tell.
std::filesystem::path program_folder();

/// Where zoos (zoos/), modelled machines (socs/) and examples are looked for, first to last: `variable`, the value of
/// SPARSELOOM_DATA_DIR, if it is not empty; the working directory; and what came with the program in `program`:
/// ../share/sparseloom as installed, or the source tree around its build tree.
std::vector<std::filesystem::path> data_folders(const std::filesystem::path& variable,
                                                const std::filesystem::path& program);

/// The same for this process.
std::vector<std::filesystem::path> data_folders();

}  // namespace sparseloom::cli
