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

std::string fingerprint_of(const Soc& soc, const CpuIdentity& identity, const backend::Executor& runtimes) {
  std::string text = fmt::format("{}\n{}\n{}\n", identity.model, fmt::join(identity.flags, " "), runtimes.version());
  for (const Processor& p : soc.processors) {
    text += fmt::format("{} {} {} {} {}\n", p.name, p.device, p.kind, fmt::join(p.cores, ","), names_of(p.providers));
  }
  return sha256(text).substr(0, 16);
}

bool interchangeable(const Processor& a, const Processor& b) {
  const auto traits = [](const Processor& p) { return std::tie(p.device, p.kind, p.memory_domain, p.providers); };
  return traits(a) == traits(b) && a.cores.size() == b.cores.size();
}

}  // namespace

Processors::Processors(std::initializer_list<Processor> list) {
  for (const Processor& processor : list) push_back(processor);
}

void Processors::push_back(Processor processor) {
  const auto pool = std::find_if(pools_.members.begin(), pools_.members.end(), [&](const auto& members) {
    return interchangeable(list_[members.front().index()], processor);
  });
  pools_.of.push_back(static_cast<std::size_t>(pool - pools_.members.begin()));
  const ProcessorId id(list_.size());
  if (pool == pools_.members.end()) {
    pools_.members.push_back({id});
  } else {
    pool->push_back(id);
  }
  list_.push_back(std::move(processor));
}

Result<ProcessorId> Soc::find(std::string_view processor_name) const {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < processors.size(); ++i) {
    if (processors[i].name == processor_name) return ProcessorId(i);
    names.push_back(processors[i].name);
  }
  return unknown_name("processor", processor_name, names);
}

Result<Soc> confined(const Soc& soc, std::span<const backend::Provider> providers) {
  if (providers.empty()) return soc;
  Soc result = soc;
  result.processors = {};
  for (Processor p : soc.processors) {
    const std::string offered = names_of(p.providers);
    std::erase_if(p.providers, [&](backend::Provider b) {
      return std::find(providers.begin(), providers.end(), b) == providers.end();
    });
    if (p.providers.empty()) {
      std::string why;
      for (const backend::AbsentProvider& absent : soc.absent) {
        if (std::find(providers.begin(), providers.end(), absent.provider) != providers.end())
          why += fmt::format(" ({})", absent.reason);
      }
      return error(Code::kInvalidArgument, "processor '{}': cannot be confined to {}; it offers: {}{}", p.name,
                   names_of(providers), offered, why);
    }
    result.processors.push_back(std::move(p));
  }
  return result;
}

Soc cpus_of(const Soc& soc) {
  Soc result = soc;
  result.processors = {};
  for (const Processor& p : soc.processors) {
    if (p.device == "CPU") result.processors.push_back(p);
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
  soc.name = fmt::format("{}, {} {}", identity.model, allowed.size(), allowed.size() == 1 ? "CPU" : "CPUs");
  if (!others.empty()) soc.name += fmt::format(", {}", fmt::join(others, ", "));
  soc.fingerprint = fingerprint_of(soc, identity, runtimes);
  soc.absent = runtimes.absent();
  return soc;
}

}  // namespace sparseloom::soc
