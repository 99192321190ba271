#include "apps/run_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>

#include "cli/memory_option.h"
#include "cli/server.h"
#include "cli/setup.h"
#include "cli/shapes.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/base/names.h"
#include "sparseloom/report/table.h"
#include "sparseloom/server.h"
#include "sparseloom/zoo/dataset.h"

namespace sparseloom::apps {
namespace {

namespace fs = std::filesystem;

struct Pair {
  std::string key, value;
};

Result<Pair> split(std::string_view option, const std::string& text, std::string_view expected) {
  const std::size_t equals = text.find('=');
  if (equals != std::string::npos && equals > 0 && equals + 1 < text.size()) {
    return Pair{text.substr(0, equals), text.substr(equals + 1)};
  }
  return error(Code::kInvalidArgument, "{} {}: expected {}", option, text, expected);
}

// The samples of one model, by input.
struct Samples {
  std::vector<zoo::NpyArray> inputs;  // in the model's order
  std::size_t count = 1;
};

ModelFile* find_model(std::vector<ModelFile>& models, std::string_view name) {
  const auto found = std::find_if(models.begin(), models.end(), [&](const ModelFile& m) { return m.name == name; });
  return found == models.end() ? nullptr : &*found;
}

Status unknown_model(std::string_view option, const std::string& name, const std::vector<ModelFile>& models) {
  std::vector<std::string_view> names;
  for (const ModelFile& model : models) names.push_back(model.name);
  return unknown_name(fmt::format("{}: model", option), name, names);
}

Result<std::vector<ModelFile>> parse_models(const RunModelsOptions& options) {
  std::vector<ModelFile> models;
  for (const std::string& text : options.models) {
    SL_ASSIGN_OR_RETURN(Pair pair, split("--model", text, "NAME=FILE"));
    models.push_back({.name = std::move(pair.key), .file = std::move(pair.value)});
  }
  for (const std::string& text : options.latencies) {
    SL_ASSIGN_OR_RETURN(const Pair pair, split("--latency", text, "NAME=MILLISECONDS"));
    ModelFile* const model = find_model(models, pair.key);
    if (model == nullptr) return unknown_model("--latency", pair.key, models);
    double ms = 0;
    const char* const end = pair.value.data() + pair.value.size();
    const auto parsed = std::from_chars(pair.value.data(), end, ms);
    if (parsed.ec != std::errc() || parsed.ptr != end || !(ms > 0 && ms < 1e9)) {
      return error(Code::kInvalidArgument, "--latency {}: '{}'; allowed: more than 0 milliseconds", text, pair.value);
    }
    model->latency = from_ms(ms);
  }
  for (const std::string& text : options.shapes) {
    ModelFile* model = nullptr;  // of names with dots the longest that fits
    for (ModelFile& m : models) {
      const bool fits = text.starts_with(m.name + ".") || text.starts_with(m.name + "=");
      if (fits && (model == nullptr || m.name.size() > model->name.size())) model = &m;
    }
    if (model == nullptr) return unknown_model("--shape", text.substr(0, text.find_first_of(".=")), models);
    const bool named = text[model->name.size()] == '.';
    SL_ASSIGN_OR_RETURN(const auto shapes, cli::parse_shapes({text.substr(model->name.size() + (named ? 1 : 0))}));
    model->shapes.insert(shapes.begin(), shapes.end());
  }
  return models;
}

// What `key` of --input names: "model.input", or "model" for its only input.
Result<std::pair<std::size_t, std::size_t>> find_input(const std::string& key, const std::vector<TaskInfo>& tasks) {
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    if (key == tasks[t].name && tasks[t].inputs.size() == 1) return std::pair(t, std::size_t{0});
    for (std::size_t k = 0; k < tasks[t].inputs.size(); ++k) {
      if (key == tasks[t].name + "." + tasks[t].inputs[k].name) return std::pair(t, k);
    }
  }
  std::vector<std::string> all;
  for (const TaskInfo& task : tasks) {
    for (const TensorSpec& input : task.inputs) all.push_back(task.name + "." + input.name);
  }
  return unknown_name("--input: input", key, all);
}

// One array holds one sample of the input's shape, or several in a row.
Result<std::vector<Samples>> load_samples(const RunModelsOptions& options, const std::vector<TaskInfo>& tasks) {
  std::vector<Samples> samples(tasks.size());
  std::vector<std::vector<bool>> given;
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    samples[t].inputs.resize(tasks[t].inputs.size());
    given.emplace_back(tasks[t].inputs.size(), false);
  }
  for (const std::string& text : options.inputs) {
    SL_ASSIGN_OR_RETURN(const Pair pair, split("--input", text, "NAME.INPUT=FILE.npy"));
    SL_ASSIGN_OR_RETURN(const auto at, find_input(pair.key, tasks));
    const TensorSpec& spec = tasks[at.first].inputs[at.second];
    SL_ASSIGN_OR_RETURN(const std::string bytes, read_file(pair.value));
    SL_ASSIGN_OR_RETURN(zoo::NpyArray array, zoo::parse_npy(bytes, pair.value));
    const std::size_t count = spec.bytes() == 0 ? 0 : array.data.size() / spec.bytes();
    if (array.type != spec.type || count == 0 || count * spec.bytes() != array.data.size()) {
      return error(Code::kInvalidArgument, "{}: holds {}{}; input '{}' takes {}, or several of them", pair.value,
                   to_string(array.type), to_string(array.shape), pair.key, spec.describe());
    }
    Samples& of = samples[at.first];
    const bool first = std::none_of(given[at.first].begin(), given[at.first].end(), [](bool g) { return g; });
    if (!first && of.count != count) {
      return error(Code::kInvalidArgument, "{}: holds {} samples, another input of '{}' {}", pair.value, count,
                   tasks[at.first].name, of.count);
    }
    of.count = count;
    of.inputs[at.second] = std::move(array);
    given[at.first][at.second] = true;
  }
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    for (std::size_t k = 0; k < tasks[t].inputs.size(); ++k) {
      if (given[t][k]) continue;
      const TensorSpec& spec = tasks[t].inputs[k];
      fmt::print("{}.{}: no --input; zeros\n", tasks[t].name, spec.name);
      samples[t].inputs[k].data = HostBuffer(spec.bytes() * samples[t].count);
    }
  }
  return samples;
}

std::vector<Input> inputs_of(const TaskInfo& task, const Samples& samples, std::size_t sample) {
  std::vector<Input> inputs;
  for (std::size_t k = 0; k < task.inputs.size(); ++k) {
    const std::size_t bytes = task.inputs[k].bytes();
    inputs.push_back(Input::lend(task.inputs[k].name, samples.inputs[k].data.span().subspan(sample * bytes, bytes)));
  }
  return inputs;
}

// The answers to a model's samples, output by output.
struct Answers {
  std::vector<std::string> data;  // by output: of all samples in a row
  std::size_t count = 0;
};

std::string file_name(const std::string& task, const std::string& output) {
  std::string name = task + "." + output + ".npy";
  for (char& c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
    if (!plain) c = '_';
  }
  return name;
}

Status write_answers(const std::string& folder, const std::vector<TaskInfo>& tasks, const std::vector<Answers>& all) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) return error(Code::kUnavailable, "--outputs {}: {}", folder, failure.message());
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    for (std::size_t k = 0; k < tasks[t].outputs.size() && all[t].count > 0; ++k) {
      const TensorSpec& spec = tasks[t].outputs[k];
      Shape shape = spec.shape;
      const auto count = static_cast<std::int64_t>(all[t].count);
      if (!shape.empty() && shape.front() == 1) {
        shape.front() = count;
      } else if (count > 1) {
        shape.insert(shape.begin(), count);
      }
      const fs::path file = fs::path(folder) / file_name(tasks[t].name, spec.name);
      const std::string& data = all[t].data[k];
      SL_RETURN_IF_ERROR(write_file(file, zoo::format_npy(spec.type, shape, std::as_bytes(std::span(data)))));
      fmt::print("{}: {}{}\n", file.string(), to_string(spec.type), to_string(shape));
    }
  }
  return {};
}

// One request of every model at a time. Answers are those of the first pass over the samples.
Result<std::vector<Answers>> serve(Server& server, const RunModelsOptions& options, const std::vector<TaskInfo>& tasks,
                                   const std::vector<Samples>& samples) {
  std::vector<Answers> answers(tasks.size());
  for (std::size_t t = 0; t < tasks.size(); ++t) answers[t].data.resize(tasks[t].outputs.size());
  const auto requests = [&](std::size_t t) { return options.requests > 0 ? options.requests : samples[t].count; };
  bool any = true;
  for (std::size_t r = 0; any && !cli::interrupted(); ++r) {
    std::vector<std::pair<std::size_t, PendingReply>> sent;
    for (std::size_t t = 0; t < tasks.size(); ++t) {
      if (r >= requests(t)) continue;
      sent.emplace_back(t, server.infer(tasks[t].name, inputs_of(tasks[t], samples[t], r % samples[t].count)));
    }
    any = !sent.empty();
    Status failed;  // returned when nobody reads the samples any more
    for (auto& [t, pending] : sent) {
      const Reply reply = pending.get();
      if (!reply.status.ok() && failed.ok()) failed = reply.status;
      if (!reply.status.ok() || r >= samples[t].count) continue;
      ++answers[t].count;
      for (std::size_t k = 0; k < reply.outputs.size(); ++k) {
        const std::vector<std::byte>& data = reply.outputs[k].data;
        answers[t].data[k].append(reinterpret_cast<const char*>(data.data()), data.size());
      }
    }
    SL_RETURN_IF_ERROR(failed);
  }
  return answers;
}

Json report_of(const Server& server, report::Table& table) {
  Json rows = Json::array();
  const Metrics metrics = server.metrics();
  const std::vector<TaskInfo> tasks = server.tasks();
  for (std::size_t t = 0; t < tasks.size(); ++t) {
    const TaskMetrics& m = metrics.tasks[t];
    const std::optional<Seconds>& bound = tasks[t].slo.latency;
    const auto ms = [&](double q) { return to_ms(m.latency.quantile(q)); };
    const std::string where = tasks[t].placement == nullptr
                                  ? "-"
                                  : fmt::format("{}({})", fmt::join(tasks[t].placement->processor, "|"),
                                                fmt::join(tasks[t].placement->provider, "|"));
    table.add({tasks[t].name, where, fmt::to_string(m.served), fmt::to_string(m.late),
               bound ? fmt::format("{:.2f}", to_ms(*bound)) : "none", fmt::format("{:.2f}", ms(0.5)),
               fmt::format("{:.2f}", ms(0.95)), fmt::format("{:.2f}", ms(0.99)), "unknown"});
    rows.push_back({{"task", tasks[t].name},
                    {"requests", m.served},
                    {"late", m.late},
                    {"latency_bound_ms", bound ? Json(to_ms(*bound)) : Json(nullptr)},
                    {"latency_ms", {{"p50", ms(0.5)}, {"p95", ms(0.95)}, {"p99", ms(0.99)}}},
                    {"accuracy", nullptr}});
  }
  return rows;
}

}  // namespace

Status run_models(const RunModelsOptions& options) {
  SL_RETURN_IF_ERROR(cli::check_writable("--json", options.json));
  SL_RETURN_IF_ERROR(cli::check_writable("--trace", options.trace));
  SL_ASSIGN_OR_RETURN(std::vector<ModelFile> models, parse_models(options));
  ServerOptions wanted{.models = std::move(models)};
  SL_ASSIGN_OR_RETURN(wanted.memory, cli::parse_memory(options.memory));
  if (!options.policy.empty()) wanted.policy = options.policy;
  wanted.adapt = options.adapt;
  wanted.check_profile = options.check;
  wanted.trace = !options.trace.empty();
  wanted.grace = Seconds(options.grace_s);
  cli::attach_terminal(wanted);
  SL_ASSIGN_OR_RETURN(Server server, Server::open(std::move(wanted)));
  const std::vector<TaskInfo> tasks = server.tasks();
  SL_ASSIGN_OR_RETURN(const std::vector<Samples> samples, load_samples(options, tasks));
  SL_ASSIGN_OR_RETURN(const std::vector<Answers> answers, serve(server, options, tasks, samples));
  report::Table table(
      {"task", "placement", "requests", "late", "bound (ms)", "p50 (ms)", "p95 (ms)", "p99 (ms)", "accuracy"});
  const Json rows = report_of(server, table);
  fmt::print("{}", table.text());
  if (!options.outputs.empty()) SL_RETURN_IF_ERROR(write_answers(options.outputs, tasks, answers));
  if (!options.json.empty()) SL_RETURN_IF_ERROR(write_file(options.json, Json{{"tasks", rows}}.dump(2) + "\n"));
  if (!options.trace.empty()) {
    static_cast<void>(server.stop(Seconds(options.grace_s)));
    SL_RETURN_IF_ERROR(server.write_trace(options.trace));
    cli::say_where_the_trace_is(options.trace);
  }
  return cli::cancelled_if_interrupted();
}

}  // namespace sparseloom::apps
