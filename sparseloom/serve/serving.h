#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "sparseloom/base/scratch_folder.h"
#include "sparseloom/engine/drift.h"
#include "sparseloom/engine/engine.h"
#include "sparseloom/engine/plan_switcher.h"
#include "sparseloom/engine/replan_guard.h"
#include "sparseloom/engine/residency.h"
#include "sparseloom/plan/planners/resident_only.h"
#include "sparseloom/sched/trace.h"
#include "sparseloom/serve/catalog.h"
#include "sparseloom/serve/domain.h"
#include "sparseloom/serve/requests.h"
#include "sparseloom/serve/tasks.h"
#include "sparseloom/server.h"

namespace sparseloom::serve {

/// What a Server does (its members say what): holds the layers together and runs the adaptive loop. open() comes first.
class Serving {
 public:
  explicit Serving(ServerOptions options);
  ~Serving();
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  Status open();
  Result<Ticket> submit(std::string_view task, std::vector<Input> inputs, const InferOptions& options,
                        OnReply on_reply);
  bool cancel(Ticket ticket);
  Status set_slo(std::string_view task, const Slo& slo);
  Status set_memory(std::optional<Bytes> memory);
  Status load(std::string_view task);
  Status load(const ModelFile& model);
  Status unload(std::string_view task);
  std::vector<TaskInfo> tasks() const { return tasks_->infos(); }
  Metrics metrics() const;
  ServerView view() const;
  Status write_trace(const std::filesystem::path& file) const;
  void drain();
  std::size_t stop(Seconds grace);

 private:
  class Adaptation;
  /// A plan and what it was made for.
  struct Planned {
    std::shared_ptr<const Domain> domain;
    std::shared_ptr<const plan::Plan> plan;  // by the domain's numbers
    std::vector<double> slowdowns;
  };

  Status add(std::unique_ptr<Source> source, const std::vector<Slo>& slos);
  Result<std::vector<Slo>> first_slos(const Source& source) const;
  OpenWith open_with() const;
  Status open_caches();
  Result<Planned> first_plan();
  Status start_engine();
  void notice(std::string_view line) const;

  // Called with control_ held.
  Result<std::shared_ptr<const Domain>> new_domain(const std::vector<bool>& loaded, std::optional<Bytes> memory) const;
  Result<Planned> plan_for(std::shared_ptr<const Domain> domain) const;
  void follow(const Planned& planned);
  Status switch_to(std::shared_ptr<const Domain> domain);
  void go_back_to(const Planned& before);
  Status serve(zoo::TaskId task);

  Planned planned() const;
  std::vector<double> slowdowns() const;
  Result<std::shared_ptr<const plan::Plan>> bridge(const plan::IsResident& resident) const;
  void completed(const engine::Completion& completion);
  void adapt();
  void failing(soc::ProcessorId place, const Status& why);
  void rescue();

  const ServerOptions options_;
  std::unique_ptr<backend::Runtime> runtime_;
  std::filesystem::path compile_cache_;
  std::optional<ScratchFolder> scratch_;  // takes the place of a cache that cannot be written
  std::string plan_file_;                 // its text
  soc::Soc soc_;
  soc::Soc plan_soc_;  // the same with what plans may use; once it serves, control_ guards it
  std::atomic<const plan::Planner*> planner_ = nullptr;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Tasks> tasks_;
  Requests requests_;
  std::unique_ptr<engine::Residency> residency_;
  std::unique_ptr<engine::Drift> drift_;

  std::mutex control_;  // one change of tasks, bounds or memory at a time
  std::optional<Bytes> memory_;
  mutable std::mutex planned_mutex_;  // guards:
  Planned planned_;

  std::atomic<std::uint64_t> replans_{0}, undone_{0};
  engine::LateCounter late_;
  std::unique_ptr<sched::TraceSink> trace_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::PlanSwitcher> switcher_;
  mutable std::mutex stopping_mutex_;  // guards:
  bool stopping_ = false;
  std::vector<std::pair<soc::ProcessorId, Status>> lost_;  // places that fail, and why
  std::condition_variable stop_;
  std::mutex joining_;  // of the threads
  std::thread adapting_, rescuing_;
};

}  // namespace sparseloom::serve
