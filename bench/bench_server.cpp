// What the server adds to the engine, and whether it loses or mixes up anything when everything changes at once.
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include "bench/bench_commands.h"
#include "cli/setup.h"
#include "cli/test_data.h"
#include "sparseloom/backend/scripted/scripted_runtime.h"
#include "sparseloom/base/brief.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/scratch_folder.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/engine/engine.h"
#include "sparseloom/plan/slo.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/server.h"
#include "sparseloom/soc/discover.h"
#include "sparseloom/zoo/chain.h"

namespace sparseloom::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kMostFutureUs = 10, kMostCallbackUs = 5;

struct Options {
  std::string zoo, json;
  std::size_t rounds = 20'000;
  std::size_t requests = 100'000;
  std::uint64_t seed = 0;
};

// ---- What the server adds to the engine, on a model that does nothing.

class NullModel {
 public:
  static Result<std::unique_ptr<NullModel>> make() {
    auto made = std::make_unique<NullModel>();
    SL_ASSIGN_OR_RETURN(made->folder_, ScratchFolder::make());
    const std::filesystem::path file = made->folder_->path() / "nothing.json";
    const TensorSpec x{"x", ElementType::kF32, {1, 4}}, y{"y", ElementType::kF32, {1, 4}};
    SL_RETURN_IF_ERROR(backend::write_scripted_model(
        file, {.inputs = {x}, .between = {}, .outputs = {y}, .spin = Seconds(0), .fail = {}}));
    ServerOptions options{.models = {{"nothing", file}}, .adapt = false, .check_profile = false};
    options.runtime = "scripted";
    options.spin = kBrief;  // so that rounds need not wait long for workers to sleep
    SL_ASSIGN_OR_RETURN(Server server, Server::open(std::move(options)));
    made->server_.emplace(std::move(server));
    SL_RETURN_IF_ERROR(made->start_engine(file, x, y));
    return made;
  }

  // Returns when the workers of both have gone to sleep: each request then wakes one, whose turn it is or was.
  static void let_workers_sleep() {
    const auto until = Clock::now() + 3 * kBrief;
    while (Clock::now() < until) {}
  }

  // Seconds until each has the answer in its hands.
  double server_future() {
    const auto start = Clock::now();
    static_cast<void>(server_->infer("nothing", {Input::lend("x", bytes())}).get());
    return Seconds(Clock::now() - start).count();
  }
  double engine_future() {
    const auto start = Clock::now();
    auto promise = std::make_shared<std::promise<void>>();
    auto future = promise->get_future();
    on_complete_ = [promise = std::move(promise)] { promise->set_value(); };
    submit();
    future.get();
    return Seconds(Clock::now() - start).count();
  }
  // Seconds until each calls back.
  double server_callback() {
    std::atomic<bool> done{false};
    Clock::time_point end;
    const auto start = Clock::now();
    static_cast<void>(server_->submit("nothing", {Input::lend("x", bytes())}, {}, [&](const Reply&) {
      end = Clock::now();
      done.store(true, std::memory_order_release);
    }));
    while (!done.load(std::memory_order_acquire)) std::this_thread::yield();
    return Seconds(end - start).count();
  }
  double engine_callback() {
    std::atomic<bool> done{false};
    Clock::time_point end;
    const auto start = Clock::now();
    on_complete_ = [&] {
      end = Clock::now();
      done.store(true, std::memory_order_release);
    };
    submit();
    while (!done.load(std::memory_order_acquire)) std::this_thread::yield();
    return Seconds(end - start).count();
  }

 private:
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(values_)); }

  void submit() {
    sched::Request request;
    request.arrival = engine_->now();
    request.deadline = request.arrival + Seconds(1);
    static_cast<void>(engine_->submit(request, {bytes()}));
  }

  Status start_engine(const std::filesystem::path& file, const TensorSpec& x, const TensorSpec& y) {
    runtime_ = backend::make_scripted_runtime();
    SL_ASSIGN_OR_RETURN(soc_, soc::discover(*runtime_));
    zoo::Task& task = zoo_.tasks.emplace_back();
    task.name = "nothing";
    task.inputs = {x};
    task.outputs = {y};
    task.variants.resize(1);
    residency_.emplace(soc_, [this, file](const soc::SubgraphKey&) { return runtime_->load(file, {}); });
    SL_ASSIGN_OR_RETURN(engine_, engine::Engine::start(zoo_, soc_, *residency_, server_->view().plan, {.spin = kBrief},
                                                       [this](const engine::Completion&) { on_complete_(); }));
    return {};
  }

  std::optional<ScratchFolder> folder_;
  std::vector<float> values_ = std::vector<float>(4);
  std::optional<Server> server_;
  std::unique_ptr<backend::Runtime> runtime_;
  soc::Soc soc_;
  zoo::Zoo zoo_;
  std::optional<engine::Residency> residency_;
  std::function<void()> on_complete_;
  std::unique_ptr<engine::Engine> engine_;
};

Status bench_overhead(const Options& options, Json& document) {
  SL_ASSIGN_OR_RETURN(const auto model, NullModel::make());
  std::vector<double> server_future, engine_future, server_callback, engine_callback;
  const std::size_t warm_up = options.rounds / 10;
  for (std::size_t r = 0; r < options.rounds + warm_up && !cli::interrupted(); ++r) {
    double times[4] = {};
    constexpr double (NullModel::*kKinds[])() = {&NullModel::server_future, &NullModel::engine_future,
                                                 &NullModel::server_callback, &NullModel::engine_callback};
    for (std::size_t k = 0; k < 4; ++k) {
      const std::size_t kind = (k + r) % 4;
      NullModel::let_workers_sleep();
      times[kind] = (model.get()->*kKinds[kind])();
    }
    if (r < warm_up) continue;
    server_future.push_back(1e6 * times[0]), engine_future.push_back(1e6 * times[1]);
    server_callback.push_back(1e6 * times[2]), engine_callback.push_back(1e6 * times[3]);
  }
  fmt::print("A model that does nothing, one client, taking turns, {} requests of each (us, median [quartiles]):\n",
             server_future.size());
  const auto line = [&](const char* what, const std::vector<double>& server, const std::vector<double>& engine,
                        double most) {
    const Quartiles<double> s = quartiles(server), e = quartiles(engine);
    const double more = s.median - e.median;
    fmt::print(
        "  {:<9}: server {:.1f} [{:.1f}..{:.1f}], engine {:.1f} [{:.1f}..{:.1f}]: {:.1f} more at p50, "
        "target <= {} {}\n",
        what, s.median, s.q1, s.q3, e.median, e.q1, e.q3, more, most, more <= most ? "reached" : "NOT reached");
    document["overhead_us"][what] = {
        {"server", report::quartiles_json(s)}, {"engine", report::quartiles_json(e)}, {"more_at_p50", more}};
  };
  line("future", server_future, engine_future, kMostFutureUs);
  line("callback", server_callback, engine_callback, kMostCallbackUs);
  return {};
}

// ---- Everything changes at once.

std::size_t resident_kib() {
  std::ifstream file("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

// What a stitched variant answers to one sample: the same whenever it is asked.
struct Served {
  std::string task;
  std::vector<std::string> variant, provider;
  std::size_t sample = 0;
  friend auto operator<=>(const Served&, const Served&) = default;
};

class Turmoil {
 public:
  Turmoil(const cli::Setup& setup, Server& server, const std::vector<engine::TaskSamples>& samples,
          std::vector<plan::SloConfig> slos, const Options& options)
      : setup_(setup), server_(server), samples_(samples), slos_(std::move(slos)), options_(options) {}

  Status play(Json& document) {
    std::thread bounds([this] { change_bounds(); });
    std::thread tasks([this] { load_and_unload(); });
    std::thread memory([this] { change_memory(); });
    send();
    over_ = true;
    bounds.join(), tasks.join(), memory.join();
    server_.drain();
    SL_RETURN_IF_ERROR(compare());
    return report(document);
  }

 private:
  static constexpr std::size_t kSamples = 8, kOutstanding = 24;

  void send() {
    std::mt19937_64 random(options_.seed);
    std::vector<Ticket> tickets;
    for (std::size_t r = 0; r < options_.requests && !cli::interrupted(); ++r) {
      {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [this] { return outstanding_ < kOutstanding; });
        ++outstanding_;
        ++sent_;
      }
      if (r == options_.requests / 5) rss_first_ = resident_kib();
      const std::size_t t = random() % setup_.zoo.tasks.size();
      const std::size_t sample = random() % kSamples;
      const zoo::Task& task = setup_.zoo.tasks[t];
      std::vector<Input> inputs;
      for (std::size_t k = 0; k < task.inputs.size(); ++k) {
        inputs.push_back(Input::lend(task.inputs[k].name, samples_[t].inputs[sample][k]));
      }
      const auto ticket = server_.submit(task.name, std::move(inputs), {},
                                         [this, t, sample](const Reply& reply) { answered(t, sample, reply); });
      if (!ticket.ok()) refused(ticket.status());
      if (ticket.ok() && random() % 10 == 0) server_.cancel(*ticket);
    }
    rss_last_ = resident_kib();
  }

  void answered(std::size_t t, std::size_t sample, const Reply& reply) {
    const std::lock_guard lock(mutex_);
    --outstanding_;
    room_.notify_one();
    if (reply.status.code() == Code::kCancelled) {
      ++cancelled_;
    } else if (!reply.status.ok()) {
      if (failed_++ == 0) first_failure_ = reply.status;
    } else {
      ++served_;
      const auto [known, fresh] =
          answers_.try_emplace({setup_.zoo.tasks[t].name, reply.served_by->variant, reply.served_by->provider, sample},
                               reply.outputs[0].data);
      if (!fresh && known->second != reply.outputs[0].data) ++wrong_;
    }
  }

  void refused(const Status& status) {
    const std::lock_guard lock(mutex_);
    --outstanding_;
    if (status.code() == Code::kFailedPrecondition) {
      ++refused_;  // the task is not loaded
    } else if (failed_++ == 0) {
      first_failure_ = status;
    }
  }

  void change_bounds() {
    std::mt19937_64 random(options_.seed + 1);
    while (!over_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      const plan::SloConfig& slo = slos_[random() % slos_.size()];
      const std::size_t t = random() % setup_.zoo.tasks.size();
      note(
          server_.set_slo(setup_.zoo.tasks[t].name, {.accuracy = slo.slos[t].accuracy, .latency = slo.slos[t].latency}),
          changes_);
    }
  }

  void load_and_unload() {
    std::mt19937_64 random(options_.seed + 2);
    while (!over_) {
      const std::string& task = setup_.zoo.tasks[random() % setup_.zoo.tasks.size()].name;
      std::this_thread::sleep_for(std::chrono::milliseconds(700));
      note(server_.unload(task), unloads_);
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
      note(server_.load(task), loads_);
    }
  }

  // Between what is taken and two thirds of it, which binds.
  void change_memory() {
    const Bytes full = server_.metrics().resident;
    for (bool tight = true; !over_; tight = !tight) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      note(server_.set_memory(Bytes{tight ? full.count * 2 / 3 : full.count * 3 / 2}), budgets_);
    }
  }

  void note(const Status& status, std::size_t& done) {
    const std::lock_guard lock(mutex_);
    if (status.code() == Code::kResourceExhausted) {
      ++no_room_;
    } else if (!status.ok()) {
      if (failed_++ == 0) first_failure_ = status;
    } else {
      ++done;
    }
  }

  // Every answer with what the same executables give when they are run directly.
  Status compare() {
    for (const auto& [served, answer] : answers_) {
      SL_ASSIGN_OR_RETURN(const zoo::TaskId task, setup_.zoo.find_task(served.task));
      const zoo::Task& of = setup_.zoo.task(task);
      std::vector<std::shared_ptr<backend::Executable>> stages;
      for (std::size_t i = 0; i < of.stages(); ++i) {
        SL_ASSIGN_OR_RETURN(const zoo::VariantId variant, of.variant(served.variant[i]));
        SL_ASSIGN_OR_RETURN(const backend::Provider provider, backend::find_provider(served.provider[i]));
        SL_ASSIGN_OR_RETURN(const auto piece, setup_.pieces->piece(task, variant, zoo::StageId(i), provider));
        SL_ASSIGN_OR_RETURN(auto executable,
                            setup_.runtime->load(piece, profile::compile_options(setup_.soc, soc::ProcessorId(0),
                                                                                 provider, setup_.compile_cache)));
        stages.push_back(std::move(executable));
      }
      SL_ASSIGN_OR_RETURN(zoo::Chain chain, zoo::Chain::bind(std::move(stages)));
      const auto& inputs = samples_[task.index()].inputs[served.sample];
      for (std::size_t k = 0; k < inputs.size(); ++k) {
        std::copy(inputs[k].begin(), inputs[k].end(), chain.input(k).begin());
      }
      SL_RETURN_IF_ERROR(chain.run());
      const auto direct = chain.output(0);
      if (!std::equal(direct.begin(), direct.end(), answer.begin(), answer.end())) ++wrong_;
    }
    return {};
  }

  Status report(Json& document) const {
    const std::size_t replied = served_ + cancelled_ + failed_ + refused_;
    const std::size_t lost = sent_ - std::min(sent_, replied);
    fmt::print(
        "\n{} requests while bounds, tasks and memory change: {} served, {} cancelled, {} refused (task not "
        "loaded), {} failed, {} lost, {} wrong of {} different answers\n",
        sent_, served_, cancelled_, refused_, failed_, lost, wrong_, answers_.size());
    fmt::print(
        "  {} changes of bounds, {} loads, {} unloads, {} memory budgets, {} refused for lack of room, {} plan "
        "switches\n",
        changes_, loads_, unloads_, budgets_, no_room_, server_.metrics().plan_switches);
    fmt::print("  resident {:.1f} MiB after a fifth, {:.1f} MiB at the end\n", static_cast<double>(rss_first_) / 1024,
               static_cast<double>(rss_last_) / 1024);
    document["turmoil"] = {{"sent", sent_},       {"served", served_},           {"cancelled", cancelled_},
                           {"refused", refused_}, {"failed", failed_},           {"lost", lost},
                           {"wrong", wrong_},     {"answers", answers_.size()},  {"slo_changes", changes_},
                           {"loads", loads_},     {"unloads", unloads_},         {"budgets", budgets_},
                           {"no_room", no_room_}, {"rss_first_kib", rss_first_}, {"rss_last_kib", rss_last_}};
    if (failed_ > 0) return first_failure_.with_context("first failure");
    if (lost > 0 || wrong_ > 0) return error(Code::kInternal, "{} requests lost, {} answers wrong", lost, wrong_);
    return {};
  }

  const cli::Setup& setup_;
  Server& server_;
  const std::vector<engine::TaskSamples>& samples_;
  const std::vector<plan::SloConfig> slos_;
  const Options& options_;
  std::atomic<bool> over_{false};
  std::mutex mutex_;  // guards what follows
  std::condition_variable room_;
  std::size_t outstanding_ = 0, sent_ = 0, served_ = 0, cancelled_ = 0, refused_ = 0, failed_ = 0, wrong_ = 0;
  std::size_t changes_ = 0, loads_ = 0, unloads_ = 0, budgets_ = 0, no_room_ = 0;
  std::size_t rss_first_ = 0, rss_last_ = 0;
  Status first_failure_;
  std::map<Served, std::vector<std::byte>> answers_;
};

Status bench_turmoil(const Options& options, Json& document) {
  const auto zoo = options.zoo.empty() ? cli::default_zoo() : std::filesystem::path(options.zoo);
  SL_ASSIGN_OR_RETURN(const auto setup, cli::make_setup(zoo));
  SL_ASSIGN_OR_RETURN(const profile::Profile profile, cli::read_profile(*setup));
  SL_ASSIGN_OR_RETURN(const auto ranges, plan::grid_ranges(setup->zoo, setup->soc, profile));
  SL_ASSIGN_OR_RETURN(const cli::TestData data, cli::load_test_data(setup->zoo));
  std::vector<plan::SloConfig> slos;
  for (int c = 1; c <= 8; ++c) {
    SL_ASSIGN_OR_RETURN(slos.emplace_back(), plan::named_config(ranges, fmt::format("C{}", c)));
  }
  SL_ASSIGN_OR_RETURN(Server server, Server::open({.zoo = zoo, .check_profile = false}));
  return Turmoil(*setup, server, data.samples, std::move(slos), options).play(document);
}

Status bench_server(const Options& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  Json document;
  SL_RETURN_IF_ERROR(bench_overhead(options, document));
  const Status turmoil = options.requests > 0 ? bench_turmoil(options, document) : Status();
  if (!options.json.empty()) SL_RETURN_IF_ERROR(write_file(options.json, document.dump(2) + "\n"));
  SL_RETURN_IF_ERROR(turmoil);
  return cli::cancelled_if_interrupted();
}

}  // namespace

std::function<Status()> add_server(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("--zoo", options->zoo, "zoo that is served while everything changes (default: zoos/demo)");
  command.add_option("--rounds", options->rounds, "requests of each kind against a model that does nothing")
      ->check(CLI::Range(10, 10'000'000))
      ->capture_default_str();
  command.add_option("--requests", options->requests, "requests while bounds, tasks and memory change; 0: none")
      ->check(CLI::Range(0, 100'000'000))
      ->capture_default_str();
  command.add_option("--seed", options->seed, "random seed")->capture_default_str();
  command.add_option("--json", options->json, "write the figures here");
  return [options] { return bench_server(*options); };
}

}  // namespace sparseloom::bench
