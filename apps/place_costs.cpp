#include "apps/place_costs.h"

#include <algorithm>
#include <utility>

#include "cli/program.h"
#include "cli/setup.h"
#include "sparseloom/profile/analytical/batch.h"
#include "sparseloom/profile/analytical/operator_costs.h"
#include "sparseloom/profile/measure/ensure.h"
#include "sparseloom/profile/measure/hybrid.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/soc/discover.h"

namespace sparseloom::apps {
namespace {

// On the cores of this machine that are like the first one, and its other devices, measured.
Result<Costs> measured_costs(const backend::Runtime& runtime, const backend::Model& model,
                             const std::filesystem::path& file) {
  SL_ASSIGN_OR_RETURN(const soc::Soc host, soc::discover(runtime));
  if (host.processors.empty() || host.processors.front().device != "CPU")
    return error(Code::kFailedPrecondition, "--soc host: no CPU was found");
  Costs costs{.soc = host.name + " (measured)", .modelled = false, .table = {}};
  std::vector<backend::CompileOptions> members;
  std::vector<std::string> names;
  const std::vector<soc::ProcessorId>& alike = host.pools().members.front();
  for (std::size_t p = 0; p < host.processors.size() && members.size() < place::kMostProcessors; ++p) {
    const soc::ProcessorId id(p);
    const soc::Processor& processor = host.processor(id);
    if (processor.device == "CPU" && std::find(alike.begin(), alike.end(), id) == alike.end()) continue;
    members.push_back(profile::compile_options(host, id, processor.providers.front(), {}));
    members.back().cores = processor.cores;
    names.push_back(processor.name);
  }
  SL_ASSIGN_OR_RETURN(const auto cache, profile::default_compile_cache());
  SL_ASSIGN_OR_RETURN(auto operators,
                      profile::measure_file(runtime, model, file, members, cache,
                                            {.on_progress = cli::progress_line(), .stop = &cli::interrupted()}));
  costs.table = std::move(operators.table);
  for (const profile::HybridGroup& group : operators.groups) costs.reads.push_back(group.inputs);
  for (std::size_t m = 0; m < members.size(); ++m) costs.table.processors[m].name = names[m];
  SL_RETURN_IF_ERROR(place::check(costs.table));
  return costs;
}

}  // namespace

// A batch is modelled from the graph, whatever the file fixes; what is measured is read with it.
Result<Costs> CostsOfBatches::find(std::size_t batch) const {
  const backend::Runtime& runtime = *subject_.runtime;
  SL_ASSIGN_OR_RETURN(const backend::Graph graph, profile::with_batch(subject_.model->graph(), batch));
  if (soc_ == kHost) {
    if (batch == 1) return measured_costs(runtime, *subject_.model, subject_.file);
    std::map<std::string, Shape> shapes;
    for (const backend::EdgeId input : graph.inputs) shapes[graph.edge(input).spec.name] = graph.edge(input).spec.shape;
    SL_ASSIGN_OR_RETURN(const auto larger, runtime.read(subject_.file, shapes));
    return measured_costs(runtime, *larger, subject_.file);
  }
  SL_ASSIGN_OR_RETURN(const soc::SocFile file, cli::find_soc(soc_));
  SL_ASSIGN_OR_RETURN(auto costs, profile::modelled_costs(graph, file));
  return Costs{
      .soc = file.soc.name, .modelled = true, .table = std::move(costs.table), .reads = std::move(costs.reads)};
}

Result<const Costs*> CostsOfBatches::of(std::size_t batch) {
  if (const auto known = known_.find(batch); known != known_.end()) return &known->second;
  auto costs = find(batch);
  if (!costs.ok()) return costs.status().with_context(subject_.name);
  costs->batch = batch;
  if (handover_us_) costs->table.handover.synchronisation = *handover_us_ / 1e6;
  if (!zeros_) {
    SL_ASSIGN_OR_RETURN(zeros_, cli::measure_zeros(subject_, costs->reads));
  }
  if (zeros_) profile::set_activation_sparsity(costs->table, *zeros_);
  return &known_.emplace(batch, std::move(costs).value()).first->second;
}

}  // namespace sparseloom::apps
