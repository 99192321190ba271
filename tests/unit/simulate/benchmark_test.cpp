// The benchmark's files and policies against the rules written down plainly (published.h).
#include "sparseloom/simulate/benchmark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <random>

#include "published.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::simulate {
namespace {

using ::sparseloom::testing::TemporaryFolder;
using ::testing::HasSubstr;
using testing::Published;
using testing::PublishedRequest;

constexpr std::array<std::string_view, 11> kPolicies{"fcfs",     "sjf",          "sjf_sparse",   "prema",
                                                     "planaria", "sdrm3",        "sdrm3_sparse", "dysta_naive",
                                                     "dysta",    "dysta_oracle", "stretch"};

struct Layer {
  double latency = 0, sparsity = 0;
};

/// Random Eyeriss traces and requests, as files and as what the published rules need. On a grid, latencies are
/// small multiples of a power of two, so that many scores are equal to the last bit and ties decide; else all is
/// rounded.
class RandomBenchmark {
 public:
  RandomBenchmark(std::uint64_t seed, std::size_t requests, double load, bool grid = true)
      : random_(seed), grid_(grid) {
    for (const char* model : {"net_dense", "net_random80", "other_block60"}) add_model(model);
    average_architectures();
    for (const auto& [name, model] : models_) write(name + ".csv", model.csv);
    std::string text = "arrival_s,model,sample,priority,slo_s\n";
    double arrival = 0;
    for (std::size_t i = 0; i < requests; ++i) {
      arrival += step(static_cast<int>(24 / load)) + 0.125;
      text += add_request(arrival);
    }
    std::filesystem::create_directory(folder_.path() / "requests");
    write("requests/r.csv", text);
  }

  std::filesystem::path traces() const { return folder_.path(); }
  std::filesystem::path requests_file() const { return folder_.path() / "requests/r.csv"; }
  const std::vector<PublishedRequest>& requests() const { return requests_; }

 private:
  struct Model {
    std::string csv = "sim_lat,overall-sparsity,batch-indx,layer-indx\n";
    std::vector<std::vector<Layer>> samples;
    std::vector<double> latency, model_latency, sparsity;  // means, by layer
  };

  double step(int most) {
    if (!grid_) return 0.125 * most * static_cast<double>(random_() >> 11) * 0x1p-53;
    return 0.125 * static_cast<double>(random_() % static_cast<std::uint64_t>(most));
  }

  void add_model(const std::string& name) {
    Model& model = models_[name];
    const std::size_t layers = name.starts_with("net") ? 3 : 2;
    const std::size_t samples = 2 + random_() % 3;
    model.latency.assign(layers, 0), model.sparsity.assign(layers, 0);
    for (std::size_t s = 0; s < samples; ++s) {
      auto& sample = model.samples.emplace_back();
      for (std::size_t k = 0; k < layers; ++k) {
        sample.push_back({0.125 + step(8), 0.125 * static_cast<double>(random_() % 7)});
        model.csv += fmt::format("{},{},{},{}\n", sample[k].latency, sample[k].sparsity, 10 * s, k);
        model.latency[k] += sample[k].latency, model.sparsity[k] += sample[k].sparsity;
      }
    }
    for (double& sum : model.latency) sum /= static_cast<double>(samples);
    for (double& sum : model.sparsity) sum /= static_cast<double>(samples);
  }

  void average_architectures() {
    for (auto& [name, model] : models_) {
      model.model_latency.assign(model.latency.size(), 0);
      double samples = 0;
      for (const auto& [other_name, other] : models_) {
        if (other_name.substr(0, other_name.find('_')) != name.substr(0, name.find('_'))) continue;
        const auto count = static_cast<double>(other.samples.size());
        for (std::size_t k = 0; k < model.latency.size(); ++k) model.model_latency[k] += count * other.latency[k];
        samples += count;
      }
      for (double& sum : model.model_latency) sum /= samples;
    }
  }

  std::string add_request(double arrival) {
    const auto at = std::next(models_.begin(), static_cast<std::ptrdiff_t>(random_() % models_.size()));
    const Model& model = at->second;
    const std::size_t sample = random_() % model.samples.size();
    const double slo = 0.5 + step(80);
    const auto priority = static_cast<double>(std::array{1, 3, 9}[random_() % 3]);
    PublishedRequest& r = requests_.emplace_back();
    r = {arrival, arrival + slo, priority, {}, {}, model.model_latency, model.latency, model.sparsity};
    for (const Layer& layer : model.samples[sample]) {
      r.latency.push_back(layer.latency);
      r.sparsity.push_back(layer.sparsity);
    }
    return fmt::format("{},{},{},{},{}\n", arrival, at->first, 10 * sample, priority, slo);
  }

  void write(const std::string& name, const std::string& text) { std::ofstream(folder_.path() / name) << text; }

  TemporaryFolder folder_;
  std::mt19937_64 random_;
  bool grid_;
  std::map<std::string, Model> models_;
  std::vector<PublishedRequest> requests_;
};

/// Notes when each request finishes.
class FinishTimes final : public Observer {
 public:
  explicit FinishTimes(std::size_t requests) : times(requests) {}
  void ran(const sched::Request&, const sched::Dispatch&, Seconds, Seconds, bool) override {}
  void finished(const Query& query, Seconds at) override { times.at(query.request.id.index()) = at.count(); }
  std::vector<double> times;
};

std::vector<double> play(Benchmark& benchmark, const std::filesystem::path& file, std::size_t count,
                         std::string_view name) {
  FinishTimes finish(count);
  const soc::Pools one{{{soc::ProcessorId(0)}}, {0}};
  auto policy = sched::make_policy(name, sched::Dispatcher::queue_count(one));
  auto simulation =
      Simulation::make(benchmark.plan(), one, std::move(policy).value(), Admission::kBenchmark, benchmark, finish);
  auto requests = RequestFile::open(file, benchmark);
  for (auto request = requests->next(); request.value(); request = requests->next()) simulation->arrive(**request);
  simulation->finish();
  return finish.times;
}

// 30 requests at a time keep to the fresh ones of the policies' index, hundreds that all wait fill its trees.
class PublishedRules : public ::testing::TestWithParam<std::string_view> {};

TEST_P(PublishedRules, HoldToTheLastDigitWhateverTheLoad) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const RandomBenchmark files(seed, 60, 0.5 + 0.5 * static_cast<double>(seed % 5));
    const auto benchmark = Benchmark::load(files.traces());
    ASSERT_TRUE(benchmark.ok()) << benchmark.status().message();
    EXPECT_EQ(play(**benchmark, files.requests_file(), 60, GetParam()),
              Published(std::string(GetParam())).play(files.requests()))
        << "seed " << seed;
  }
}

TEST_P(PublishedRules, HoldWithHundredsWaiting) {
  const RandomBenchmark files(7, 250, 20);
  const auto benchmark = Benchmark::load(files.traces());
  ASSERT_TRUE(benchmark.ok()) << benchmark.status().message();
  EXPECT_EQ(play(**benchmark, files.requests_file(), 250, GetParam()),
            Published(std::string(GetParam())).play(files.requests()));
}

/// A folder with one small model and a request file, each with something wrong in it.
class Mistakes : public ::testing::Test {
 protected:
  static constexpr std::string_view kEyeriss = "sim_lat,overall-sparsity,batch-indx,layer-indx\n";
  static constexpr std::string_view kSanger = "overall-sparsity,50%-skip,batch-indx,layer-indx\n";
  static constexpr std::string_view kHeader = "arrival_s,model,sample,priority,slo_s\n";

  Mistakes() { std::filesystem::create_directory(traces()); }
  std::filesystem::path traces() const { return folder_.path() / "traces"; }

  void trace(std::string_view header, std::string_view rows, const std::string& name = "net.csv") {
    std::ofstream(traces() / name) << header << rows;
  }
  std::string load_error() { return Benchmark::load(traces()).status().message(); }

  std::string request_error(std::string_view header, std::string_view rows) {
    trace(kEyeriss, "1,0.5,3,0\n");
    const auto file = folder_.path() / "r.csv";
    std::ofstream(file) << header << rows;
    const auto benchmark = Benchmark::load(traces());
    auto requests = RequestFile::open(file, **benchmark);
    if (!requests.ok()) return requests.status().message();
    for (;;) {
      const auto request = requests->next();
      if (!request.ok()) return request.status().message();
      if (!request.value()) return "no error";
    }
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(Mistakes, InTracesAreToldWithFileLineAndColumn) {
  const auto error = [&](std::string_view header, std::string_view rows) { return trace(header, rows), load_error(); };
  EXPECT_THAT(error("sim_lat,overall-sparsity,batch-indx\n", "1,0.5,0\n"),
              HasSubstr("net.csv:1: column 'layer-indx' is missing"));
  EXPECT_THAT(error("sim_lat,overall-sparsity,batch-indx,layer-indx,x\n", ""), HasSubstr("unexpected column 'x'"));
  EXPECT_THAT(error("sim_lat,sim_lat,batch-indx,layer-indx\n", ""), HasSubstr("column 'sim_lat' appears twice"));
  EXPECT_THAT(error(kEyeriss, "nan,0.5,0,0\n"), HasSubstr("net.csv:2: column 'sim_lat': got 'nan'"));
  EXPECT_THAT(error(kEyeriss, "1,0.5,0,0\n-1,0.5,0,1\n"), HasSubstr("net.csv:3: column 'sim_lat': got -1"));
  EXPECT_THAT(error(kEyeriss, "1,1.5,0,0\n"), HasSubstr("column 'overall-sparsity': got 1.5"));
  EXPECT_THAT(error(kEyeriss, "1,1,0,0\n1,1,1,0\n"), HasSubstr("layer 0 has an average sparsity of 1"));
  EXPECT_THAT(error(kEyeriss, "1,0.5,0,0\n1,0.5,0,0\n"),
              HasSubstr("net.csv:3: column 'layer-indx': sample 0 has layer 0"));
  EXPECT_THAT(error(kEyeriss, "1,0.5,0,0\n1,0.5,0,2\n"), HasSubstr("sample 0 lacks layer 1"));
  EXPECT_THAT(error(kEyeriss, "1,0.5,0,-1\n"), HasSubstr("column 'layer-indx': got '-1'"));
  EXPECT_THAT(error(kEyeriss, "1,0.5,0\n"), HasSubstr("net.csv:2: 3 cells; the header has 4"));
  EXPECT_THAT(error(kEyeriss, "0,0.5,0,0\n"), HasSubstr("sample 0 takes no time"));
  EXPECT_THAT(error(kEyeriss, ""), HasSubstr("no rows"));
  EXPECT_THAT(error("", ""), HasSubstr("net.csv: empty"));
  EXPECT_THAT(error(kSanger, "0,0.5,0,0\n"), HasSubstr("net.csv:2: column 'overall-sparsity': got 0"));
  EXPECT_THAT(error(kSanger, "0.5,0,0,0\n"), HasSubstr("net.csv:2: column '50%-skip': got 0"));
}

TEST_F(Mistakes, PatternsOfOneArchitectureHaveTheSameLayers) {
  trace(kEyeriss, "1,0.5,0,0\n", "net_a.csv");
  trace(kEyeriss, "1,0.5,0,0\n1,0.5,0,1\n", "net_b.csv");
  EXPECT_THAT(load_error(), HasSubstr("net_b.csv: column 'layer-indx': 2 layers"));
}

TEST_F(Mistakes, AFolderNeedsTraces) {
  EXPECT_THAT(load_error(), HasSubstr("has no <model>.csv"));
  EXPECT_EQ(Benchmark::load("/nonexistent").status().code(), Code::kNotFound);
}

TEST_F(Mistakes, InRequestsAreToldWithFileLineAndColumn) {
  EXPECT_EQ(request_error(kHeader, "0,net,3,1,1\n1,net,3,1,1\n"), "no error");
  EXPECT_EQ(request_error("\xEF\xBB\xBF" + std::string(kHeader), "0,net,3,1,1\r\n\r\n\n"), "no error");
  EXPECT_THAT(request_error("arrival_s,model,sample,priority\n", ""), HasSubstr("column 'slo_s' is missing"));
  EXPECT_THAT(request_error(kHeader, ""), HasSubstr("no rows"));
  EXPECT_THAT(request_error(kHeader, "0,nex,3,1,1\n"), HasSubstr("r.csv:2: column 'model': no traces of model 'nex'"));
  EXPECT_THAT(request_error(kHeader, "0,net,4,1,1\n"),
              HasSubstr("r.csv:2: column 'sample': the traces of model 'net'"));
  EXPECT_THAT(request_error(kHeader, "2,net,3,1,1\n1,net,3,1,1\n"),
              HasSubstr("r.csv:3: column 'arrival_s': got 1, after 2"));
  EXPECT_THAT(request_error(kHeader, "2,net,3,1,1\n2,net,3,1,1\n"), HasSubstr("two requests for 'net' arrive at 2"));
  EXPECT_THAT(request_error(kHeader, "0,net,3,0,1\n"), HasSubstr("column 'priority': got 0"));
  EXPECT_THAT(request_error(kHeader, "0,net,3,1,-1\n"), HasSubstr("column 'slo_s': got -1"));
  EXPECT_THAT(request_error(kHeader, "x,net,3,1,1\n"), HasSubstr("column 'arrival_s': got 'x'"));
  EXPECT_THAT(request_error(kHeader, "0,net,3,1,1\n\n1,net,3,1,1\n"), HasSubstr("r.csv:3: an empty line"));
  EXPECT_THAT(request_error(kHeader, "0,net,3,1,1," + std::string(70'000, '1')),
              HasSubstr("r.csv:2: a line of more than"));
}

TEST_P(PublishedRules, HoldUnderRoundingWithHundredsWaiting) {
  const RandomBenchmark files(8, 250, 10, false);
  const auto benchmark = Benchmark::load(files.traces());
  ASSERT_TRUE(benchmark.ok()) << benchmark.status().message();
  EXPECT_EQ(play(**benchmark, files.requests_file(), 250, GetParam()),
            Published(std::string(GetParam())).play(files.requests()));
}

INSTANTIATE_TEST_SUITE_P(All, PublishedRules, ::testing::ValuesIn(kPolicies),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace sparseloom::simulate
