// A small zoo of scripted models (they pass their input on) in a folder of its own, for tests of what reads zoos.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "sparseloom/backend/scripted/scripted_runtime.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "sparseloom/zoo/zoo.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::testing {

namespace fs = std::filesystem;

/// The bytes of a .npy file, version 1.0.
inline std::string npy(const std::string& descr, const std::string& shape, const std::string& data) {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(header.size() & 0xff);
  text += static_cast<char>(header.size() >> 8);
  return text + header + data;
}

template <typename T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// One task, "toy": four numbers in, passed on as the logits of four classes; S = 3 stages; variants dense, int8,
/// structured-50. Samples are one-hot times a number, so the right class is known; every fourth label is wrong.
class MadeUpZoo {
 public:
  MadeUpZoo() {
    write_task();
    for (const auto& [name, parameters, accuracy] :
         {std::tuple("dense", 1000, 0.75), std::tuple("int8", 1000, 0.71), std::tuple("structured-50", 500, 0.73)}) {
      write_variant(name, parameters, accuracy);
    }
    write_split("profile", 1);
    write_split("test", 100);
    list_files();
  }

  const fs::path& root() const { return folder_.path(); }
  zoo::Zoo load() const { return zoo::load_zoo(root()).value(); }
  Status status() const { return zoo::load_zoo(root()).status(); }

  /// Replaces a file; list_files() then makes zoo.json agree with what is there.
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root() / path).parent_path());
    ASSERT_TRUE(write_file(root() / path, text).ok());
  }
  void list_files() const {
    Json files = Json::array();
    std::vector<std::string> paths;
    for (const auto& entry : fs::recursive_directory_iterator(root())) {
      if (entry.is_regular_file()) paths.push_back(entry.path().lexically_relative(root()).generic_string());
    }
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) {
      if (path == "zoo.json") continue;
      const std::string text = read_file(root() / path).value();
      files.push_back({{"path", path}, {"bytes", text.size()}, {"sha256", sha256(text)}});
    }
    write("zoo.json", Json{{"format_version", 1}, {"name", "made-up"}, {"tasks", {"toy"}}, {"files", files}}.dump(1));
  }
  /// Changes a JSON file in place; the list is brought up to date unless it is zoo.json itself.
  template <typename Change>
  void edit(const std::string& path, Change change) const {
    Json json = read_json(root() / path).value();
    change(json);
    write(path, json.dump(1));
    if (path != "zoo.json") list_files();
  }

  static constexpr int kSamples = 8;

 private:
  static TensorSpec tensor(const std::string& name) { return {name, ElementType::kF32, {1, 4}}; }

  void write_task() const {
    const auto split = [](const std::string& name) {
      return Json{
          {"samples", kSamples}, {"inputs", {"data/" + name + "_x.npy"}}, {"labels", "data/" + name + "_labels.npy"}};
    };
    const Json task{{"format_version", 1},
                    {"name", "toy"},
                    {"description", "passes four numbers on"},
                    {"base_model", "none"},
                    {"metric", "top1"},
                    {"accuracy_kind", "labels"},
                    {"classes", {"a", "b", "c", "d"}},
                    {"inputs", Json::array({{{"name", "x"}, {"type", "f32"}, {"shape", {1, 4}}}})},
                    {"output", {{"name", "logits"}, {"type", "f32"}, {"shape", {1, 4}}}},
                    {"data", {{"profile", split("profile")}, {"test", split("test")}}},
                    {"parts", 3},
                    {"cuts", Json::array({Json::array({"h0"}), Json::array({"h1"})})},
                    {"variants", {"dense", "int8", "structured-50"}}};
    write("toy/task.json", task.dump(1));
  }

  void write_variant(const std::string& name, int parameters, double accuracy) const {
    const std::string kind = name == "structured-50" ? "structured" : name;
    const Json variant{{"format_version", 1},
                       {"name", name},
                       {"model", "model.json"},
                       {"compression", {{"kind", kind}, {"level", kind == "structured" ? 0.5 : 0.0}}},
                       {"weight_sparsity", 0.0},
                       {"parameters", parameters},
                       {"accuracy", {{"profile", accuracy}, {"test", accuracy}}}};
    write("toy/" + name + "/variant.json", variant.dump(1));
    const backend::ScriptedModel model{.inputs = {tensor("x")},
                                       .between = {{tensor("h0")}, {tensor("h1")}},
                                       .outputs = {tensor("logits")},
                                       .spin = Seconds(0),
                                       .fail = ""};
    ASSERT_TRUE(backend::write_scripted_model(root() / "toy" / name / "model.json", model).ok());
  }

  void write_split(const std::string& name, int scale) const {
    std::vector<float> inputs;
    std::vector<std::int32_t> labels;
    for (int n = 0; n < kSamples; ++n) {
      for (int c = 0; c < 4; ++c) inputs.push_back(c == n % 4 ? static_cast<float>(scale + n) : 0.0F);
      labels.push_back(n % 4 == 3 ? 0 : n % 4);
    }
    write("toy/data/" + name + "_x.npy", npy("<f4", "(8, 4)", bytes_of(inputs)));
    write("toy/data/" + name + "_labels.npy", npy("<i4", "(8,)", bytes_of(labels)));
  }

  TemporaryFolder folder_;
};

}  // namespace sparseloom::testing
