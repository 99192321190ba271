#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "apps/commands.h"
#include "apps/soc_check.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/plan/names.h"
#include "sparseloom/report/table.h"
#include "sparseloom/soc/discover.h"
#include "sparseloom/soc/energy_meter.h"
#include "sparseloom/soc/soc.h"

namespace sparseloom::apps {
namespace {

using backend::Precision;

struct Options {
  std::string soc;
  std::string json;
  int cores_per_processor = 0;
};

Json rates_json(const soc::Rates& rates) {
  Json json = Json::object();
  for (const Precision p : backend::kPrecisions) {
    const soc::Arithmetic& of = rates.of(p);
    json[std::string(backend::precision_name(p))] = {{"runs_as", backend::precision_name(of.runs_as)},
                                                     {"tops", rates.of(of.runs_as).operations_per_second / 1e12}};
  }
  json["memory_gb_per_s"] = rates.bytes_per_second / 1e9;
  json["launch_us"] = rates.launch.count() * 1e6;
  json["operator_us"] = rates.per_operator.count() * 1e6;
  return json;
}

// What is modelled: joules of a run follow from it (docs/hybrid.md).
void add_energy(const soc::EnergyRates& energy, Json& json) {
  for (std::size_t p = 0; p < energy.power.size(); ++p) {
    json["processors"][p]["idle_w"] = energy.power[p].idle;
    json["processors"][p]["active_w"] = energy.power[p].active;
  }
  json["dram_pj_per_byte"] = energy.joules_per_byte * 1e12;
}

std::vector<std::string> member_names(const soc::Soc& soc, std::size_t gang) {
  std::vector<std::string> names;
  for (const soc::ProcessorId member : soc.pools().gangs[gang]) names.push_back(soc.processor(member).name);
  return names;
}

Json to_json(const soc::Soc& soc, const std::vector<std::optional<soc::Rates>>& rates) {
  Json processors = Json::array();
  for (std::size_t i = 0; i < soc.processors.size(); ++i) {
    const soc::Processor& p = soc.processors[i];
    processors.push_back({{"name", p.name},
                          {"device", p.device},
                          {"cores", p.cores},
                          {"providers", plan::provider_names(p.providers)},
                          {"memory_domain", p.memory_domain},
                          {"kind", p.kind}});
    if (i < rates.size() && rates[i]) processors.back()["rates"] = rates_json(*rates[i]);
  }
  Json gangs = Json::array();
  for (std::size_t g = 0; g < soc.pools().gangs.size(); ++g) {
    const std::size_t place = soc.processors.size() + g;
    const soc::Processor& gang = soc.processors[place];
    gangs.push_back({{"name", gang.name},
                     {"members", member_names(soc, g)},
                     {"cores", gang.cores},
                     {"providers", plan::provider_names(gang.providers)},
                     {"kind", gang.kind}});
    if (place < rates.size() && rates[place]) gangs.back()["rates"] = rates_json(*rates[place]);
  }
  Json absent = Json::array();
  for (const backend::AbsentProvider& a : soc.absent)
    absent.push_back({{"provider", backend::provider_name(a.provider)}, {"reason", a.reason}});
  return {{"name", soc.name},
          {"modelled", soc.modelled},
          {"fingerprint", soc.fingerprint},
          {"processors", std::move(processors)},
          {"gangs", std::move(gangs)},
          {"absent", std::move(absent)}};
}

std::string processors_text(const soc::Soc& soc) {
  report::Table table({"processor", "device", "cores", "providers", "kind", "memory domain"});
  for (const soc::Processor& p : soc.processors) {
    table.add({p.name, p.device, fmt::format("{}", fmt::join(p.cores, ",")),
               fmt::format("{}", fmt::join(plan::provider_names(p.providers), ", ")), p.kind, p.memory_domain});
  }
  std::string text = table.text();
  if (soc.pools().gangs.empty()) return text;
  report::Table gangs({"gang", "members", "providers", "kind"});
  for (std::size_t g = 0; g < soc.pools().gangs.size(); ++g) {
    const soc::Processor& gang = soc.processors[soc.processors.size() + g];
    gangs.add({gang.name, fmt::format("{}", fmt::join(member_names(soc, g), ", ")),
               fmt::format("{}", fmt::join(plan::provider_names(gang.providers), ", ")), gang.kind});
  }
  return text + "\nGangs, whose members run one subgraph together:\n" + gangs.text();
}

std::string tops_of(const soc::Rates& rates, Precision p) {
  const Precision as = rates.of(p).runs_as;
  const std::string tops = fmt::format("{:.2f}", rates.of(as).operations_per_second / 1e12);
  return as == p ? tops : fmt::format("as {}", backend::precision_name(as));
}

// What a processor makes of zeros among weights.
std::string sparsity_of(const soc::Rates& rates) {
  std::vector<std::string> kinds;
  for (const Precision p : backend::kPrecisions) {
    if (!rates.unstructured_of(p).empty()) kinds.push_back(fmt::format("any ({})", backend::precision_name(p)));
    if (rates.two_of_four[static_cast<std::size_t>(p)] > 1) {
      kinds.push_back(fmt::format("2:4 ({})", backend::precision_name(p)));
    }
  }
  return kinds.empty() ? "smaller shapes only" : fmt::format("{}", fmt::join(kinds, ", "));
}

// "draws (modelled): cpu 0.4 W idle, 15.2 W active; ...".
std::string energy_text(const soc::SocFile& file) {
  std::vector<std::string> parts;
  for (std::size_t p = 0; p < file.energy->power.size(); ++p) {
    const soc::Power& power = file.energy->power[p];
    parts.push_back(
        fmt::format("{} {:g} W idle, {:g} W active", file.soc.processors[p].name, power.idle, power.active));
  }
  parts.push_back(fmt::format("memory {:g} pJ per byte", file.energy->joules_per_byte * 1e12));
  return fmt::format("draws: {}\n", fmt::join(parts, "; "));
}

Status list_modelled(const Options& options) {
  if (options.cores_per_processor != 0) {
    return error(Code::kInvalidArgument, "--cores-per-processor: groups this machine's cores; --soc {} has its own",
                 options.soc);
  }
  SL_ASSIGN_OR_RETURN(const soc::SocFile file, cli::find_soc(options.soc));
  if (!options.json.empty()) {
    Json json = to_json(file.soc, file.rates);
    if (file.energy) add_energy(*file.energy, json);
    SL_RETURN_IF_ERROR(write_file(options.json, json.dump(2) + "\n"));
  }
  fmt::print("{}\nfingerprint {}\n\n{}", file.soc.name, file.soc.fingerprint, processors_text(file.soc));
  report::Table table(
      {"modelled", "fp32 TOPS", "fp16 TOPS", "int8 TOPS", "GB/s", "launch us", "operator us", "gains from zeros"});
  for (std::size_t i = 0; i < file.rates.size(); ++i) {
    if (!file.rates[i]) {
      table.add({file.soc.processors[i].name, "-", "-", "-", "-", "-", "-", "measured tables only"});
      continue;
    }
    const soc::Rates& rates = *file.rates[i];
    table.add({file.soc.processors[i].name, tops_of(rates, Precision::kFp32), tops_of(rates, Precision::kFp16),
               tops_of(rates, Precision::kInt8), fmt::format("{:.1f}", rates.bytes_per_second / 1e9),
               fmt::format("{:.1f}", rates.launch.count() * 1e6),
               fmt::format("{:.1f}", rates.per_operator.count() * 1e6), sparsity_of(rates)});
  }
  fmt::print(
      "\n{}TOPS: operations per second reached, peak times efficiency; the file says where each number is from\n",
      table.text());
  if (file.energy) fmt::print("{}", energy_text(file));
  if (file.transfer) {
    fmt::print("moving tensors between memory domains: {:.1f} us + bytes / {:.1f} GB/s\n",
               file.transfer->latency.count() * 1e6, 1e-9 / file.transfer->seconds_per_byte);
  }
  return {};
}

Status list_host(const Options& options) {
  SL_ASSIGN_OR_RETURN(const auto runtime, backend::make_runtime("auto"));
  soc::DiscoverOptions discover;
  if (options.cores_per_processor != 0) discover.cores_per_processor = options.cores_per_processor;
  SL_ASSIGN_OR_RETURN(const soc::Soc soc, soc::discover(*runtime, discover));
  const auto meter = soc::open_energy_meter();
  if (!options.json.empty()) {
    Json json = to_json(soc, {});
    json["energy_meter"] = meter.ok() ? Json{{"source", (*meter)->source()}}
                                      : Json{{"source", nullptr}, {"why_not", meter.status().message()}};
    SL_RETURN_IF_ERROR(write_file(options.json, json.dump(2) + "\n"));
  }
  fmt::print("{}\nfingerprint {} ({})\n\n{}", soc.name, soc.fingerprint, runtime->version(), processors_text(soc));
  for (const backend::AbsentProvider& absent : soc.absent)
    fmt::print("not here: {} ({})\n", backend::provider_name(absent.provider), absent.reason);
  fmt::print("energy: {}\n",
             meter.ok() ? (*meter)->source() : fmt::format("not available ({})", meter.status().message()));
  return {};
}

Status list(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  return options.soc.empty() ? list_host(options) : list_modelled(options);
}

}  // namespace

std::function<Status()> add_soc(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--soc", options->soc,
                     "list this modelled machine instead of the one at hand: a file (docs/soc-format.md) or a name in "
                     "socs/");
  command.add_option("--json", options->json, "also write the processors to this file");
  command.add_option("--cores-per-processor", options->cores_per_processor,
                     "group cores so (default: one core each up to 8 cores, else one processor per cluster)");
  command.require_subcommand(0, 1);
  CLI::App* const checking = command.add_subcommand(
      "check", "hold the model of modelled machines against what this machine was measured to take");
  const std::function<Status()> check = add_soc_check(*checking);
  return [options, checking, check] { return checking->parsed() ? check() : list(*options); };
}

}  // namespace sparseloom::apps
