#include "sparseloom/soc/soc_file.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>
#include <vector>

#include "sparseloom/base/file.h"
#include "sparseloom/base/names.h"

namespace sparseloom::soc {
namespace {

using backend::kPrecisions;
using backend::Precision;
using backend::precision_name;

constexpr double kMostOfAnything = 1e9;
constexpr double kLeastAboveZero = 1e-12;
constexpr std::int64_t kMostCores = 4096;
constexpr std::int64_t kMostStages = 1000;

/// Numbers that a place in the file takes.
struct Allowed {
  double least = 0;
  double most = kMostOfAnything;
  bool zero = false;  ///< whether 0 itself is allowed where `least` is 0
};

void check(JsonObject& object, std::string_view key, double value, const Allowed& allowed) {
  const bool zero = allowed.zero && value == 0;  // what is hardly more has an infinite inverse
  const bool fits = zero || (value >= std::max(allowed.least, kLeastAboveZero) && value <= allowed.most);
  if (fits) return;  // NaN does not
  object.fail(key, fmt::format("{}; {} {:g} to {:g} is allowed", value,
                               allowed.zero || allowed.least > 0 ? "from" : "above", allowed.least, allowed.most));
}

void check_source(JsonObject& object) {
  if (object.string("source").empty()) object.fail("source", "empty; say where the number comes from");
}

// {"value": number, "source": text}
Result<double> quantity(JsonObject& parent, std::string_view key, const Allowed& allowed) {
  const Json* json = parent.object(key);
  if (json == nullptr) return 0.0;  // remembered by the parent
  JsonObject object(*json, parent.place(key));
  const double value = object.number("value");
  check(object, "value", value, allowed);
  check_source(object);
  SL_RETURN_IF_ERROR(object.finish());
  return value;
}

// `dots`: as in "GPU.0".
std::string name_of(JsonObject& object, std::string_view key, bool dots = false) {
  std::string name = object.string(key);
  const auto allowed = [&](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || c == '-' || c == '_' || (dots && c == '.');
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), allowed)) {
    object.fail(key,
                fmt::format("'{}' is no name; letters, digits, {} are allowed", name, dots ? "-, _ and ." : "- and _"));
  }
  return name;
}

/// By processor, as they are read.
using Powers = std::vector<std::optional<Power>>;

std::optional<Precision> precision_from(std::string_view name) {
  for (const Precision p : kPrecisions) {
    if (precision_name(p) == name) return p;
  }
  return std::nullopt;
}

// Either {"peak_tops": Q, "efficiency": Q} or {"runs_as": format, "source": text}.
Result<Arithmetic> parse_arithmetic(JsonObject& parent, Precision precision) {
  const Json* json = parent.object(precision_name(precision));
  if (json == nullptr) return Arithmetic{};
  JsonObject object(*json, parent.place(precision_name(precision)));
  Arithmetic arithmetic{.runs_as = precision};
  if (object.has("runs_as")) {
    const std::string name = object.string("runs_as");
    const auto other = precision_from(name);
    if (!other || *other == precision) {
      object.fail("runs_as", fmt::format("'{}'; allowed: another one of fp32, fp16, int8", name));
    }
    arithmetic.runs_as = other.value_or(precision);
    check_source(object);
  } else {
    SL_ASSIGN_OR_RETURN(const double peak_tops, quantity(object, "peak_tops", {}));
    SL_ASSIGN_OR_RETURN(const double efficiency, quantity(object, "efficiency", {.most = 1}));
    arithmetic.operations_per_second = peak_tops * efficiency * 1e12;
  }
  SL_RETURN_IF_ERROR(object.finish());
  return arithmetic;
}

// {"points": [[zeros, factor], ...], "source": text}
Result<std::vector<SpeedUp>> parse_curve(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  std::vector<SpeedUp> curve;
  for (const auto& [point, place] : object.array("points")) {
    const bool pair = point->is_array() && point->size() == 2 && (*point)[0].is_number() && (*point)[1].is_number();
    if (!pair) return error(Code::kMalformed, "{}: expected [share of zeros, factor]", place);
    const SpeedUp at{(*point)[0].get<double>(), (*point)[1].get<double>()};
    const double before = curve.empty() ? 0.0 : curve.back().zeros;
    if (!(at.zeros > before && at.zeros < 1)) {
      return error(Code::kMalformed, "{}: zeros {}; above {} and below 1 is allowed: points ascend", place, at.zeros,
                   before);
    }
    if (!(at.factor > 0 && at.factor <= 1000)) {
      return error(Code::kMalformed, "{}: factor {}; above 0 to 1000 is allowed", place, at.factor);
    }
    curve.push_back(at);
  }
  if (curve.empty()) object.fail("points", "expected at least one");
  check_source(object);
  SL_RETURN_IF_ERROR(object.finish());
  return curve;
}

Status parse_sparsity(const Json& json, const std::string& where, Rates& rates) {
  JsonObject object(json, where);
  const Json none = Json::object();
  const auto child = [&](std::string_view key) {
    const Json* found = object.has(key) ? object.object(key) : nullptr;
    return found == nullptr ? &none : found;
  };
  JsonObject factors(*child("two_of_four"), object.place("two_of_four"));
  JsonObject curves(*child("unstructured"), object.place("unstructured"));
  for (const Precision p : kPrecisions) {
    const auto index = static_cast<std::size_t>(p);
    const std::string_view name = precision_name(p);
    if (factors.has(name)) {
      SL_ASSIGN_OR_RETURN(rates.two_of_four[index], quantity(factors, name, {.least = 1, .most = 2}));
    }
    if (!curves.has(name)) continue;
    if (const Json* curve = curves.object(name)) {
      SL_ASSIGN_OR_RETURN(rates.unstructured[index], parse_curve(*curve, curves.place(name)));
    }
  }
  SL_RETURN_IF_ERROR(factors.finish());
  SL_RETURN_IF_ERROR(curves.finish());
  return object.finish();
}

Result<Rates> parse_rates(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  Rates rates;
  for (const Precision p : kPrecisions) {
    SL_ASSIGN_OR_RETURN(rates.of(p), parse_arithmetic(object, p));
  }
  SL_ASSIGN_OR_RETURN(const double gb_per_s, quantity(object, "memory_gb_per_s", {}));
  SL_ASSIGN_OR_RETURN(const double launch_us, quantity(object, "launch_us", {.zero = true}));
  SL_ASSIGN_OR_RETURN(const double operator_us, quantity(object, "operator_us", {.zero = true}));
  if (object.has("sparsity")) {
    if (const Json* sparsity = object.object("sparsity")) {
      SL_RETURN_IF_ERROR(parse_sparsity(*sparsity, object.place("sparsity"), rates));
    }
  }
  SL_RETURN_IF_ERROR(object.finish());
  for (const Precision p : kPrecisions) {
    const Precision as = rates.of(p).runs_as;
    if (rates.of(as).runs_as == as) continue;
    return error(Code::kMalformed, "{}: {}.runs_as: '{}' has no rate of its own", where, precision_name(p),
                 precision_name(as));
  }
  rates.bytes_per_second = gb_per_s * 1e9;
  rates.launch = Seconds(launch_us * 1e-6);
  rates.per_operator = Seconds(operator_us * 1e-6);
  return rates;
}

bool has_curve(const Rates& rates) {
  return std::any_of(rates.unstructured.begin(), rates.unstructured.end(), [](const auto& c) { return !c.empty(); });
}

std::vector<std::string_view> names_of(const std::vector<backend::Provider>& providers) {
  std::vector<std::string_view> names;
  for (const backend::Provider provider : providers) names.push_back(backend::provider_name(provider));
  return names;
}

// What a provider was called before.
std::string_view either(const JsonObject& object, std::string_view key, std::string_view before) {
  return object.has(before) ? before : key;
}

Result<std::vector<backend::Provider>> parse_providers(JsonObject& object) {
  const std::string_view key = either(object, "providers", "backends");
  const std::vector<backend::Provider> allowed = backend::user_providers();
  std::vector<backend::Provider> providers;
  for (const std::string& name : object.strings(key)) {
    const auto provider = std::find_if(allowed.begin(), allowed.end(),
                                       [&](backend::Provider b) { return backend::provider_name(b) == name; });
    if (provider == allowed.end()) {
      return error(Code::kMalformed, "{}: {}", object.place(key), not_known(name, names_of(allowed)));
    }
    if (std::find(providers.begin(), providers.end(), *provider) != providers.end()) {
      object.fail(key, fmt::format("'{}' is listed twice", name));
    }
    providers.push_back(*provider);
  }
  if (providers.empty()) object.fail(key, "expected at least one");
  return providers;
}

// Both keys or neither.
Result<std::optional<Power>> parse_power(JsonObject& processor) {
  if (!processor.has("idle_w") && !processor.has("active_w")) return std::optional<Power>();
  Power power;
  SL_ASSIGN_OR_RETURN(power.idle, quantity(processor, "idle_w", {.zero = true}));
  SL_ASSIGN_OR_RETURN(power.active, quantity(processor, "active_w", {}));
  if (processor.ok() && power.active < power.idle)
    processor.fail("active_w", fmt::format("{:g}; idle_w is {:g}, and no less is allowed", power.active, power.idle));
  return std::optional(power);
}

Status parse_processor(const Json& json, const std::string& where, SocFile& file, Powers& powers) {
  JsonObject object(json, where);
  Processor processor;
  processor.name = name_of(object, "name");
  processor.device = name_of(object, "device", true);
  processor.kind = object.string("kind");
  processor.memory_domain = name_of(object, "memory_domain");
  const std::int64_t cores = object.integer("cores");
  if (cores < 0 || cores > kMostCores) object.fail("cores", fmt::format("{}; 0 to {} are allowed", cores, kMostCores));
  SL_ASSIGN_OR_RETURN(processor.providers, parse_providers(object));
  std::optional<Rates> rates;
  if (object.has("rates")) {
    if (const Json* found = object.object("rates")) {
      SL_ASSIGN_OR_RETURN(rates, parse_rates(*found, object.place("rates")));
    }
  }
  SL_ASSIGN_OR_RETURN(const std::optional<Power> power, parse_power(object));
  SL_RETURN_IF_ERROR(object.finish());
  const bool sparse = std::any_of(processor.providers.begin(), processor.providers.end(), [](backend::Provider b) {
    return backend::info(b).sparse_layers != backend::SparseLayers::kNone;
  });
  const auto other = std::find_if(processor.providers.begin(), processor.providers.end(),
                                  [](backend::Provider b) { return backend::info(b).computes_in.has_value(); });
  if (rates && other != processor.providers.end()) {
    return error(Code::kMalformed, "{}: providers: '{}': its times are not modelled by rates, only listed as measured",
                 where, backend::provider_name(*other));
  }
  if (rates && sparse != has_curve(*rates)) {
    return error(Code::kMalformed,
                 "{}: providers: 'sparse' and rates.sparsity.unstructured go together; one is missing", where);
  }
  CpuIndex next = 0;  // numbered through, so that no two processors seem to share a core
  for (const Processor& p : file.soc.processors) {
    if (p.name == processor.name) {
      return error(Code::kMalformed, "{}: name: '{}' is listed twice", where, processor.name);
    }
    next += static_cast<CpuIndex>(p.cores.size());
  }
  for (std::int64_t c = 0; c < cores; ++c) processor.cores.push_back(next++);
  file.soc.processors.push_back(std::move(processor));
  file.rates.push_back(std::move(rates));
  powers.push_back(power);
  return {};
}

// What its members are, as one place: they must be alike, so that any of them may be asked.
Status parse_gang(const Json& json, const std::string& where, SocFile& file) {
  JsonObject object(json, where);
  const std::string name = name_of(object, "name");
  const std::vector<std::string> names = object.strings("members");
  SL_ASSIGN_OR_RETURN(std::vector<backend::Provider> providers, parse_providers(object));
  std::optional<Rates> rates;
  if (object.has("rates")) {
    if (const Json* found = object.object("rates")) {
      SL_ASSIGN_OR_RETURN(rates, parse_rates(*found, object.place("rates")));
    }
  }
  SL_RETURN_IF_ERROR(object.finish());
  if (file.soc.find(name).ok()) return error(Code::kMalformed, "{}: name: '{}' is listed twice", where, name);
  if (names.size() < 2) return error(Code::kMalformed, "{}: members: {}; at least 2 are needed", where, names.size());
  std::vector<ProcessorId> members;
  Processor gang;
  for (const std::string& member : names) {
    const auto id = file.soc.find(member);
    if (!id.ok()) return error(Code::kMalformed, "{}: members: {}", where, id.status().message());
    if (file.soc.pools().is_gang(*id)) return error(Code::kMalformed, "{}: members: '{}' is a gang", where, member);
    if (std::find(members.begin(), members.end(), *id) != members.end())
      return error(Code::kMalformed, "{}: members: '{}' is listed twice", where, member);
    if (!members.empty() && file.soc.pools().of[id->index()] != file.soc.pools().of[members.front().index()])
      return error(Code::kMalformed, "{}: members: '{}' and '{}' are not of one pool", where, names.front(), member);
    members.push_back(*id);
    const std::vector<CpuIndex>& cores = file.soc.processor(*id).cores;
    gang.cores.insert(gang.cores.end(), cores.begin(), cores.end());
  }
  const Processor& first = file.soc.processor(members.front());
  gang.name = name;
  gang.device = first.device;
  gang.memory_domain = first.memory_domain;
  gang.kind = gang_kind(members.size(), first);
  gang.providers = std::move(providers);
  file.soc.processors.add_gang(std::move(gang), std::move(members));
  file.rates.push_back(std::move(rates));
  return {};
}

Result<std::optional<Transfer>> parse_transfer(JsonObject& parent) {
  if (!parent.has("transfer")) return std::optional<Transfer>();
  const Json* json = parent.object("transfer");
  if (json == nullptr) return std::optional<Transfer>();
  JsonObject object(*json, parent.place("transfer"));
  SL_ASSIGN_OR_RETURN(const double latency_us, quantity(object, "latency_us", {.zero = true}));
  SL_ASSIGN_OR_RETURN(const double gb_per_s, quantity(object, "gb_per_s", {}));
  SL_RETURN_IF_ERROR(object.finish());
  return std::optional(Transfer{Seconds(latency_us * 1e-6), 1 / (gb_per_s * 1e9)});
}

// Of every processor and of the memory, or of none: half of them would say nothing.
Status parse_energy(JsonObject& parent, const Powers& powers, SocFile& file) {
  const bool memory = parent.has("dram_pj_per_byte");
  EnergyRates energy;
  const Processor* without = nullptr;
  for (std::size_t p = 0; p < powers.size(); ++p) {
    if (powers[p]) {
      energy.power.push_back(*powers[p]);
    } else if (without == nullptr) {
      without = &file.soc.processors[p];
    }
  }
  if (!memory && energy.power.empty()) return {};
  if (without != nullptr) {
    parent.fail("processors", fmt::format("'{}' has no idle_w and active_w; energy is modelled by those of every "
                                          "processor together with dram_pj_per_byte",
                                          without->name));
    return {};
  }
  SL_ASSIGN_OR_RETURN(const double pj_per_byte, quantity(parent, "dram_pj_per_byte", {.zero = true}));
  energy.joules_per_byte = pj_per_byte * 1e-12;
  file.energy = std::move(energy);
  return {};
}

Result<MeasuredSubgraph> parse_subgraph(const Json& json, const std::string& where, const Soc& soc) {
  JsonObject object(json, where);
  MeasuredSubgraph subgraph;
  subgraph.task = object.string("task");
  subgraph.variant = object.string("variant");
  const std::int64_t stage = object.integer("stage");
  if (stage < 0 || stage >= kMostStages) object.fail("stage", fmt::format("{}; 0 to {}", stage, kMostStages - 1));
  const std::string processor = object.string("processor");
  const std::string provider = object.string(either(object, "provider", "backend"));
  if (object.has("left_out")) {
    subgraph.left_out = object.string("left_out");
    if (subgraph.left_out.empty()) object.fail("left_out", "expected the reason");
  }
  const bool timed = subgraph.left_out.empty();
  const auto time = [&](std::string_view key) {
    if (!timed) return Seconds(0);
    const double value = object.number(key);
    check(object, key, value, {});
    return Seconds(value);
  };
  subgraph.median = time("median_s");
  subgraph.q1 = time("q1_s");
  subgraph.q3 = time("q3_s");
  subgraph.count = timed ? object.integer("count") : 0;
  if (timed && subgraph.count < 1) object.fail("count", fmt::format("{}; at least 1 run", subgraph.count));
  const std::int64_t resident = timed ? object.integer("resident_bytes") : 0;
  if (resident < 0) object.fail("resident_bytes", fmt::format("{} is negative", resident));
  SL_RETURN_IF_ERROR(object.finish());
  subgraph.stage = static_cast<std::size_t>(stage);
  subgraph.resident = {static_cast<std::uint64_t>(resident)};
  const auto id = soc.find(processor);
  if (!id.ok()) return error(Code::kMalformed, "{}: {}", where, id.status().message());
  subgraph.processor = *id;
  const std::vector<backend::Provider>& offered = soc.processor(*id).providers;
  const auto by = std::find_if(offered.begin(), offered.end(),
                               [&](backend::Provider b) { return backend::provider_name(b) == provider; });
  if (by == offered.end()) {
    return error(Code::kMalformed, "{}: processor '{}': provider {}", where, processor,
                 not_known(provider, names_of(offered)));
  }
  subgraph.provider = *by;
  return subgraph;
}

Status parse_tables(JsonObject& parent, SocFile& file) {
  if (!parent.has("tables")) return {};
  for (const auto& [json, where] : parent.array("tables")) {
    JsonObject object(*json, where);
    MeasuredTable table{.zoo = object.string("zoo"), .subgraphs = {}};
    std::set<std::tuple<std::string, std::string, std::size_t, std::size_t, backend::Provider>> seen;
    for (const auto& [subgraph, place] : object.array("subgraphs")) {
      SL_ASSIGN_OR_RETURN(MeasuredSubgraph entry, parse_subgraph(*subgraph, place, file.soc));
      if (!seen.emplace(entry.task, entry.variant, entry.stage, entry.processor.index(), entry.provider).second) {
        return error(Code::kMalformed, "{}: task '{}', variant '{}', stage {} on '{}' by {} is listed twice", place,
                     entry.task, entry.variant, entry.stage, file.soc.processor(entry.processor).name,
                     backend::provider_name(entry.provider));
      }
      table.subgraphs.push_back(std::move(entry));
    }
    SL_RETURN_IF_ERROR(object.finish());
    if (file.table_of(table.zoo) != nullptr) {
      return error(Code::kMalformed, "{}: zoo: '{}' is listed twice", where, table.zoo);
    }
    file.tables.push_back(std::move(table));
  }
  return {};
}

// Modelled processors of several domains need to know what moving a tensor costs.
bool lacks_transfer(const SocFile& file) {
  const auto& processors = file.soc.processors;
  const bool one_domain = std::all_of(processors.begin(), processors.end(), [&](const Processor& p) {
    return p.memory_domain == processors.front().memory_domain;
  });
  const bool modelled = std::any_of(file.rates.begin(), file.rates.end(), [](const auto& r) { return r.has_value(); });
  return modelled && !one_domain && !file.transfer;
}

}  // namespace

double speed_up(const std::vector<SpeedUp>& curve, double zeros) {
  if (curve.empty() || zeros < curve.front().zeros) return 1;
  for (std::size_t k = 1; k < curve.size(); ++k) {
    const SpeedUp &low = curve[k - 1], &high = curve[k];
    if (zeros > high.zeros) continue;
    const double share = (zeros - low.zeros) / (high.zeros - low.zeros);
    return std::max(1.0, low.factor + share * (high.factor - low.factor));
  }
  return std::max(1.0, curve.back().factor);
}

const MeasuredTable* SocFile::table_of(std::string_view zoo_fingerprint) const {
  const auto it = std::find_if(tables.begin(), tables.end(), [&](const auto& t) { return t.zoo == zoo_fingerprint; });
  return it == tables.end() ? nullptr : &*it;
}

Result<SocFile> parse_soc(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  const std::int64_t version = object.integer("format_version");
  if (!object.ok()) return object.finish();
  if (version != kSocFormatVersion) {
    return error(Code::kFailedPrecondition, "{}: format_version {} is of another release; this one reads {}", where,
                 version, kSocFormatVersion);
  }
  SocFile file;
  file.soc.name = object.string("name") + " (modelled)";
  file.soc.modelled = true;
  Powers powers;
  for (const auto& [processor, place] : object.array("processors")) {
    SL_RETURN_IF_ERROR(parse_processor(*processor, place, file, powers));
  }
  if (file.soc.processors.empty()) object.fail("processors", "expected at least one");
  if (object.has("gangs")) {
    for (const auto& [gang, place] : object.array("gangs")) SL_RETURN_IF_ERROR(parse_gang(*gang, place, file));
  }
  SL_ASSIGN_OR_RETURN(file.transfer, parse_transfer(object));
  SL_RETURN_IF_ERROR(parse_energy(object, powers, file));
  SL_RETURN_IF_ERROR(parse_tables(object, file));
  if (lacks_transfer(file)) object.fail("transfer", "missing; processors with rates lie in several memory domains");
  SL_RETURN_IF_ERROR(object.finish());
  return file;
}

Result<SocFile> load_soc(const std::filesystem::path& path) {
  SL_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  SL_ASSIGN_OR_RETURN(const Json json, parse_json(text, path.string()));
  SL_ASSIGN_OR_RETURN(SocFile file, parse_soc(json, path.string()));
  file.soc.fingerprint = sha256(text).substr(0, 16);
  return file;
}

}  // namespace sparseloom::soc
