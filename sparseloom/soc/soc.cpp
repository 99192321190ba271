#include "sparseloom/soc/soc.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

#include "sparseloom/base/file.h"
#include "sparseloom/base/names.h"
#include "sparseloom/soc/discover.h"
#include "sparseloom/soc/topology.h"

namespace sparseloom::soc {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

std::string names_of(std::span<const backend::Provider> providers) {
  std::vector<std::string_view> names;
  for (const backend::Provider provider : providers) names.push_back(backend::provider_name(provider));
  return fmt::format("{}", fmt::join(names, ", "));
}

Processor cpu_processor(std::size_t index, const std::vector<CpuIndex>& cores, const std::vector<LogicalCpu>& cpus,
                        const std::vector<backend::Provider>& providers) {
  Processor processor;
  processor.name = fmt::format("cpu{}", index);
  processor.device = "CPU";
  processor.cores = cores;
  processor.memory_domain = "host";
  processor.kind = fmt::format("{} x{}", core_kind(cpus, cores.front()), cores.size());
  processor.providers = providers;
  return processor;
}

// "GPU.0" -> "gpu0", "NPU" -> "npu0".
Processor device_processor(const backend::Device& device, const std::vector<CpuIndex>& driver_cores) {
  const std::size_t dot = device.name.find('.');
  const std::string kind = lower(device.name.substr(0, dot));
  Processor processor;
  processor.name = kind + (dot == std::string::npos ? "0" : device.name.substr(dot + 1));
  processor.device = device.name;
  processor.cores = driver_cores;
  processor.memory_domain = processor.name;
  processor.kind = device.description.empty() ? device.name : device.description;
  processor.providers = device.providers;
  return processor;
}

// Processors with indices in a row, as one place: "cpu0-1". Kernels for sparse weights use one core, so a gang does not
// offer them. Gangs of one size share what is compiled, which a runtime with threads of its own cannot: those stay on
// their cores. So of `several` only OpenVINO, whose threads follow the caller, is offered.
void add_gang(Soc& soc, const std::vector<std::size_t>& members, bool several) {
  const Processor& first = soc.processors[members.front()];
  Processor gang = first;
  gang.name = fmt::format("{}-{}", first.name, members.back());
  gang.kind = gang_kind(members.size(), first);
  std::erase_if(gang.providers, [several](backend::Provider b) {
    return backend::info(b).sparse_layers != backend::SparseLayers::kNone ||
           (several && b == backend::Provider::kOnnxRuntime);
  });
  std::vector<ProcessorId> ids;
  for (const std::size_t p : members) {
    ids.emplace_back(p);
    const std::vector<CpuIndex>& cores = soc.processors[p].cores;
    if (p != members.front()) gang.cores.insert(gang.cores.end(), cores.begin(), cores.end());
  }
  soc.processors.add_gang(std::move(gang), std::move(ids));
}

// Gangs are left out: they follow from what their members are.
std::string fingerprint_of(const Soc& soc, const CpuIdentity& identity, const backend::Executor& runtimes) {
  std::string text = fmt::format("{}\n{}\n{}\n", identity.model, fmt::join(identity.flags, " "), runtimes.version());
  for (const Processor& p : soc.processors) {
    text += fmt::format("{} {} {} {} {}\n", p.name, p.device, p.kind, fmt::join(p.cores, ","), names_of(p.providers));
  }
  return sha256(text).substr(0, 16);
}

bool is_cpu(const Processor& p) { return p.device == "CPU"; }

bool interchangeable(const Processor& a, const Processor& b) {
  const auto traits = [](const Processor& p) { return std::tie(p.device, p.kind, p.memory_domain, p.providers); };
  return traits(a) == traits(b) && a.cores.size() == b.cores.size();
}

}  // namespace

Processors::Processors(std::initializer_list<Processor> list) {
  for (const Processor& processor : list) push_back(processor);
}

std::string gang_kind(std::size_t members, const Processor& member) {
  return fmt::format("gang of {} {}", members, member.kind);
}

bool Pools::overlap(ProcessorId a, ProcessorId b) const {
  bool same = false;
  each_taken(a, [&](ProcessorId p) { each_taken(b, [&](ProcessorId q) { same = same || p == q; }); });
  return same;
}

void Processors::add(Processor place, std::size_t first_pool) {
  const auto first = pools_.members.begin() + static_cast<std::ptrdiff_t>(first_pool);
  const auto pool = std::find_if(first, pools_.members.end(), [&](const auto& members) {
    return interchangeable(list_[members.front().index()], place);
  });
  pools_.of.push_back(static_cast<std::size_t>(pool - pools_.members.begin()));
  const ProcessorId id(list_.size());
  if (pool == pools_.members.end()) {
    pools_.members.push_back({id});
  } else {
    pool->push_back(id);
  }
  list_.push_back(std::move(place));
}

void Processors::push_back(Processor processor) { add(std::move(processor), 0); }

void Processors::add_gang(Processor gang, std::vector<ProcessorId> members) {
  const std::size_t first_pool = pools_.of_processors();
  pools_.gangs.push_back(std::move(members));
  add(std::move(gang), first_pool);
}

Processors Processors::without_gangs() const {
  Processors result;
  for (const Processor& processor : *this) result.push_back(processor);
  return result;
}

Result<ProcessorId> Soc::find(std::string_view place_name) const {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < processors.places(); ++i) {
    if (processors[i].name == place_name) return ProcessorId(i);
    names.push_back(processors[i].name);
  }
  return unknown_name("processor", place_name, names);
}

Result<Soc> confined(const Soc& soc, std::span<const backend::Provider> providers) {
  if (providers.empty()) return soc;
  const auto wanted = [&](backend::Provider b) {
    return std::find(providers.begin(), providers.end(), b) != providers.end();
  };
  for (const Processor& p : soc.processors) {
    if (std::any_of(p.providers.begin(), p.providers.end(), wanted)) continue;
    std::string why;
    for (const backend::AbsentProvider& absent : soc.absent) {
      if (wanted(absent.provider)) why += fmt::format(" ({})", absent.reason);
    }
    return error(Code::kInvalidArgument, "processor '{}': cannot be confined to {}; it offers: {}{}", p.name,
                 names_of(providers), names_of(p.providers), why);
  }
  Soc result = soc;
  result.processors = soc.processors.changed([&](Processor p) {
    std::erase_if(p.providers, [&](backend::Provider b) { return !wanted(b); });
    return std::optional(std::move(p));
  });
  return result;
}

Soc without(const Soc& soc, ProcessorId lost) {
  Soc result = soc;
  std::size_t place = 0;
  result.processors = soc.processors.changed([&](Processor p) {
    const ProcessorId here(place++);
    if (soc.pools().is_gang(lost) ? here == lost : soc.pools().overlap(here, lost)) p.providers.clear();
    return std::optional(std::move(p));
  });
  return result;
}

Soc with_hybrid(const Soc& soc) {
  Soc result = soc;
  std::size_t place = 0;
  result.processors = soc.processors.changed([&](Processor p) {
    const ProcessorId id(place++);
    if (soc.pools().is_gang(id) && soc.pools().pool(id).size() == 1) p.providers.push_back(backend::Provider::kHybrid);
    return std::optional(std::move(p));
  });
  const auto cpu = std::find_if(soc.processors.begin(), soc.processors.end(), is_cpu);
  for (std::size_t d = 0; d < soc.processors.size() && cpu != soc.processors.end(); ++d) {
    const Processor& device = soc.processors[d];
    if (is_cpu(device)) continue;
    Processor gang = *cpu;
    gang.name = fmt::format("{}+{}", cpu->name, device.name);
    gang.kind = fmt::format("gang of {} and {}", cpu->kind, device.kind);
    gang.providers = {backend::Provider::kHybrid};
    result.processors.add_gang(std::move(gang),
                               {ProcessorId(static_cast<std::size_t>(cpu - soc.processors.begin())), ProcessorId(d)});
  }
  return result;
}

Soc without_gangs(const Soc& soc) {
  Soc result = soc;
  result.processors = soc.processors.without_gangs();
  return result;
}

std::vector<backend::Provider> offered_providers(const Soc& soc) {
  std::vector<backend::Provider> offered;
  for (const backend::Provider provider : backend::kProviders) {
    for (std::size_t p = 0; p < soc.processors.places(); ++p) {
      const auto& here = soc.processors[p].providers;
      if (std::find(here.begin(), here.end(), provider) == here.end()) continue;
      offered.push_back(provider);
      break;
    }
  }
  return offered;
}

Soc cpus_of(const Soc& soc) {
  Soc result = soc;
  result.processors = {};
  for (const Processor& p : soc.processors) {
    if (is_cpu(p)) result.processors.push_back(p);
  }
  return result;
}

Result<Soc> discover(const backend::Executor& runtimes, const DiscoverOptions& options) {
  const std::vector<CpuIndex> allowed = options.allowed.empty() ? allowed_cpus() : options.allowed;
  const auto cpus = read_topology(options.sysfs, allowed);
  const CpuIdentity identity = read_identity(options.cpuinfo);
  SL_ASSIGN_OR_RETURN(const auto groups, group_cores(cpus, options.cores_per_processor));
  const std::vector<backend::Device> devices = runtimes.devices();
  const auto cpu = std::find_if(devices.begin(), devices.end(), [](const auto& d) { return d.name == "CPU"; });
  Soc soc;
  for (std::size_t i = 0; i < groups.size() && cpu != devices.end(); ++i) {
    soc.processors.push_back(cpu_processor(i, groups[i], cpus, cpu->providers));
  }
  std::vector<std::string> others;
  for (const backend::Device& device : devices) {
    if (device.name == "CPU") continue;
    soc.processors.push_back(device_processor(device, allowed));
    others.push_back(device.description.empty() ? device.name : device.description);
  }
  if (cpu != devices.end()) {
    const auto gangs = gangs_of(cpus, groups);
    for (const auto& members : gangs) {
      const auto as_large =
          std::count_if(gangs.begin(), gangs.end(), [&](const auto& other) { return other.size() == members.size(); });
      add_gang(soc, members, as_large > 1);
    }
  }
  soc.name = fmt::format("{}, {} {}", identity.model, allowed.size(), allowed.size() == 1 ? "CPU" : "CPUs");
  if (!others.empty()) soc.name += fmt::format(", {}", fmt::join(others, ", "));
  soc.fingerprint = fingerprint_of(soc, identity, runtimes);
  soc.absent = runtimes.absent();
  return soc;
}

}  // namespace sparseloom::soc
