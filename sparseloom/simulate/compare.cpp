#include "sparseloom/simulate/compare.h"

namespace sparseloom::simulate {
namespace {

/// One policy's simulation, its meter, and who else hears of it.
class Contender final : public Observer {
 public:
  Contender(const soc::Pools& pools, std::size_t column, FinishTable* table, Observer* also)
      : meter_(pools), column_(column), table_(table), also_(also) {}

  void ran(const sched::Request& request, const sched::Dispatch& dispatch, Seconds start, Seconds end,
           bool waited) override {
    meter_.ran(request, dispatch, start, end, waited);
    if (also_ != nullptr) also_->ran(request, dispatch, start, end, waited);
  }

  void finished(const Query& query, Seconds at) override {
    meter_.finished(query, at);
    if (table_ != nullptr) table_->finished(column_, query.request.id.index(), at);
    if (also_ != nullptr) also_->finished(query, at);
  }

  Metrics metrics() const { return meter_.metrics(); }

  std::optional<Simulation> simulation;

 private:
  Meter meter_;
  std::size_t column_;
  FinishTable* table_;
  Observer* also_;
};

// Policies take turns at so many requests: each then runs long enough to have the caches and branch predictors to
// itself.
constexpr std::size_t kBatch = 1024;
constexpr std::size_t kStagesBetweenPauses = 100'000;

Status read_batch(RequestSource& requests, std::vector<Query>& batch) {
  batch.clear();
  while (batch.size() < kBatch) {
    SL_ASSIGN_OR_RETURN(const std::optional<Query> query, requests.next());
    if (!query) break;
    batch.push_back(*query);
  }
  return {};
}

}  // namespace

Result<std::vector<Metrics>> compare_policies(const Stage& stage, const std::vector<std::string_view>& policies,
                                              RequestSource& requests, const CompareOptions& options) {
  std::vector<std::unique_ptr<Contender>> contenders;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    Contender& contender = *contenders.emplace_back(
        std::make_unique<Contender>(stage.pools, i, options.finish_table, i == 0 ? options.observer : nullptr));
    SL_ASSIGN_OR_RETURN(auto policy, sched::make_policy(policies[i], sched::Dispatcher::queue_count(stage.pools)));
    SL_ASSIGN_OR_RETURN(Simulation simulation, Simulation::make(stage.plan, stage.pools, std::move(policy),
                                                                stage.admission, stage.world, contender));
    contender.simulation.emplace(std::move(simulation));
  }
  const auto pause = [&]() -> Status {
    if (options.finish_table != nullptr) SL_RETURN_IF_ERROR(options.finish_table->flush_some());
    const bool stop = options.stop != nullptr && options.stop->load(std::memory_order_relaxed);
    return stop ? error(Code::kCancelled, "stopped; nothing is kept of the simulation") : Status();
  };
  std::vector<Query> batch;
  for (bool any = false;; any = true) {
    SL_RETURN_IF_ERROR(read_batch(requests, batch));
    if (batch.empty() && !any) return error(Code::kMalformed, "no requests to simulate; allowed: at least one");
    if (batch.empty()) break;
    for (const auto& contender : contenders) {
      for (const Query& query : batch) contender->simulation->arrive(query);
    }
    SL_RETURN_IF_ERROR(pause());
  }
  std::vector<Metrics> results;
  for (const auto& contender : contenders) {
    while (contender->simulation->finish_some(kStagesBetweenPauses)) SL_RETURN_IF_ERROR(pause());
    const std::size_t left = contender->simulation->dispatcher().in_flight();
    if (left > 0) return error(Code::kInternal, "policy '{}' never ran {} requests", policies[results.size()], left);
    results.push_back(contender->metrics());
  }
  return results;
}

}  // namespace sparseloom::simulate
