#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "apps/commands.h"
#include "apps/setup.h"
#include "apps/table.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/soc/soc.h"

namespace sparseloom::apps {
namespace {

struct Options {
  std::string json;
  int cores_per_processor = 0;
};

Json to_json(const soc::Soc& soc) {
  Json processors = Json::array();
  for (const soc::Processor& p : soc.processors) {
    processors.push_back({{"name", p.name},
                          {"runtime", p.runtime},
                          {"device", p.device},
                          {"cores", p.cores},
                          {"backends", backend_names(p.backends)},
                          {"memory_domain", p.memory_domain},
                          {"kind", p.kind}});
  }
  return {{"name", soc.name},
          {"modelled", soc.modelled},
          {"fingerprint", soc.fingerprint},
          {"processors", std::move(processors)}};
}

Status run(const Options& options) {
  SL_RETURN_IF_ERROR(check_writable("--json", options.json));
  SL_ASSIGN_OR_RETURN(const auto runtime, backend::make_runtime("openvino"));
  soc::DiscoverOptions discover;
  if (options.cores_per_processor != 0) discover.cores_per_processor = options.cores_per_processor;
  SL_ASSIGN_OR_RETURN(const soc::Soc soc, soc::discover(*runtime, discover));
  if (!options.json.empty()) SL_RETURN_IF_ERROR(write_file(options.json, to_json(soc).dump(2) + "\n"));
  Table table({"processor", "device", "cores", "backends", "kind", "memory domain"});
  for (const soc::Processor& p : soc.processors) {
    table.add({p.name, p.device, fmt::format("{}", fmt::join(p.cores, ",")),
               fmt::format("{}", fmt::join(backend_names(p.backends), ", ")), p.kind, p.memory_domain});
  }
  fmt::print("{}\nfingerprint {} ({} {})\n\n{}", soc.name, soc.fingerprint, runtime->name(), runtime->version(),
             table.text());
  return {};
}

}  // namespace

std::function<Status()> add_soc(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--json", options->json, "also write the processors to this file");
  command.add_option("--cores-per-processor", options->cores_per_processor,
                     "group cores so (default: one core each up to 8 cores, else one processor per cluster)");
  return [options] { return run(*options); };
}

}  // namespace sparseloom::apps
