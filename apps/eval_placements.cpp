#include "apps/eval_placements.h"

#include <fmt/format.h>

#include <set>

#include "apps/place_learned.h"
#include "cli/program.h"
#include "cli/setup.h"
#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/printable.h"
#include "sparseloom/eval/placements.h"
#include "sparseloom/report/placement_report.h"

namespace sparseloom::apps {
namespace {

namespace fs = std::filesystem;

Result<std::vector<eval::Network>> read_networks(const backend::Runtime& runtime,
                                                 const std::vector<std::string>& files) {
  std::vector<eval::Network> networks;
  std::set<std::string> names;
  for (const std::string& file : files) {
    SL_ASSIGN_OR_RETURN(const auto model, runtime.read(file));
    std::string name = fs::path(file).stem().string();
    if (!names.insert(name).second) name = file;  // as in folders of one model each
    networks.push_back({std::move(name), model->graph()});
  }
  return networks;
}

}  // namespace

Status evaluate_networks(const std::vector<std::string>& networks, const std::vector<std::string>& socs,
                         const fs::path& out) {
  std::vector<soc::SocFile> machines;
  for (const std::string& name : socs) {
    if (name == "host") continue;
    SL_ASSIGN_OR_RETURN(auto machine, cli::find_soc(name));
    machines.push_back(std::move(machine));
  }
  if (machines.empty())
    return error(Code::kInvalidArgument, "--network: operators are placed on modelled machines; --soc names none");
  SL_ASSIGN_OR_RETURN(const auto runtime, backend::make_runtime("openvino"));
  SL_ASSIGN_OR_RETURN(const auto read, read_networks(*runtime, networks));
  SL_RETURN_IF_ERROR(check_folder(out));
  LearnedMethods learned(*runtime);
  const place::PlacerOptions options;
  SL_ASSIGN_OR_RETURN(const auto rows,
                      eval::evaluate_placements(read, machines, options.model,
                                                [&](const place::Placer& method, const place::CostTable& table) {
                                                  return learned.place(method, table, options);
                                                }));
  const std::string settings =
      fmt::format("{} models on {} modelled machines, batch 1, cost model makespan.", read.size(), machines.size());
  SL_RETURN_IF_ERROR(write_file(out / "placements.csv", report::placements_csv(rows)));
  SL_RETURN_IF_ERROR(write_file(out / "placements.html", report::placements_html(rows, settings)));
  fmt::print("{}\n\n{}\nWrote {}\n", settings, report::placements_text(rows),
             printable((out / "placements.html").string()));
  return cli::cancelled_if_interrupted();
}

}  // namespace sparseloom::apps
