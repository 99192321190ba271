#include <fmt/format.h>

#include "apps/commands.h"
#include "cli/version.h"
#include "sparseloom/backend/runtime.h"

namespace sparseloom::apps {

std::function<Status()> add_version(CLI::App&) {
  return []() -> Status {
    SL_ASSIGN_OR_RETURN(const auto runtime, backend::make_runtime("auto"));
    fmt::print("sparseloom {}\n{}\n", cli::kVersion, runtime->version());
    return {};
  };
}

}  // namespace sparseloom::apps
