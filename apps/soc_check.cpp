#include "apps/soc_check.h"

#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/profile/analytical/host_rates.h"
#include "sparseloom/profile/analytical/model_check.h"
#include "sparseloom/profile/analytical/modelled.h"
#include "sparseloom/report/table.h"

namespace sparseloom::apps {
namespace {

using profile::ModelFit;
using profile::ModelledAndMeasured;

struct Options {
  std::string zoo;
  std::string json;
};

// This machine's CPUs as a file would describe them, by the provider without sparse kernels: what those gain is no
// rate. Rates of other devices cannot be measured here.
Result<soc::SocFile> describe_host(const soc::Soc& host) {
  soc::SocFile file;
  constexpr std::array kDense{backend::Provider::kOpenVino};
  SL_ASSIGN_OR_RETURN(file.soc, soc::confined(soc::cpus_of(host), kDense));
  if (file.soc.processors.empty()) {
    return error(Code::kFailedPrecondition, "soc check: {} has no CPU processor; only a CPU's rates can be measured",
                 host.name);
  }
  for (std::size_t i = 0; i < file.soc.processors.size(); ++i) {
    const std::size_t first = file.soc.pools().pool(soc::ProcessorId(i)).front().index();
    if (first < i) {
      file.rates.push_back(file.rates[first]);
      continue;
    }
    SL_ASSIGN_OR_RETURN(file.rates.emplace_back(), profile::measure_rates(file.soc.processors[i]));
  }
  return file;
}

std::vector<ModelledAndMeasured> pairs_of(const soc::Soc& soc, const profile::TaskProfile& modelled,
                                          const profile::TaskProfile& measured) {
  std::vector<ModelledAndMeasured> pairs;
  for (std::size_t v = 0; v < modelled.variants(); ++v) {
    for (std::size_t s = 0; s < modelled.stages(); ++s) {
      for (std::size_t p = 0; p < soc.processors.size(); ++p) {
        const auto of = [&](const profile::TaskProfile& task) {
          return task.latency(zoo::VariantId(v), zoo::StageId(s), soc::ProcessorId(p), backend::Provider::kOpenVino);
        };
        if (of(modelled).count == 0 || of(measured).count == 0) continue;  // it is not run by that provider
        pairs.push_back({of(modelled).median, of(measured).median});
      }
    }
  }
  return pairs;
}

std::vector<std::string> row_of(const std::string& name, const ModelFit& fit) {
  return {name, fmt::format("{}", fit.subgraphs), fmt::format("{:.3f}", fit.spearman),
          fmt::format("{:.2f} [{:.2f}..{:.2f}]", fit.ratio.median, fit.ratio.q1, fit.ratio.q3),
          fmt::format("{:.0f}", 100 * fit.mape)};
}

Json fit_json(const std::string& name, const ModelFit& fit) {
  return {{"task", name},
          {"subgraphs", fit.subgraphs},
          {"spearman", fit.spearman},
          {"ratio", {{"median", fit.ratio.median}, {"q1", fit.ratio.q1}, {"q3", fit.ratio.q3}}},
          {"mape", fit.mape}};
}

Status check(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  cli::interrupted();
  SL_ASSIGN_OR_RETURN(const auto setup,
                      cli::make_setup(options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo)));
  profile::EnsureOptions ensure;
  ensure.compile_cache = setup->compile_cache;
  ensure.require_accuracy = false;  // nothing is planned
  ensure.control = {.on_progress = cli::progress_line(), .stop = &cli::interrupted()};
  SL_ASSIGN_OR_RETURN(const profile::Profile measured,
                      profile::ensure_profile(setup->zoo, setup->soc, *setup->runtime, *setup->pieces, ensure));
  SL_ASSIGN_OR_RETURN(const soc::SocFile file, describe_host(setup->soc));
  SL_ASSIGN_OR_RETURN(const profile::Profile modelled,
                      profile::model_latencies(setup->zoo, file, *setup->runtime, *setup->pieces));
  const soc::Rates& rates = *file.rates.front();
  fmt::print(
      "{}, provider openvino\nmeasured now, {}: {:.1f} GFLOP/s in fp32, {:.1f} GOP/s in int8, {:.1f} GB/s, {:.1f} us "
      "per launch\n\n",
      setup->soc.name, file.soc.processors.front().name,
      rates.of(backend::Precision::kFp32).operations_per_second / 1e9,
      rates.of(backend::Precision::kInt8).operations_per_second / 1e9, rates.bytes_per_second / 1e9,
      rates.launch.count() * 1e6);
  report::Table table({"task", "subgraphs", "rank correlation", "modelled / measured", "mean error %"});
  Json rows = Json::array();
  std::vector<ModelledAndMeasured> all;
  for (std::size_t t = 0; t < setup->zoo.tasks.size(); ++t) {
    const auto pairs = pairs_of(file.soc, modelled.tasks[t], measured.tasks[t]);
    const ModelFit fit = profile::fit_of(pairs);
    table.add(row_of(setup->zoo.tasks[t].name, fit));
    rows.push_back(fit_json(setup->zoo.tasks[t].name, fit));
    all.insert(all.end(), pairs.begin(), pairs.end());
  }
  const ModelFit overall = profile::fit_of(all);
  table.add(row_of("all", overall));
  rows.push_back(fit_json("all", overall));
  fmt::print("{}Modelled: a roofline of these rates. Measured: medians of the profile, on each CPU processor.\n",
             table.text());
  if (const std::size_t others = setup->soc.processors.size() - file.soc.processors.size(); others > 0) {
    fmt::print("Not compared: {} other processor{}; only a CPU's rates can be measured.\n", others,
               others == 1 ? "" : "s");
  }
  if (options.json.empty()) return {};
  const Json document{{"machine", setup->soc.name}, {"provider", "openvino"}, {"rows", std::move(rows)}};
  return write_file(options.json, document.dump(2) + "\n");
}

}  // namespace

std::function<Status()> add_soc_check(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--zoo", options->zoo, "folder of the zoo (default: zoos/demo)");
  command.add_option("--json", options->json, "also write the result to this file");
  return [options] { return check(*options); };
}

}  // namespace sparseloom::apps
