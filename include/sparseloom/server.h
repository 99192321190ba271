// sparseloom: serves many DNNs on one edge SoC, each within its latency and its accuracy bound. This is the library's
// front: a Server owns runtimes, models, profile, plan and engine, and adapts while it serves.
#pragma once

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/tensor.h"
#include "sparseloom/base/units.h"
#include "sparseloom/metrics.h"

namespace sparseloom {

namespace plan {
struct Load;  // sparseloom/plan/planner.h
struct Plan;
}  // namespace plan
namespace profile {
struct Profile;  // sparseloom/profile/profile.h
}  // namespace profile
namespace soc {
struct Soc;  // sparseloom/soc/soc.h
}  // namespace soc
namespace zoo {
struct Zoo;  // sparseloom/zoo/zoo.h
}  // namespace zoo

inline namespace literals {
/// 64_MiB.
constexpr Bytes operator""_MiB(unsigned long long mebibytes) { return {mebibytes * 1024 * 1024}; }
}  // namespace literals

/// What a task is promised. Absent: no bound.
struct Slo {
  std::optional<double> accuracy{};  ///< least accuracy of the variant that serves it, 0..1
  std::optional<Seconds> latency{};  ///< greatest time from arrival to answer; more than 0
};

/// One model file to serve without a zoo: a task of one variant, whose accuracy is unknown.
struct ModelFile {
  std::string name;                       ///< the task's: letters, digits and -_.+
  std::filesystem::path file;             ///< ONNX, OpenVINO IR, or whatever else the runtime reads
  std::map<std::string, Shape> shapes{};  ///< of inputs that are dynamic in the file, by name
  std::optional<Seconds> latency{};       ///< its latency bound; absent: served after all that have one (policy edf)
};

/// How far a measurement, such as the first profile of a machine, has come.
struct OpenProgress {
  std::string what;      ///< "latency"
  std::size_t done = 0;  ///< of `total`
  std::size_t total = 0;
  Seconds left{0};  ///< at the rate so far; 0 while unknown
};

/// What to serve, and how.
struct ServerOptions {
  std::filesystem::path zoo{};         ///< folder of a zoo; empty: none
  std::vector<ModelFile> models{};     ///< besides, or instead; at least one of both
  std::string slo_config = "C5";       ///< of the zoo's tasks, until set_slo(): C1..C8 or a<j>l<k>
  std::map<std::string, Slo> slos{};   ///< by task, instead; none beside a plan file, which has its own
  std::optional<Bytes> memory{};       ///< that compiled subgraphs may take together; none: no limit
  std::filesystem::path plan{};        ///< serve this plan file first, within its bounds, instead of making one
  std::string planner = "sparseloom";  ///< docs/planning.md
  /// Requests that plans expect, by the zoo's tasks (sched::load_of() makes one of a workload); none: episodes, one
  /// request per task (docs/planning.md).
  std::shared_ptr<const plan::Load> expected_load{};
  std::vector<std::string> providers{};  ///< that plans may use; empty: all that the processors offer
  bool gangs = true;                     ///< plans may run a stage on several cores together (soc::Pools)
  /// Gangs may also divide a stage's operators between their members (docs/hybrid.md): opening measures that too.
  bool hybrid = false;
  std::string policy = "edf";      ///< docs/simulate.md
  std::size_t slots_per_task = 4;  ///< requests of one task in flight at once; more wait in the admission queue
  /// For so long an idle worker looks for its next stage before it sleeps: saves the time that waking it up takes, at
  /// the cost of a busy core meanwhile.
  Seconds spin{200e-6};
  bool adapt = true;          ///< re-plan when stages take longer or shorter than profiled
  bool check_profile = true;  ///< before serving, see whether the stored profile still fits the machine
  Seconds grace{5};           ///< the destructor waits so long for requests before it cancels them
  /// "auto": OpenVINO, and every other runtime that is found; "openvino" alone; "scripted" runs no model: for tests and
  /// for measuring the server itself.
  std::string runtime = "auto";
  bool trace = false;                                      ///< remember what ran when and where, for write_trace()
  std::function<void(const OpenProgress&)> on_progress{};  ///< while open() or load() measures
  const std::atomic<bool>* stop_measuring = nullptr;       ///< not owned; once set, measuring ends with kCancelled
  /// One line for people; from any thread. Must neither throw nor call members that block, or stop().
  std::function<void(std::string_view)> on_notice{};
};

/// One input of a request. Its data are the caller's copy, shared, or lent.
class Input {
 public:
  /// Copies `values`, elements of the input's type or plain bytes. `name`: of the model's input; may be empty if it has
  /// but one.
  template <std::ranges::contiguous_range Range>
  static Input copy(std::string name, const Range& values) {
    auto owned =
        std::make_shared<std::vector<std::byte>>(std::ranges::size(values) * sizeof(*std::ranges::data(values)));
    if (!owned->empty()) std::memcpy(owned->data(), std::ranges::data(values), owned->size());
    const std::span<const std::byte> data(*owned);
    return Input(std::move(name), data, std::move(owned));
  }
  /// Copies nothing: `owner` keeps `data` alive until the request has completed.
  static Input share(std::string name, std::span<const std::byte> data, std::shared_ptr<const void> owner) {
    return Input(std::move(name), data, std::move(owner));
  }
  /// Copies nothing and owns nothing: `data` must stay valid and unchanged until the request has completed, also if it
  /// is cancelled.
  static Input lend(std::string name, std::span<const std::byte> data) { return Input(std::move(name), data, nullptr); }

  const std::string& name() const { return name_; }
  std::span<const std::byte> data() const { return data_; }

 private:
  Input(std::string name, std::span<const std::byte> data, std::shared_ptr<const void> owner)
      : name_(std::move(name)), data_(data), owner_(std::move(owner)) {}

  std::string name_;
  std::span<const std::byte> data_;
  std::shared_ptr<const void> owner_;
};

/// One output of an answer. A value.
struct Output {
  TensorSpec tensor;
  std::vector<std::byte> data;

  /// The data as elements of type T, which must be the tensor's.
  template <typename T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }
};

/// What a request asks for, besides its task and inputs.
struct InferOptions {
  std::optional<Seconds> latency{};  ///< bound, instead of the task's
  std::optional<double> accuracy{};  ///< bound, instead of the task's; an error if the task's accuracy is unknown
  double priority = 1;               ///< more than 0; for policies that look at it
};

/// How a task is served at present: names, one per stage.
struct Placement {
  std::vector<std::string> variant;
  std::vector<std::string> processor;
  std::vector<std::string> provider;
  bool pooled = false;             ///< a stage may run on any processor that is like the named one
  std::optional<double> accuracy;  ///< of that stitched variant; none: unknown
  Seconds latency{0};              ///< of a request that is alone, as predicted
  bool meets_slo = true;           ///< both of the task's bounds, as predicted
};

/// The answer to one request. A value, the caller's own.
struct Reply {
  Status status;                ///< not ok: why there is no answer; kCancelled: it was cancelled
  std::vector<Output> outputs;  ///< every output of the model, in its order; none without an answer
  Seconds latency{0};           ///< from its arrival at the server to its completion
  std::chrono::steady_clock::time_point completed{};  ///< when that was; of one that never got in: the epoch
  std::shared_ptr<const Placement> served_by;         ///< null if it never got in
  bool met_latency = false;                           ///< in time; true if it had no bound
  bool met_accuracy = false;                          ///< the variant keeps the accuracy bound; true if there was none
};

using OnReply = std::function<void(Reply)>;

/// Names a request of one server.
struct Ticket {
  std::uint64_t number = 0;
};

/// A reply that will come. Movable; dropping it does not cancel the request.
class PendingReply {
 public:
  PendingReply(PendingReply&&) noexcept;
  PendingReply& operator=(PendingReply&&) noexcept;
  ~PendingReply();

  /// Waits for the reply; at most once. Every request gets one, also if its server is destroyed.
  Reply get();
  bool ready() const;
  Ticket ticket() const;

 private:
  friend class Server;
  struct State;
  explicit PendingReply(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// A request, for submission in batches.
struct Query {
  std::string task;
  std::vector<Input> inputs;
  InferOptions options{};
};

/// What can be known of one task.
struct TaskInfo {
  std::string name;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::vector<std::string> variants;
  bool loaded = true;
  bool accuracy_known = true;
  Slo slo;
  std::shared_ptr<const Placement> placement;  ///< null if it is not loaded
};

/// What is served, for tools that explain, report or simulate it: see the headers of these types. The references stay
/// valid as long as the server.
struct ServerView {
  const zoo::Zoo& zoo;
  const soc::Soc& soc;
  const profile::Profile& profile;         ///< of this machine as it was when the server was opened
  std::shared_ptr<const plan::Plan> plan;  ///< served now; tasks that are not loaded have an empty part
};

/// Serves tasks. Every member may be called from any thread, but none that blocks (see there) from a reply's callback,
/// nor may the server be destroyed there.
class Server {
 public:
  /// Opens what `options` name, measures what is missing of a profile (cached per user), plans, loads, starts one
  /// pinned worker per processor. Blocks; a first start on a machine takes a minute or two. Errors name what is wrong
  /// with zoo, model, plan file, bounds or budget.
  static Result<Server> open(ServerOptions options);
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  /// Takes no more requests; what has not completed after options.grace is cancelled. Every reply comes before it ends.
  ~Server();

  /// Asks `task` for an answer. Never blocks on running inferences. What is wrong with the request (unknown task,
  /// inputs, bounds) is the reply's status. Inputs are bound by name.
  PendingReply infer(std::string_view task, std::vector<Input> inputs, const InferOptions& options = {});
  /// Several at once, in this order.
  std::vector<PendingReply> infer(std::vector<Query> queries);
  /// The same, but calls `on_reply` exactly once, from a worker thread: it must be quick, and may submit further
  /// requests; cancel() and stop() call back from their own thread too. What it throws is caught and noticed. An error
  /// means that nothing was submitted.
  Result<Ticket> submit(std::string_view task, std::vector<Input> inputs, const InferOptions& options,
                        OnReply on_reply);
  /// Cancels a request: one that waits at once, one in flight after the stage that it is in; its reply says kCancelled.
  /// One in its last stage completes as if nothing had happened. False: it has completed. Must not be called with a
  /// mutex held that a callback takes.
  bool cancel(Ticket ticket);

  /// New bounds for a task, in force when this returns. Blocks while another thread loads, unloads or sets memory. If
  /// no variant meets them the plan degrades, and TaskInfo::placement says so. Loads what that takes in the background;
  /// should that fail, options.on_notice is told why, and what is in memory serves on.
  Status set_slo(std::string_view task, const Slo& slo);
  /// What compiled subgraphs may take together; none: no limit. Blocks until a plan that fits is served.
  /// kResourceExhausted names the least budget that would do; the old one then stays.
  Status set_memory(std::optional<Bytes> memory);
  /// Serves a task of the zoo again that was unloaded. Blocks. kResourceExhausted: it does not fit the memory budget.
  Status load(std::string_view task);
  /// Serves another model file from now on. Blocks: profiles it if need be.
  Status load(const ModelFile& model);
  /// Takes no more requests for a task, serves those that it has, and frees its memory. Blocks.
  Status unload(std::string_view task);

  std::vector<TaskInfo> tasks() const;
  Metrics metrics() const;
  /// Of the tasks that are known now; those that are loaded later are not in it.
  ServerView view() const;
  /// Writes what ran when and where as a Chrome or Perfetto trace. kFailedPrecondition: options.trace was not set, or
  /// the server is not stopped; else the errors of writing.
  Status write_trace(const std::filesystem::path& file) const;
  /// Waits until everything submitted has completed. Blocks.
  void drain();
  /// Ends serving as the destructor does, but cancels what has not completed after `grace`. Blocks. Returns how many
  /// requests that were.
  std::size_t stop(Seconds grace);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sparseloom
