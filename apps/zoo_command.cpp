#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "apps/commands.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/plan/names.h"
#include "sparseloom/profile/store/database.h"
#include "sparseloom/profile/store/shipped.h"
#include "sparseloom/report/accuracy_note.h"
#include "sparseloom/report/table.h"
#include "sparseloom/zoo/verify.h"

namespace sparseloom::apps {
namespace {

struct Options {
  std::string zoo;
  std::string json;
  bool list = false;
};

// What a variant takes alone, each stage where and by what it is fastest.
struct BestLatency {
  Seconds sum{0};
  std::vector<soc::Backend> backends;  // by stage
};
using Latencies = std::vector<std::vector<std::optional<BestLatency>>>;  // [task][variant]

std::optional<BestLatency> best_latency(const soc::Soc& soc, const profile::TaskProfile& task, zoo::VariantId v) {
  BestLatency result;
  for (std::size_t i = 0; i < task.stages(); ++i) {
    std::optional<Seconds> best;
    soc::Backend by{};
    for (std::size_t p = 0; p < task.processors(); ++p) {
      for (const soc::Backend b : soc.processors[p].backends) {
        const profile::Latency& latency = task.latency(v, zoo::StageId(i), soc::ProcessorId(p), b);
        if (latency.count == 0 || (best && *best <= latency.median)) continue;
        best = latency.median;
        by = b;
      }
    }
    if (!best) return std::nullopt;
    result.sum += *best;
    result.backends.push_back(by);
  }
  return result;
}

// What this machine's profile knows already; nothing is measured for a list.
Result<Latencies> known_latencies(const cli::Setup& setup) {
  Latencies latencies;
  SL_ASSIGN_OR_RETURN(const auto path, profile::default_database(setup.zoo, setup.soc));
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return latencies;
  SL_ASSIGN_OR_RETURN(const auto database, profile::Database::open(path, setup.zoo, setup.soc));
  profile::Profile profile = profile::empty_profile(setup.zoo, setup.soc);
  SL_RETURN_IF_ERROR(database.read(profile));
  for (const profile::TaskProfile& task : profile.tasks) {
    auto& row = latencies.emplace_back();
    for (std::size_t v = 0; v < task.variants(); ++v) row.push_back(best_latency(setup.soc, task, zoo::VariantId(v)));
  }
  return latencies;
}

// Latencies are an extra of these commands, which do without a profile that cannot be opened.
Latencies latencies_if_any(const cli::Setup& setup) {
  auto latencies = known_latencies(setup);
  if (latencies.ok()) return std::move(latencies).value();
  fmt::print(stderr, "sparseloom: no latencies: {}\n", latencies.status().message());
  return {};
}

std::optional<BestLatency> at(const Latencies& latencies, std::size_t t, std::size_t v) {
  return t < latencies.size() ? latencies[t][v] : std::nullopt;
}

// Nothing where every stage is OpenVINO's.
std::string other_backends(const BestLatency& latency) {
  const bool openvino = std::all_of(latency.backends.begin(), latency.backends.end(),
                                    [](soc::Backend b) { return b == soc::Backend::kOpenVino; });
  return openvino ? "" : fmt::format("{}", fmt::join(plan::backend_names(latency.backends), "|"));
}

Json list_json(const cli::Setup& setup, const Latencies& latencies) {
  Json tasks = Json::array();
  for (std::size_t t = 0; t < setup.zoo.tasks.size(); ++t) {
    const zoo::Task& task = setup.zoo.tasks[t];
    Json variants = Json::array();
    for (std::size_t v = 0; v < task.variants.size(); ++v) {
      const zoo::Variant& variant = task.variants[v];
      const auto latency = at(latencies, t, v);
      variants.push_back({{"variant", variant.name},
                          {"kind", variant.compression.kind},
                          {"level", variant.compression.level},
                          {"accuracy", variant.accuracy_profile},
                          {"accuracy_test", variant.accuracy_test},
                          {"bytes", zoo::model_bytes(setup.zoo, task, zoo::VariantId(v)).count},
                          {"parameters", variant.parameters},
                          {"weight_sparsity", variant.weight_sparsity},
                          {"latency_ms", latency ? Json(to_ms(latency->sum)) : Json(nullptr)},
                          {"backend", latency ? Json(plan::backend_names(latency->backends)) : Json(nullptr)}});
    }
    tasks.push_back({{"task", task.name},
                     {"parts", task.stages()},
                     {"accuracy_kind", task.accuracy_kind},
                     {"variants", std::move(variants)}});
  }
  return {{"zoo", setup.zoo.name}, {"fingerprint", setup.zoo.fingerprint}, {"tasks", std::move(tasks)}};
}

Status list(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  const std::filesystem::path path = options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo);
  SL_ASSIGN_OR_RETURN(const auto setup, cli::make_setup(path));
  const Latencies latencies = latencies_if_any(*setup);
  if (!options.json.empty()) {
    SL_RETURN_IF_ERROR(write_file(options.json, list_json(*setup, latencies).dump(2) + "\n"));
  }
  report::Table table({"task", "variant", "kind", "level", "accuracy %", "test %", "size KiB", "parameters",
                       "sparsity %", "latency ms", "backend per stage"});
  for (std::size_t t = 0; t < setup->zoo.tasks.size(); ++t) {
    const zoo::Task& task = setup->zoo.tasks[t];
    for (std::size_t v = 0; v < task.variants.size(); ++v) {
      const zoo::Variant& variant = task.variants[v];
      const double kib = static_cast<double>(zoo::model_bytes(setup->zoo, task, zoo::VariantId(v)).count) / 1024;
      const auto latency = at(latencies, t, v);
      table.add({task.name, variant.name, variant.compression.kind, fmt::format("{:.2f}", variant.compression.level),
                 fmt::format("{:.1f}", 100 * variant.accuracy_profile),
                 fmt::format("{:.1f}", 100 * variant.accuracy_test), fmt::format("{:.0f}", kib),
                 fmt::format("{}", variant.parameters), fmt::format("{:.1f}", 100 * variant.weight_sparsity),
                 latency ? fmt::format("{:.2f}", to_ms(latency->sum)) : "-", latency ? other_backends(*latency) : ""});
    }
  }
  fmt::print(
      "zoo {} ({}), {}\naccuracy: on the profile split; latency: sum of the stages, each on its best processor "
      "by its\nbest backend, named where that is not openvino{}\n{}\n{}",
      setup->zoo.name, path.string(), setup->soc.name,
      latencies.empty() ? " (none known: sparseloom profile --latency measures them)" : "",
      report::accuracy_note(setup->zoo), table.text());
  return {};
}

// What variant.json says of the whole models against what accuracy.csv says of their pieces.
Status verify_accuracies(const cli::Setup& setup, const std::function<void(const zoo::Check&)>& on_check) {
  Status first;
  for (std::size_t t = 0; t < setup.zoo.tasks.size(); ++t) {
    const zoo::Task& task = setup.zoo.tasks[t];
    profile::TaskProfile table(task.variants.size(), task.stages(), 0);
    const auto shipped = profile::load_shipped(setup.zoo, zoo::TaskId(t), table);
    Status status = shipped.status();
    if (status.ok()) status = profile::check_originals(setup.zoo, zoo::TaskId(t), table);
    std::string detail = status.message();
    if (status.ok()) {
      detail = *shipped == profile::Shipped::kLoaded
                   ? fmt::format("{} stitched variants; the originals as variant.json states them", table.stitched())
                   : "no table of these models";
    }
    on_check({"accuracies", task.name, status.ok(), detail});
    if (first.ok()) first = status;
  }
  return first;
}

Status verify(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  const std::filesystem::path path = options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo);
  SL_ASSIGN_OR_RETURN(const auto setup, cli::make_setup(path));
  Json checks = Json::array();
  zoo::VerifyOptions verifying;
  for (const auto& task : latencies_if_any(*setup)) {
    auto& sums = verifying.latencies.emplace_back();
    for (const auto& latency : task) sums.push_back(latency ? std::optional(latency->sum) : std::nullopt);
  }
  verifying.on_check = [&](const zoo::Check& check) {
    fmt::print("{:<4} {:<10} {:<30} {}\n", check.passed ? "ok" : "FAIL", check.group, check.subject, check.detail);
    checks.push_back(
        {{"group", check.group}, {"subject", check.subject}, {"passed", check.passed}, {"detail", check.detail}});
  };
  Status status = zoo::verify(setup->zoo, *setup->runtime, verifying);
  if (status.ok()) status = verify_accuracies(*setup, verifying.on_check);
  if (!options.json.empty()) {
    const Json report{{"zoo", setup->zoo.name}, {"passed", status.ok()}, {"checks", std::move(checks)}};
    SL_RETURN_IF_ERROR(write_file(options.json, report.dump(2) + "\n"));
  }
  return status;
}

}  // namespace

std::function<Status()> add_zoo(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.require_subcommand(1);
  CLI::App* listing = command.add_subcommand("list", "a table of every variant");
  CLI::App* verifying = command.add_subcommand("verify",
                                               "check hashes, models, cut tensors, data, the spread of accuracies and "
                                               "their table; stops at the first bad group");
  for (CLI::App* sub : {listing, verifying}) {
    sub->add_option("--zoo", options->zoo, "folder of the zoo (default: zoos/demo)");
    sub->add_option("--json", options->json, "also write the result to this file");
  }
  return [options, listing] { return listing->parsed() ? list(*options) : verify(*options); };
}

}  // namespace sparseloom::apps
