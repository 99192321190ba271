#include "sparseloom/base/json.h"

#include <gtest/gtest.h>

namespace sparseloom {
namespace {

TEST(ParseJson, SaysLineAndColumn) {
  const auto result = parse_json("{\n  \"a\": 1,\n  oops\n}", "w.json");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), Code::kMalformed);
  EXPECT_EQ(result.status().message().substr(0, 12), "w.json:3:3: ") << result.status().message();
}

TEST(ParseJson, RefusesHostileNestingInsteadOfOverflowingTheStack) {
  const std::string deep(100'000, '[');
  EXPECT_EQ(parse_json(deep, "x").status().message(), "x: JSON nested more than 200 levels deep");
}

TEST(ParseJson, RefusesAKeyThatStandsTwice) {
  const auto message = [](std::string_view text) { return parse_json(text, "w.json").status().message(); };
  EXPECT_EQ(message(R"({"latency_ms": 1, "latency_ms": 500})"), "w.json: key 'latency_ms' stands twice");
  EXPECT_EQ(message(R"({"slos": [{"a": 1}, {"b": {"c": [[1, {"d": 1, "e": [2], "d": 1}]]}}]})"),
            "w.json: slos[1]: b: c[0][1]: key 'd' stands twice");
  EXPECT_EQ(message(R"([{"a": 1}, {"a": 2, "b": {"a": 3}}, "a", "a"])"), "");
}

TEST(ParseJson, BracketsInsideStringsDoNotCountAsNesting) {
  EXPECT_TRUE(parse_json("[\"" + std::string(500, '[') + "\\\"[\"]", "x").ok());
}

Status read(std::string_view text, const std::function<void(JsonObject&)>& keys) {
  const Json json = parse_json(text, "f").value();
  JsonObject object(json, "f");
  keys(object);
  return object.finish();
}

TEST(JsonObject, ReadsWhatIsThere) {
  const Status status = read(R"({"name": "a", "rate": 2.5, "n": 3, "shape": [1, 2]})", [](JsonObject& o) {
    EXPECT_EQ(o.string("name"), "a");
    EXPECT_EQ(o.number("rate"), 2.5);
    EXPECT_EQ(o.integer("n"), 3);
    EXPECT_EQ(o.integers("shape"), (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(o.string_or("policy", "edf"), "edf");
  });
  EXPECT_TRUE(status.ok()) << status.message();
}

struct Mistake {
  const char* text;
  const char* message;
};

class JsonMistakes : public ::testing::TestWithParam<Mistake> {};

TEST_P(JsonMistakes, AreNamed) {
  const Status status = read(GetParam().text, [](JsonObject& o) {
    o.string("name");
    o.integer_or("n", 1);
    for (const auto& [element, place] : o.has("list") ? o.array("list") : decltype(o.array("")){}) {
      JsonObject nested(*element, place);
      nested.number("rate");
      if (Status s = nested.finish(); !s.ok()) o.fail("list", s.message());
    }
  });
  EXPECT_EQ(status.code(), Code::kMalformed);
  EXPECT_EQ(status.message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    All, JsonMistakes,
    ::testing::Values(Mistake{"{}", "f: name: missing"},  //
                      Mistake{"[]", "f: expected an object, got array"},
                      Mistake{R"({"name": 1})", "f: name: expected a string, got number"},
                      Mistake{R"({"name": "a", "n": 1.5})", "f: n: expected an integer, got number"},
                      Mistake{R"({"name": "a", "n": 18446744073709551615})", "f: n: expected an integer, got number"},
                      Mistake{R"({"name": "a", "nmae": 1})", "f: key 'nmae': not known; allowed: n, name"},
                      Mistake{R"({"name": "a", "list": [{}]})", "f: list: f: list[0]: rate: missing"}));

}  // namespace
}  // namespace sparseloom
