#include <set>

#include "sparseloom/backend/scripted/scripted_runtime.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"

namespace sparseloom::backend {
namespace {

Json to_json(const std::vector<TensorSpec>& specs) {
  Json list = Json::array();
  for (const TensorSpec& spec : specs)
    list.push_back({{"name", spec.name}, {"type", to_string(spec.type)}, {"shape", spec.shape}});
  return list;
}

Result<TensorSpec> read_spec(const Json& json, const std::string& where, std::set<std::string>& names) {
  JsonObject object(json, where);
  TensorSpec spec;
  spec.name = object.string("name");
  const std::string type = object.string("type");
  spec.shape = object.integers("shape");
  SL_RETURN_IF_ERROR(object.finish());
  const auto known = element_type_from(type);
  if (!known) return error(Code::kMalformed, "{}: no element type '{}'", object.place("type"), type);
  spec.type = *known;
  if (const auto count = element_count(spec.shape); !count.ok())
    return Status(Code::kMalformed, count.status().message()).with_context(object.place("shape"));
  if (!names.insert(spec.name).second)
    return error(Code::kMalformed, "{}: '{}' is the name of two tensors", object.place("name"), spec.name);
  return spec;
}

Result<std::vector<TensorSpec>> read_specs(const std::vector<std::pair<const Json*, std::string>>& list,
                                           std::set<std::string>& names) {
  std::vector<TensorSpec> specs;
  for (const auto& [json, where] : list) {
    SL_ASSIGN_OR_RETURN(TensorSpec spec, read_spec(*json, where, names));
    specs.push_back(std::move(spec));
  }
  return specs;
}

Result<std::vector<TensorSpec>> read_layer(const Json& json, const std::string& where, std::set<std::string>& names) {
  if (!json.is_array()) return error(Code::kMalformed, "{}: expected an array of tensors", where);
  std::vector<std::pair<const Json*, std::string>> list;
  for (std::size_t i = 0; i < json.size(); ++i) list.emplace_back(&json[i], fmt::format("{}[{}]", where, i));
  return read_specs(list, names);
}

}  // namespace

Status write_scripted_model(const std::filesystem::path& path, const ScriptedModel& model) {
  Json json;
  json["inputs"] = to_json(model.inputs);
  json["outputs"] = to_json(model.outputs);
  if (!model.between.empty()) {
    json["between"] = Json::array();
    for (const auto& specs : model.between) json["between"].push_back(to_json(specs));
  }
  json["spin_us"] = model.spin.count() * 1e6;
  if (!model.fail.empty()) json["fail"] = model.fail;
  return write_file(path, json.dump(1) + "\n");
}

Result<ScriptedModel> read_scripted_model(const std::filesystem::path& path) {
  SL_ASSIGN_OR_RETURN(const Json json, read_json(path));
  JsonObject object(json, path.string());
  const auto inputs = object.array("inputs");
  const auto outputs = object.array("outputs");
  const auto between = object.has("between") ? object.array("between") : decltype(inputs){};
  ScriptedModel model;
  const double spin_us = object.number_or("spin_us", 0);
  model.fail = object.string_or("fail", "");
  if (!(spin_us >= 0)) object.fail("spin_us", fmt::format("{} is negative", spin_us));
  if (inputs.empty()) object.fail("inputs", "at least one tensor is needed");
  if (outputs.empty()) object.fail("outputs", "at least one tensor is needed");
  SL_RETURN_IF_ERROR(object.finish());
  model.spin = Seconds(spin_us / 1e6);
  std::set<std::string> names;
  SL_ASSIGN_OR_RETURN(model.inputs, read_specs(inputs, names));
  for (const auto& [layer, where] : between) {
    SL_ASSIGN_OR_RETURN(auto specs, read_layer(*layer, where, names));
    if (specs.empty()) return error(Code::kMalformed, "{}: at least one tensor is needed", where);
    model.between.push_back(std::move(specs));
  }
  SL_ASSIGN_OR_RETURN(model.outputs, read_specs(outputs, names));
  return model;
}

}  // namespace sparseloom::backend
