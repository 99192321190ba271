#include "sparseloom/soc/soc_file.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <ostream>

#include "sparseloom/base/file.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::soc {
namespace {

using backend::Precision;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Json quantity(double value) { return {{"value", value}, {"source", "a data sheet"}}; }

Json arithmetic(double peak_tops, double efficiency) {
  return {{"peak_tops", quantity(peak_tops)}, {"efficiency", quantity(efficiency)}};
}

// A CPU that knows fp32 and int8 and has sparse kernels, and an accelerator that knows fp16 and int8.
Json two_processors() {
  const Json cpu{
      {"name", "cpu"},
      {"device", "CPU"},
      {"kind", "four cores"},
      {"memory_domain", "host"},
      {"cores", 4},
      {"providers", {"openvino", "sparse"}},
      {"rates",
       {{"fp32", arithmetic(1, 0.5)},
        {"fp16", {{"runs_as", "fp32"}, {"source", "a manual"}}},
        {"int8", arithmetic(4, 0.25)},
        {"memory_gb_per_s", quantity(100)},
        {"launch_us", quantity(10)},
        {"operator_us", quantity(2)},
        {"sparsity",
         {{"unstructured", {{"fp32", {{"points", Json::array({{0.5, 1.0}, {0.9, 3.0}})}, {"source", "a paper"}}}}}}}}}};
  const Json npu{{"name", "npu"},
                 {"device", "NPU"},
                 {"kind", "an accelerator"},
                 {"memory_domain", "npu"},
                 {"cores", 0},
                 {"providers", {"openvino"}},
                 {"rates",
                  {{"fp32", {{"runs_as", "fp16"}, {"source", "a manual"}}},
                   {"fp16", arithmetic(5, 1)},
                   {"int8", arithmetic(10, 1)},
                   {"memory_gb_per_s", quantity(100)},
                   {"launch_us", quantity(300)},
                   {"operator_us", quantity(0)},
                   {"sparsity", {{"two_of_four", {{"int8", quantity(2)}}}}}}}};
  return {{"format_version", 1},
          {"name", "Two processors"},
          {"processors", Json::array({cpu, npu})},
          {"transfer", {{"latency_us", quantity(20)}, {"gb_per_s", quantity(50)}}}};
}

TEST(SocFile, SaysWhatTheProcessorsAreAndHowFast) {
  const SocFile file = parse_soc(two_processors(), "two.json").value();
  EXPECT_EQ(file.soc.name, "Two processors (modelled)");
  EXPECT_TRUE(file.soc.modelled);
  ASSERT_THAT(file.soc.processors, SizeIs(2));
  const Processor& cpu = file.soc.processors[0];
  EXPECT_THAT(cpu.cores, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(cpu.providers, ElementsAre(backend::Provider::kOpenVino, backend::Provider::kSparse));

  const Rates& rates = file.rates[0].value();
  EXPECT_DOUBLE_EQ(rates.of(Precision::kFp32).operations_per_second, 0.5e12);
  EXPECT_EQ(rates.of(Precision::kFp16).runs_as, Precision::kFp32);
  EXPECT_DOUBLE_EQ(rates.of(Precision::kInt8).operations_per_second, 1e12);
  EXPECT_DOUBLE_EQ(rates.bytes_per_second, 100e9);
  EXPECT_DOUBLE_EQ(rates.launch.count(), 10e-6);
  EXPECT_DOUBLE_EQ(rates.per_operator.count(), 2e-6);
  EXPECT_THAT(rates.unstructured_of(Precision::kFp32), SizeIs(2));
  EXPECT_EQ(file.rates[1]->two_of_four[static_cast<std::size_t>(Precision::kInt8)], 2);
  EXPECT_EQ(file.rates[1]->two_of_four[static_cast<std::size_t>(Precision::kFp16)], 1);

  EXPECT_DOUBLE_EQ(file.transfer->latency.count(), 20e-6);
  EXPECT_DOUBLE_EQ(file.transfer->seconds_per_byte, 1 / 50e9);
}

Json with_energy() {
  Json json = two_processors();
  for (Json& processor : json["processors"]) {
    processor["idle_w"] = quantity(0.5);
    processor["active_w"] = quantity(8);
  }
  json["dram_pj_per_byte"] = quantity(64);
  return json;
}

TEST(SocFile, MaySayWhatProcessorsAndMemoryDraw) {
  EXPECT_FALSE(parse_soc(two_processors(), "two.json").value().energy);
  const SocFile file = parse_soc(with_energy(), "two.json").value();
  ASSERT_TRUE(file.energy);
  ASSERT_THAT(file.energy->power, SizeIs(2));
  EXPECT_EQ(file.energy->power[1].idle, 0.5);
  EXPECT_EQ(file.energy->power[1].active, 8);
  EXPECT_DOUBLE_EQ(file.energy->joules_per_byte, 64e-12);
}

TEST(SocFile, MeasurementsMayStandInTheRatesPlace) {
  Json json = two_processors();
  json["processors"][1].erase("rates");
  json["tables"] = Json::array({{{"zoo", "a fingerprint"},
                                 {"subgraphs", Json::array({{{"task", "image"},
                                                             {"variant", "dense"},
                                                             {"stage", 1},
                                                             {"processor", "npu"},
                                                             {"provider", "openvino"},
                                                             {"median_s", 2e-3},
                                                             {"q1_s", 1e-3},
                                                             {"q3_s", 3e-3},
                                                             {"count", 30},
                                                             {"resident_bytes", 4096}}})}}});
  const SocFile file = parse_soc(json, "two.json").value();
  EXPECT_FALSE(file.rates[1].has_value());
  EXPECT_EQ(file.table_of("another"), nullptr);
  const MeasuredSubgraph& measured = file.table_of("a fingerprint")->subgraphs.at(0);
  EXPECT_EQ(measured.processor, ProcessorId(1));
  EXPECT_EQ(measured.median, Seconds(2e-3));
  EXPECT_EQ(measured.resident, Bytes{4096});
}

// Two processors like the first, and the gang of both.
Json with_a_gang() {
  Json json = two_processors();
  json["processors"][1] = json["processors"][0];
  json["processors"][1]["name"] = "cpu1";
  json["gangs"] = Json::array({{{"name", "both"}, {"members", {"cpu", "cpu1"}}, {"providers", {"openvino"}}}});
  return json;
}

TEST(SocFile, MayHaveGangs) {
  const SocFile file = parse_soc(with_a_gang(), "gang.json").value();
  EXPECT_THAT(file.soc.processors, SizeIs(2));
  ASSERT_EQ(file.soc.processors.places(), 3U);
  const Processor& gang = file.soc.processors[2];
  EXPECT_EQ(gang.name, "both");
  EXPECT_EQ(gang.kind, "gang of 2 four cores");
  EXPECT_EQ(gang.memory_domain, "host");
  EXPECT_THAT(gang.cores, SizeIs(8));
  EXPECT_THAT(file.rates, SizeIs(3));
  EXPECT_FALSE(file.rates[2]) << "then a table has its times, or no plan uses it";
}

TEST(SocFile, MistakesInGangsAreNamed) {
  const auto refused = [](const std::function<void(Json&)>& change) {
    Json json = with_a_gang();
    change(json["gangs"][0]);
    return std::string(parse_soc(json, "gang.json").status().message());
  };
  EXPECT_THAT(refused([](Json& g) { g["members"] = {"cpu"}; }), HasSubstr("gangs[0]: members: 1; at least 2"));
  EXPECT_THAT(refused([](Json& g) { g["members"] = {"cpu", "cpu"}; }), HasSubstr("'cpu' is listed twice"));
  EXPECT_THAT(refused([](Json& g) { g["members"] = {"cpu", "dsp"}; }), HasSubstr("'dsp'"));
  EXPECT_THAT(refused([](Json& g) { g["name"] = "cpu1"; }), HasSubstr("'cpu1' is listed twice"));
  Json unlike = two_processors();
  unlike["gangs"] = Json::array({{{"name", "both"}, {"members", {"cpu", "npu"}}, {"providers", {"openvino"}}}});
  EXPECT_THAT(parse_soc(unlike, "gang.json").status().message(), HasSubstr("'cpu' and 'npu' are not of one pool"));
}

TEST(SocFile, ItsContentIsItsFingerprint) {
  const sparseloom::testing::TemporaryFolder folder;
  const auto path = folder.path() / "soc.json";
  ASSERT_TRUE(write_file(path, two_processors().dump()).ok());
  const std::string before = load_soc(path).value().soc.fingerprint;
  EXPECT_EQ(load_soc(path).value().soc.fingerprint, before);
  Json faster = two_processors();
  faster["processors"][0]["rates"]["fp32"] = arithmetic(2, 0.5);
  ASSERT_TRUE(write_file(path, faster.dump()).ok());
  EXPECT_NE(load_soc(path).value().soc.fingerprint, before);
  EXPECT_EQ(load_soc(folder.path() / "absent.json").status().code(), Code::kNotFound);
}

TEST(SpeedUp, IsLinearBetweenPointsAndNeverBelowOne) {
  const std::vector<SpeedUp> curve{{0.5, 0.8}, {0.7, 1.0}, {0.9, 3.0}};
  EXPECT_EQ(speed_up({}, 0.9), 1);
  EXPECT_EQ(speed_up(curve, 0.4), 1);
  EXPECT_EQ(speed_up(curve, 0.6), 1);  // 0.9: sparse kernels are not taken where they are slower
  EXPECT_DOUBLE_EQ(speed_up(curve, 0.8), 2);
  EXPECT_EQ(speed_up(curve, 0.99), 3);
}

struct Mistake {
  const char* name;
  std::function<void(Json&)> make;
  std::vector<std::string> words;  // of the message
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.name; }

class SocFileMistakes : public ::testing::TestWithParam<Mistake> {};

TEST_P(SocFileMistakes, AreRefusedWithFileAndPlace) {
  Json json = two_processors();
  GetParam().make(json);
  const auto file = parse_soc(json, "two.json");
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(file.status().message(), HasSubstr("two.json"));
  for (const std::string& word : GetParam().words) EXPECT_THAT(file.status().message(), HasSubstr(word));
}

Json& rates_of(Json& json, std::size_t processor) { return json["processors"][processor]["rates"]; }

Json measured_on(const std::string& processor, const std::string& provider) {
  return {{"task", "t"},          {"variant", "v"},     {"stage", 0}, {"processor", processor},
          {"provider", provider}, {"median_s", 1},      {"q1_s", 1},  {"q3_s", 1},
          {"count", 1},           {"resident_bytes", 0}};
}

Json table_of(const std::vector<Json>& subgraphs) { return Json::array({{{"zoo", "z"}, {"subgraphs", subgraphs}}}); }

const Mistake kMistakes[] = {
    {"AnotherVersion", [](Json& j) { j["format_version"] = 2; }, {"format_version 2", "reads 1"}},
    {"NoVersion", [](Json& j) { j.erase("format_version"); }, {"format_version", "missing"}},
    {"NoProcessors", [](Json& j) { j["processors"] = Json::array(); }, {"processors", "at least one"}},
    {"UnknownKey", [](Json& j) { j["colour"] = "green"; }, {"key 'colour': not known", "processors"}},
    {"DuplicateProcessor",
     [](Json& j) { j["processors"][1]["name"] = "cpu"; },
     {"processors[1]", "'cpu'", "listed twice"}},
    {"NoName", [](Json& j) { j["processors"][0]["name"] = "c p u"; }, {"processors[0]: name", "'c p u'"}},
    {"NoDevice",
     [](Json& j) { j["processors"][1]["device"] = "GPU 0"; },
     {"processors[1]: device", "'GPU 0'", "-, _ and . are allowed"}},
    {"UnknownProvider",
     [](Json& j) { j["processors"][0]["providers"] = {"tensorrt"}; },
     {"processors[0]: providers", "'tensorrt'", "openvino, sparse"}},
    {"ProviderThatNoDeviceHas",
     [](Json& j) { j["processors"][1]["providers"] = {"scripted"}; },
     {"processors[1]: providers", "'scripted': not known; allowed: openvino, sparse"}},
    {"SparseProviderWithoutACurve",
     [](Json& j) { rates_of(j, 0).erase("sparsity"); },
     {"processors[0]", "sparse", "unstructured"}},
    {"MissingRate", [](Json& j) { rates_of(j, 1).erase("int8"); }, {"processors[1]: rates: int8", "missing"}},
    {"NegativeRate",
     [](Json& j) { rates_of(j, 0)["fp32"]["peak_tops"]["value"] = -1; },
     {"processors[0]: rates: fp32: peak_tops: value", "-1", "above 0"}},
    {"RateOfZero",
     [](Json& j) { rates_of(j, 0)["memory_gb_per_s"]["value"] = 0; },
     {"rates: memory_gb_per_s: value", "above 0"}},
    {"RateThatIsNoNumber",
     [](Json& j) { rates_of(j, 0)["memory_gb_per_s"]["value"] = std::nan(""); },
     {"rates: memory_gb_per_s: value", "nan"}},
    {"NegativeOverhead",
     [](Json& j) { rates_of(j, 0)["launch_us"]["value"] = -3; },
     {"rates: launch_us: value", "-3", "from 0"}},
    {"EfficiencyAboveOne",
     [](Json& j) { rates_of(j, 0)["int8"]["efficiency"]["value"] = 1.2; },
     {"int8: efficiency: value", "1.2", "to 1 "}},
    {"NoSource",
     [](Json& j) { rates_of(j, 0)["int8"]["efficiency"].erase("source"); },
     {"int8: efficiency: source", "missing"}},
    {"UnknownPrecision",
     [](Json& j) { rates_of(j, 0)["bf16"] = arithmetic(1, 1); },
     {"rates", "key 'bf16': not known"}},
    {"RunsAsAnUnknownPrecision",
     [](Json& j) { rates_of(j, 0)["fp16"]["runs_as"] = "fp8"; },
     {"fp16: runs_as", "'fp8'", "fp32, fp16, int8"}},
    {"RunsInACircle",
     [](Json& j) {
       rates_of(j, 0)["fp32"] = {{"runs_as", "fp16"}, {"source", "none"}};
     },
     {"runs_as", "no rate of its own"}},
    {"CurveThatFallsBack",
     [](Json& j) { rates_of(j, 0)["sparsity"]["unstructured"]["fp32"]["points"][1][0] = 0.4; },
     {"points[1]", "0.4", "ascend"}},
    {"IdleWattsAlone",
     [](Json& j) { j["processors"][0]["idle_w"] = quantity(1); },
     {"processors[0]: active_w", "missing"}},
    {"LessWhenActiveThanIdle",
     [](Json& j) {
       j = with_energy();
       j["processors"][1]["active_w"] = quantity(0.25);
     },
     {"processors[1]: active_w", "0.25", "0.5"}},
    {"NegativeWatts",
     [](Json& j) {
       j = with_energy();
       j["processors"][0]["idle_w"] = quantity(-1);
     },
     {"processors[0]: idle_w: value", "-1", "from 0"}},
    {"WattsOfOneProcessorOnly",
     [](Json& j) {
       j = with_energy();
       j["processors"][1].erase("idle_w");
       j["processors"][1].erase("active_w");
     },
     {"processors", "'npu' has no idle_w and active_w", "dram_pj_per_byte"}},
    {"WattsWithoutTheMemorys",
     [](Json& j) {
       j = with_energy();
       j.erase("dram_pj_per_byte");
     },
     {"dram_pj_per_byte", "missing"}},
    {"TheMemorysAlone", [](Json& j) { j["dram_pj_per_byte"] = quantity(64); }, {"'cpu' has no idle_w"}},
    {"NoTransferBetweenDomains", [](Json& j) { j.erase("transfer"); }, {"transfer", "missing"}},
    {"TableOfAnUnknownProcessor",
     [](Json& j) { j["tables"] = table_of({measured_on("gpu", "openvino")}); },
     {"tables[0]: subgraphs[0]: processor", "'gpu'", "cpu, npu"}},
    {"TableOfAProviderThatItsProcessorLacks",
     [](Json& j) { j["tables"] = table_of({measured_on("npu", "sparse")}); },
     {"tables[0]: subgraphs[0]: processor 'npu': provider 'sparse': not known; allowed: openvino"}},
    {"TableOfAnUnknownProvider",
     [](Json& j) { j["tables"] = table_of({measured_on("cpu", "scripted")}); },
     {"tables[0]: subgraphs[0]: processor 'cpu': provider 'scripted': not known; allowed: openvino, sparse"}},
    {"SubgraphMeasuredTwice",
     [](Json& j) {
       j["tables"] =
           table_of({measured_on("cpu", "sparse"), measured_on("npu", "openvino"), measured_on("cpu", "sparse")});
     },
     {"tables[0]: subgraphs[2]", "task 't', variant 'v', stage 0 on 'cpu' by sparse", "listed twice"}},
};

INSTANTIATE_TEST_SUITE_P(Each, SocFileMistakes, ::testing::ValuesIn(kMistakes),
                         [](const auto& of) { return std::string(of.param.name); });

}  // namespace
}  // namespace sparseloom::soc
