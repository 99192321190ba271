// The made-up zoo with models that OpenVINO runs, for tests of commands that take no time.
#pragma once

#include "tests/support/made_up_zoo.h"
#include "tests/support/tiny_ir.h"

namespace sparseloom::testing {

/// As MadeUpZoo: every stage passes four numbers on.
class TinyIrZoo : public MadeUpZoo {
 public:
  TinyIrZoo() {
    for (const std::string name : {"dense", "int8", "structured-50"}) {
      const fs::path folder = root() / "toy" / name;
      fs::remove(folder / "model.json");
      EXPECT_FALSE(model().write(folder / "model.xml").empty());
      edit("toy/" + name + "/variant.json", [](Json& variant) { variant["model"] = "model.xml"; });
    }
  }

 private:
  static TinyIr model() {
    constexpr float kOne = 1;
    TinyIr ir;
    int x = ir.parameter("x", {1, 4});
    for (const std::string stage : {"h0", "h1", "logits"}) {
      const int one = ir.constant(stage + "/one", {1, 4}, &kOne);
      x = ir.add(stage, "Multiply", "opset1", R"(<data auto_broadcast="numpy"/>)", {x, one}, {1, 4});
    }
    ir.result(x);
    return ir;
  }
};

}  // namespace sparseloom::testing
