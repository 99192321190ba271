#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "apps/commands.h"
#include "apps/zoo_edit.h"
#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/printable.h"
#include "sparseloom/plan/names.h"
#include "sparseloom/profile/store/database.h"
#include "sparseloom/profile/store/shipped.h"
#include "sparseloom/report/accuracy_note.h"
#include "sparseloom/report/profile_trust.h"
#include "sparseloom/report/table.h"
#include "sparseloom/zoo/verify.h"

namespace sparseloom::apps {
namespace {

struct Options {
  std::string zoo;
  std::string json;
  bool bound_spread = false;  // --spread
};

// What a variant takes alone, each stage where and by what it is fastest.
struct BestLatency {
  Seconds sum{0};
  std::vector<backend::Provider> providers;  // by stage
  bool disturbed = false;                    // that of any stage
};
std::optional<BestLatency> best_latency(const soc::Soc& soc, const profile::TaskProfile& task, zoo::VariantId v) {
  BestLatency result;
  for (std::size_t i = 0; i < task.stages(); ++i) {
    std::optional<Seconds> best;
    backend::Provider by{};
    bool disturbed = false;
    for (std::size_t p = 0; p < task.places(); ++p) {
      for (const backend::Provider b : soc.processors[p].providers) {
        const profile::Latency& latency = task.latency(v, zoo::StageId(i), soc::ProcessorId(p), b);
        if (latency.count == 0 || (best && *best <= latency.median)) continue;
        best = latency.median;
        by = b;
        disturbed = profile::disturbed(latency);
      }
    }
    if (!best) return std::nullopt;
    result.sum += *best;
    result.disturbed |= disturbed;
    result.providers.push_back(by);
  }
  return result;
}

Status read_database(const cli::Setup& setup, profile::Profile& profile) {
  SL_ASSIGN_OR_RETURN(const auto path, profile::default_database(setup.zoo, setup.soc));
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  SL_ASSIGN_OR_RETURN(const auto database, profile::Database::open(path, setup.zoo, setup.soc));
  profile::Profile read = profile;
  SL_RETURN_IF_ERROR(database.read(read));
  profile = std::move(read);
  return {};
}

// What the zoo ships and what this machine has measured already; nothing is measured for a list. Where one of the two
// cannot be read, these commands do without it.
profile::Profile known_profile(const cli::Setup& setup) {
  profile::Profile profile = profile::empty_profile(setup.zoo, setup.soc);
  for (std::size_t t = 0; t < setup.zoo.tasks.size(); ++t) {
    profile::TaskProfile table = profile.tasks[t];
    if (profile::load_shipped(setup.zoo, zoo::TaskId(t), table).ok()) profile.tasks[t] = std::move(table);
  }
  if (const Status status = read_database(setup, profile); !status.ok()) {
    fmt::print(stderr, "sparseloom: no latencies: {}\n", printable(status.message()));
  }
  return profile;
}

// Nothing where every stage is OpenVINO's.
std::string other_providers(const BestLatency& latency) {
  const bool openvino = std::all_of(latency.providers.begin(), latency.providers.end(),
                                    [](backend::Provider b) { return b == backend::Provider::kOpenVino; });
  return openvino ? "" : fmt::format("{}", fmt::join(plan::provider_names(latency.providers), "|"));
}

// `measured` is the zoo with the accuracies that were measured in the place of those that it states.
Json list_json(const cli::Setup& setup, const zoo::Zoo& measured, const profile::Profile& profile) {
  Json tasks = Json::array();
  for (std::size_t t = 0; t < measured.tasks.size(); ++t) {
    const zoo::Task& task = measured.tasks[t];
    Json variants = Json::array();
    for (std::size_t v = 0; v < task.variants.size(); ++v) {
      const zoo::Variant& variant = task.variants[v];
      const auto latency = best_latency(setup.soc, profile.tasks[t], zoo::VariantId(v));
      variants.push_back({{"variant", variant.name},
                          {"kind", variant.compression.kind},
                          {"level", variant.compression.level},
                          {"accuracy", variant.accuracy_profile},
                          {"accuracy_test", variant.accuracy_test},
                          {"accuracy_stated", setup.zoo.tasks[t].variants[v].accuracy_profile},
                          {"bytes", zoo::model_bytes(setup.zoo, task, zoo::VariantId(v)).count},
                          {"parameters", variant.parameters},
                          {"weight_sparsity", variant.weight_sparsity},
                          {"latency_ms", latency ? Json(to_ms(latency->sum)) : Json(nullptr)},
                          {"provider", latency ? Json(plan::provider_names(latency->providers)) : Json(nullptr)}});
    }
    Json not_here = Json::array();
    for (const zoo::Variant& variant : task.not_here) not_here.push_back(variant.name);
    tasks.push_back({{"task", task.name},
                     {"parts", task.stages()},
                     {"accuracy_kind", task.accuracy_kind},
                     {"variants", std::move(variants)},
                     {"not_here", std::move(not_here)}});
  }
  return {{"zoo", setup.zoo.name}, {"fingerprint", setup.zoo.fingerprint}, {"tasks", std::move(tasks)}};
}

std::string list_table(const cli::Setup& setup, const zoo::Zoo& measured, const profile::Profile& profile) {
  report::Table table({"task", "variant", "kind", "level", "accuracy %", "test %", "size KiB", "parameters",
                       "sparsity %", "latency ms", "provider per stage"});
  for (std::size_t t = 0; t < measured.tasks.size(); ++t) {
    const zoo::Task& task = measured.tasks[t];
    for (std::size_t v = 0; v < task.variants.size(); ++v) {
      const zoo::Variant& variant = task.variants[v];
      const double kib = static_cast<double>(zoo::model_bytes(measured, task, zoo::VariantId(v)).count) / 1024;
      const auto latency = best_latency(setup.soc, profile.tasks[t], zoo::VariantId(v));
      table.add({task.name, variant.name, variant.compression.kind, fmt::format("{:.2f}", variant.compression.level),
                 fmt::format("{:.1f}", 100 * variant.accuracy_profile),
                 fmt::format("{:.1f}", 100 * variant.accuracy_test), fmt::format("{:.0f}", kib),
                 fmt::format("{}", variant.parameters), fmt::format("{:.1f}", 100 * variant.weight_sparsity),
                 latency ? report::marked_ms(latency->sum, latency->disturbed) : "-",
                 latency ? other_providers(*latency) : ""});
    }
  }
  return table.text() + report::mark_legend(table.text());
}

// What variant.json says and what was measured, where the two cannot both be right.
void print_contradictions(const zoo::Zoo& zoo, const profile::Profile& profile) {
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const Status status = profile::check_originals(zoo, zoo::TaskId(t), profile.tasks[t]);
    if (!status.ok()) fmt::print(stderr, "sparseloom: warning: {}\n", printable(status.message()));
  }
}

Status list(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  const std::filesystem::path path = options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo);
  SL_ASSIGN_OR_RETURN(const auto setup, cli::make_setup(path));
  const profile::Profile profile = known_profile(*setup);
  const zoo::Zoo measured = profile::with_measured_accuracies(setup->zoo, profile);
  if (!options.json.empty()) {
    SL_RETURN_IF_ERROR(write_file(options.json, list_json(*setup, measured, profile).dump(2) + "\n"));
  }
  const bool any = std::any_of(profile.tasks.begin(), profile.tasks.end(), [&](const profile::TaskProfile& task) {
    return best_latency(setup->soc, task, zoo::VariantId(0)).has_value();
  });
  std::string not_here;
  for (const zoo::Task& task : setup->zoo.tasks) {
    for (const zoo::Variant& variant : task.not_here) {
      not_here += fmt::format("nothing here runs {}/{}{}\n", task.name, variant.name,
                              variant.derived() ? fmt::format(" ({})", provider_name(*variant.provider)) : "");
    }
  }
  fmt::print(
      "zoo {} ({}), {}\naccuracy: on the profile split, as measured here or by the zoo, else as variant.json states "
      "it; latency: sum of the stages, each on its best processor by its\nbest provider, named where that is not "
      "openvino{}\n{}{}\n{}",
      setup->zoo.name, path.string(), setup->soc.name,
      any ? "" : " (none known: sparseloom profile --latency measures them)", not_here,
      report::accuracy_note(setup->zoo), list_table(*setup, measured, profile));
  print_contradictions(setup->zoo, profile);
  return {};
}

// What variant.json says of the whole models against what accuracy.csv and this machine's profile say of their pieces.
Status verify_accuracies(const cli::Setup& setup, const profile::Profile& profile,
                         const std::function<void(const zoo::Check&)>& on_check) {
  Status first;
  for (std::size_t t = 0; t < setup.zoo.tasks.size(); ++t) {
    const zoo::Task& task = setup.zoo.tasks[t];
    profile::TaskProfile table(task.variants.size(), task.stages(), 0);
    const auto shipped = profile::load_shipped(setup.zoo, zoo::TaskId(t), table);
    Status status = shipped.status();
    if (status.ok()) status = profile::check_originals(setup.zoo, zoo::TaskId(t), table);
    if (status.ok()) status = profile::check_originals(setup.zoo, zoo::TaskId(t), profile.tasks[t]);
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
  const profile::Profile profile = known_profile(*setup);
  for (const profile::TaskProfile& task : profile.tasks) {
    auto& sums = verifying.latencies.emplace_back();
    for (std::size_t v = 0; v < task.variants(); ++v) {
      const auto latency = best_latency(setup->soc, task, zoo::VariantId(v));
      sums.push_back(latency ? std::optional(latency->sum) : std::nullopt);
    }
  }
  verifying.bound_spread = options.bound_spread;
  verifying.on_check = [&](const zoo::Check& check) {
    fmt::print("{:<4} {:<10} {:<30} {}\n", check.passed ? "ok" : "FAIL", check.group, check.subject, check.detail);
    checks.push_back(
        {{"group", check.group}, {"subject", check.subject}, {"passed", check.passed}, {"detail", check.detail}});
  };
  Status status = zoo::verify(setup->zoo, *setup->runtime, verifying);
  if (status.ok()) status = verify_accuracies(*setup, profile, verifying.on_check);
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
  verifying->add_flag(
      "--spread", options->bound_spread,
      "also fail if accuracies leave nothing to decide: a variant more than 8 points below dense, or the "
      "fastest less than 3");
  const auto edited = add_zoo_editing(command);
  return [options, listing, edited] {
    if (const auto edit = edited()) return edit();
    return listing->parsed() ? list(*options) : verify(*options);
  };
}

}  // namespace sparseloom::apps
