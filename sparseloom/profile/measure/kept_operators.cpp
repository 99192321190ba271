#include "sparseloom/profile/measure/kept_operators.h"

#include <cmath>
#include <fstream>
#include <sstream>
#include <utility>

#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"

namespace sparseloom::profile {
namespace {

constexpr int kKeptFormat = 1;

Json to_json(std::size_t group, const KeptOperator& measured) {
  Json seconds = Json::array();
  for (const auto& by_quarters : measured.seconds) {
    Json& of_member = seconds.emplace_back(Json::array());
    for (const double s : by_quarters) of_member.push_back(std::isfinite(s) ? Json(s) : Json());
  }
  return {{"group", group},
          {"name", measured.name},
          {"seconds", std::move(seconds)},
          {"axis", measured.axis ? Json(*measured.axis) : Json()},
          {"along", measured.along}};
}

// Throws what Json throws, or std::runtime_error.
std::pair<std::size_t, KeptOperator> from_json(const Json& json) {
  KeptOperator measured;
  measured.name = json.at("name").get<std::string>();
  for (const Json& of_member : json.at("seconds")) {
    auto& by_quarters = measured.seconds.emplace_back();
    for (std::size_t q = 0; q < by_quarters.size(); ++q) {
      by_quarters[q] = of_member.at(q).is_null() ? place::kCannot : of_member.at(q).get<double>();
      if (!(by_quarters[q] >= 0)) throw std::runtime_error("a time below 0");
    }
  }
  if (!json.at("axis").is_null()) measured.axis = json.at("axis").get<std::size_t>();
  measured.along = json.at("along").get<bool>();
  return {json.at("group").get<std::size_t>(), std::move(measured)};
}

}  // namespace

std::string kind_of_member(const backend::CompileOptions& member) {
  return fmt::format("{} {} {} {}", backend::provider_name(member.provider), member.device, member.threads,
                     member.cores.size());
}

std::string kept_subject(const backend::Executor& executor, const backend::Graph& graph,
                         const std::vector<backend::CompileOptions>& members) {
  std::string text = executor.version();
  for (const backend::EdgeId input : graph.inputs) text += ", " + graph.edge(input).spec.describe();
  for (const backend::CompileOptions& member : members) text += ", " + kind_of_member(member);
  return text;
}

KeptOperators::KeptOperators(std::filesystem::path file, const std::string& subject) : file_(std::move(file)) {
  if (file_.empty()) return;
  const std::string header = Json{{"format", kKeptFormat}, {"subject", subject}}.dump();
  const auto content = read_file(file_);
  std::istringstream lines(content.ok() ? *content : std::string());
  std::string line, whole = header + "\n";
  if (std::getline(lines, line) && line == header) {
    while (std::getline(lines, line)) {
      try {
        known_.insert(from_json(Json::parse(line)));
        whole += line + "\n";
      } catch (const std::exception&) {  // written in part, or damaged: measured again
      }
    }
  }
  std::error_code ignored;
  std::filesystem::create_directories(file_.parent_path(), ignored);
  if ((content.ok() && *content == whole) || write_file(file_, whole).ok()) return;
  file_.clear();
}

std::optional<KeptOperator> KeptOperators::find(std::size_t group, const std::string& name) const {
  const auto at = known_.find(group);
  if (at == known_.end() || at->second.name != name) return std::nullopt;
  return at->second;
}

void KeptOperators::keep(std::size_t group, const KeptOperator& measured) {
  if (!file_.empty()) std::ofstream(file_, std::ios::app) << to_json(group, measured).dump() + "\n" << std::flush;
}

}  // namespace sparseloom::profile
