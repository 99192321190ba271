#include "sparseloom/profile/store/database.h"

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include <array>

#include "tests/support/made_up_zoo.h"

namespace sparseloom::profile {
namespace {

using sparseloom::testing::MadeUpZoo;
using sparseloom::testing::TemporaryFolder;
using ::testing::HasSubstr;

zoo::Sigma sigma(std::size_t a, std::size_t b, std::size_t c) {
  return {zoo::VariantId(a), zoo::VariantId(b), zoo::VariantId(c)};
}

class DatabaseTest : public ::testing::Test {
 protected:
  DatabaseTest() : zoo_(made_.load()) {
    soc_.fingerprint = "feed";
    soc_.processors = {{.name = "cpu0"},
                       {.name = "cpu1", .providers = {backend::Provider::kOpenVino, backend::Provider::kSparse}}};
  }
  std::filesystem::path path() const { return folder_.path() / "profiles" / "p.sqlite"; }
  Result<Database> open() const { return Database::open(path(), zoo_, soc_); }
  void execute(const std::string& sql) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  void put(const std::string& bytes) const {
    std::filesystem::create_directories(path().parent_path());
    ASSERT_TRUE(write_file(path(), bytes).ok());
  }
  Profile read(const Database& database) const {
    Profile profile = empty_profile(zoo_, soc_);
    const Status status = database.read(profile);
    EXPECT_TRUE(status.ok()) << status.message();
    return profile;
  }

  MadeUpZoo made_;
  TemporaryFolder folder_;
  zoo::Zoo zoo_;
  soc::Soc soc_;
};

const LatencyEntry kLatency{
    {zoo::TaskId(0), zoo::VariantId(1), zoo::StageId(2), soc::ProcessorId(1), backend::Provider::kSparse},
    {.median = Seconds(1.25e-3),
     .q1 = Seconds(1e-3),
     .q3 = Seconds(1.5e-3),
     .count = 30,
     .resident = {4096},
     .conditions = {.steal = 0.01, .foreign = 0.25, .mhz = 2400, .governor = "powersave"}}};

TEST_F(DatabaseTest, GivesBackWhatWasWritten) {
  {
    Database database = open().value();
    const std::array accuracies{AccuracyEntry{zoo::TaskId(0), SplitName::kProfile, sigma(0, 1, 2), {5, 8}},
                                AccuracyEntry{zoo::TaskId(0), SplitName::kTest, sigma(0, 1, 2), {6, 8}}};
    const SparsityEntry sparsity{zoo::TaskId(0), zoo::VariantId(2), zoo::StageId(1), {.mean = 0.625, .samples = 8}};
    ASSERT_TRUE(database.write(std::span(&sparsity, 1)).ok());
    ASSERT_TRUE(database.write(std::span(&kLatency, 1)).ok());
    ASSERT_TRUE(database.write(accuracies).ok());
  }
  const Profile profile = read(open().value());
  const auto latency = [&](backend::Provider provider) {
    return profile.tasks[0].latency(zoo::VariantId(1), zoo::StageId(2), soc::ProcessorId(1), provider);
  };
  EXPECT_EQ(latency(backend::Provider::kOpenVino).count, 0);
  const Latency l = latency(backend::Provider::kSparse);
  EXPECT_EQ(l.median, kLatency.latency.median);
  EXPECT_EQ(l.q3, kLatency.latency.q3);
  EXPECT_EQ(l.count, 30);
  EXPECT_EQ(l.resident.count, 4096U);
  EXPECT_EQ(l.conditions.steal, 0.01);
  EXPECT_EQ(l.conditions.foreign, 0.25);
  EXPECT_EQ(l.conditions.mhz, 2400);
  EXPECT_EQ(l.conditions.governor, "powersave");
  EXPECT_EQ(profile.tasks[0].sparsity(zoo::VariantId(2), zoo::StageId(1)).mean, 0.625);
  EXPECT_EQ(profile.tasks[0].sparsity(zoo::VariantId(2), zoo::StageId(1)).samples, 8);
  EXPECT_EQ(profile.tasks[0].sparsity(zoo::VariantId(2), zoo::StageId(0)).samples, 0);
  EXPECT_EQ(profile.tasks[0].accuracy(sigma(0, 1, 2)).correct, 5);
  EXPECT_EQ(profile.tasks[0].accuracy_test(sigma(0, 1, 2)).correct, 6);
  EXPECT_EQ(profile.tasks[0].accuracy(sigma(0, 0, 0)).samples, 0);
}

TEST_F(DatabaseTest, AnotherMachineOrZooIsRefusedWithBothFingerprints) {
  ASSERT_TRUE(open().ok());
  soc_.fingerprint = "beef";
  Status status = open().status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  for (const char* word : {"another machine", "feed", "beef", "another file", "p.sqlite"}) {
    EXPECT_THAT(status.message(), HasSubstr(word));
  }
  soc_.fingerprint = "feed";
  const std::string ours = zoo_.fingerprint;
  zoo_.fingerprint = "0123";
  status = open().status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  for (const std::string& word : {std::string("another zoo"), ours, std::string("0123")}) {
    EXPECT_THAT(status.message(), HasSubstr(word));
  }
}

TEST_F(DatabaseTest, ForeignDamagedAndOtherReleasesFilesAreRefusedByName) {
  put("this is no database, however long it may be, and it must stay as it is");
  Status status = open().status();
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("p.sqlite"));
  EXPECT_THAT(read_file(path()).value(), HasSubstr("must stay as it is"));

  std::filesystem::remove(path());
  execute("CREATE TABLE recipes (name TEXT)");
  status = open().status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("another program"));

  std::filesystem::remove(path());
  ASSERT_TRUE(open().ok());
  for (const std::int64_t other : {kDatabaseVersion - 1, kDatabaseVersion + 1}) {
    const std::string version = std::to_string(other);
    execute("PRAGMA user_version = " + version);
    status = open().status();
    EXPECT_EQ(status.code(), Code::kFailedPrecondition);
    EXPECT_THAT(status.message(), HasSubstr(fmt::format("format_version {}, this release reads {}; delete it", version,
                                                        kDatabaseVersion)));
  }
}

TEST_F(DatabaseTest, NewEstimatesReplaceThoseOfTheTask) {
  const zoo::TaskId task(0);
  const EstimateEntry old{task, sigma(0, 1, 2), {.value = 0.7, .lower = 0.6}};
  const EstimateEntry now{task, sigma(2, 1, 0), {.value = 0.8, .lower = 0.7}};
  Database database = open().value();
  ASSERT_TRUE(database.write(task, std::span(&old, 1)).ok());
  ASSERT_TRUE(database.write(task, std::span(&now, 1)).ok());
  const Profile profile = read(database);
  EXPECT_FALSE(profile.tasks[0].accuracy_estimate(old.sigma).has_value());
  ASSERT_TRUE(profile.tasks[0].accuracy_estimate(now.sigma).has_value());
  EXPECT_EQ(profile.tasks[0].accuracy_estimate(now.sigma)->lower, 0.7);
}

TEST_F(DatabaseTest, EstimatesOfAnotherEstimatorAreRefusedUntilForgotten) {
  const EstimateEntry entry{zoo::TaskId(0), sigma(0, 1, 2), {.value = 0.7, .lower = 0.6}};
  ASSERT_TRUE(open().value().write(entry.task, std::span(&entry, 1)).ok());
  execute("UPDATE estimate SET estimator_version = 99");
  Database database = open().value();
  Profile profile = empty_profile(zoo_, soc_);
  const Status status = database.read(profile);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr(fmt::format("estimator version 99, this release has {}", kEstimatorVersion)));
  EXPECT_THAT(status.message(), HasSubstr("estimate again"));
  ASSERT_TRUE(database.forget_other_estimates().ok());
  EXPECT_TRUE(database.read(profile).ok());
}

TEST_F(DatabaseTest, ContentionIsKeptAndReplacedAsAWhole) {
  const Contention::Stage stage{zoo::TaskId(0), zoo::StageId(1), soc::ProcessorId(0)};
  const Contention::Stage beside{zoo::TaskId(0), zoo::StageId(2), soc::ProcessorId(1)};
  Contention contention(zoo_, soc_);
  contention.set_slowdown(stage, beside, 1.25);
  contention.set_variability({0.9, 1.0, 3.0});
  Database database = open().value();
  ASSERT_TRUE(database.write(contention).ok());
  EXPECT_EQ(read(database).contention.slowdown(stage, beside), 1.25);
  EXPECT_EQ(read(database).contention.slowdown(beside, stage), 1);
  EXPECT_EQ(read(database).contention.variability(0.75), 2);
  contention.set_variability({1.0});
  ASSERT_TRUE(database.write(contention).ok());
  EXPECT_EQ(read(database).contention.variability().size(), 1U);

  execute("UPDATE contention SET slowdown = -1 WHERE stage = 1");
  Profile profile = empty_profile(zoo_, soc_);
  EXPECT_EQ(open().value().read(profile).code(), Code::kDataLoss);
}

TEST_F(DatabaseTest, TransfersAreKeptAndReplaced) {
  Database database = open().value();
  EXPECT_TRUE(read(database).boundary.empty()) << "not known";
  ASSERT_TRUE(database.write(TransferTimes{Seconds(1), 2e-9, {{Bytes{1}, Bytes{2}}}}).ok());
  ASSERT_TRUE(database.write(TransferTimes{Seconds(2e-5), 1e-9, {{Bytes{16}, Bytes{32}}}}).ok());
  const Profile profile = read(database);
  EXPECT_EQ(profile.transfer_latency, Seconds(2e-5));
  EXPECT_EQ(profile.transfer_seconds_per_byte, 1e-9);
  EXPECT_EQ(profile.boundary, (std::vector<std::vector<Bytes>>{{Bytes{16}, Bytes{32}}}));
  execute("UPDATE boundary SET stage = 7 WHERE stage = 1");
  Profile damaged = empty_profile(zoo_, soc_);
  EXPECT_EQ(database.read(damaged).code(), Code::kDataLoss);
}

TEST_F(DatabaseTest, WhatIdlingCostsIsKept) {
  const Contention::Stage stage{zoo::TaskId(0), zoo::StageId(1), soc::ProcessorId(0)};
  Contention contention(zoo_, soc_);
  contention.set_cold_penalties(stage, {{Seconds(0.01), Seconds(0.001)}, {Seconds(0.1), Seconds(0.003)}});
  Database database = open().value();
  ASSERT_TRUE(database.write(contention).ok());
  EXPECT_EQ(read(database).contention.cold_penalty(stage, Seconds(1)), Seconds(0.003));
  execute("UPDATE cold SET extra_s = -1");
  Profile profile = empty_profile(zoo_, soc_);
  EXPECT_EQ(open().value().read(profile).code(), Code::kDataLoss);
}

TEST_F(DatabaseTest, OneOfAnotherZooStaysAsItIs) {
  ASSERT_TRUE(open().ok());
  const std::string before = read_file(path()).value();
  zoo_.fingerprint = "0123";
  EXPECT_EQ(open().status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(read_file(path()).value(), before);
}

TEST_F(DatabaseTest, TruncatedFileIsDataLoss) {
  ASSERT_TRUE(open().value().write(std::span(&kLatency, 1)).ok());
  const std::string bytes = read_file(path()).value();
  put(bytes.substr(0, bytes.size() / 2));
  const Status status = open().status();
  EXPECT_EQ(status.code(), Code::kDataLoss) << status.message();
}

TEST_F(DatabaseTest, RowsThatFitNoVariantAreDataLoss) {
  ASSERT_TRUE(open().ok());
  execute("INSERT INTO accuracy VALUES ('toy', 'profile', 'dense|int3|dense', 1, 8)");
  Profile profile = empty_profile(zoo_, soc_);
  const Status status = open().value().read(profile);
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("int3"));
}

TEST_F(DatabaseTest, SparsitiesThatAreNoSharesAreDataLoss) {
  ASSERT_TRUE(open().ok());
  execute("INSERT INTO sparsity VALUES ('toy', 'dense', 1, 1.5, 8)");
  Profile profile = empty_profile(zoo_, soc_);
  const Status status = open().value().read(profile);
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("'toy dense 1'"));
}

TEST_F(DatabaseTest, RowsOfAProviderThatTheProcessorDoesNotOfferAreDataLoss) {
  ASSERT_TRUE(open().value().write(std::span(&kLatency, 1)).ok());
  soc_.processors = {{.name = "cpu0"}, {.name = "cpu1"}};
  Profile profile = empty_profile(zoo_, soc_);
  const Status status = open().value().read(profile);
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("'toy int8 sparse'"));
}

TEST_F(DatabaseTest, WhatAKilledCreatorLeftIsTakenOver) {
  put("");  // SQLite makes the file before its first page
  EXPECT_TRUE(open().ok());
}

TEST_F(DatabaseTest, KilledWriterLeavesWholeBatches) {
  ASSERT_TRUE(open().ok());
  const pid_t child = ::fork();
  if (child == 0) {  // writes batches of nine until it is killed
    Database database = open().value();
    for (std::size_t a = 0;; a = (a + 1) % 3) {
      std::vector<AccuracyEntry> batch;
      for (std::size_t i = 0; i < 9; ++i) {
        batch.push_back({zoo::TaskId(0), SplitName::kProfile, sigma(a, i / 3, i % 3), {1, 8}});
      }
      if (!database.write(batch).ok()) ::_exit(1);
    }
  }
  // Wait for its first batch, then kill it wherever it is.
  for (int tries = 0; tries < 100000; ++tries) {
    if (read(open().value()).tasks[0].accuracy(sigma(0, 2, 2)).samples > 0) break;
  }
  ::kill(child, SIGKILL);
  int state = 0;
  ASSERT_EQ(::waitpid(child, &state, 0), child);
  ASSERT_TRUE(WIFSIGNALED(state));

  Database database = open().value();
  const Profile profile = read(database);
  for (std::size_t a = 0; a < 3; ++a) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < 9; ++i) {
      found += profile.tasks[0].accuracy(sigma(a, i / 3, i % 3)).samples > 0 ? 1 : 0;
    }
    EXPECT_TRUE(found == 0 || found == 9) << found;
  }
  EXPECT_TRUE(database.write(std::span(&kLatency, 1)).ok());
}

TEST_F(DatabaseTest, FolderInItsPlace) {
  std::filesystem::create_directories(path());
  const Status status = open().status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("a folder"));
}

}  // namespace
}  // namespace sparseloom::profile
