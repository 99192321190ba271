#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sparseloom/base/status.h"

namespace sparseloom::apps {

/// Compares the methods of placing operators (docs/hybrid.md) on model files and the modelled ones of `socs`, and
/// writes placements.html and placements.csv into the folder `out`.
Status evaluate_networks(const std::vector<std::string>& networks, const std::vector<std::string>& socs,
                         const std::filesystem::path& out);

}  // namespace sparseloom::apps
