#include "sparseloom/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace sparseloom {
namespace {
namespace fs = std::filesystem;

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "sparseloom-file-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

TEST_F(FileTest, ReadsBackWhatWasWritten) {
  ASSERT_TRUE(write_file(folder_ / "a", "one").ok());
  ASSERT_TRUE(write_file(folder_ / "a", "two").ok());
  EXPECT_EQ(read_file(folder_ / "a").value(), "two");
  EXPECT_EQ(entries(), 1U) << "a temporary file was left behind";
}

TEST_F(FileTest, MissingFileIsNotFound) {
  const Status status = read_file(folder_ / "nothing").status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.message(), (folder_ / "nothing").string() + ": cannot open: No such file or directory");
}

TEST_F(FileTest, ReadingAFolderIsAnError) { EXPECT_EQ(read_file(folder_).status().code(), Code::kUnavailable); }

TEST_F(FileTest, AFullDeviceIsResourceExhausted) {
  EXPECT_EQ(write_file("/dev/full", "x").code(), Code::kResourceExhausted);
}

TEST_F(FileTest, WritingBelowAFileLeavesNothing) {
  ASSERT_TRUE(write_file(folder_ / "a", "").ok());
  EXPECT_FALSE(write_file(folder_ / "a" / "b", "x").ok());
  EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, APipeIsWrittenInPlace) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::FILE* reader = ::fopen(pipe.c_str(), "r+");  // read-write, so that opening does not wait for a writer
  ASSERT_NE(reader, nullptr);
  ASSERT_TRUE(write_file(pipe, "hello").ok());
  std::string got(5, ' ');
  EXPECT_EQ(std::fread(got.data(), 1, 5, reader), 5U);
  EXPECT_EQ(got, "hello");
  EXPECT_TRUE(fs::is_fifo(pipe));
  std::fclose(reader);
}

TEST_F(FileTest, AFolderAppearsWholeOrNotAtAll) {
  const Status failed = write_folder(folder_ / "out", [](const fs::path& temporary) {
    SL_RETURN_IF_ERROR(write_file(temporary / "first", "1"));
    return error(Code::kInternal, "stopped half-way");
  });
  EXPECT_EQ(failed.message(), "stopped half-way");
  EXPECT_EQ(entries(), 0U);

  ASSERT_TRUE(write_folder(folder_ / "out", [](const fs::path& t) { return write_file(t / "first", "1"); }).ok());
  EXPECT_EQ(read_file(folder_ / "out" / "first").value(), "1");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, TheFirstOfTwoFoldersStays) {
  const auto write = [&](std::string_view text, OtherFolder other) {
    return write_folder(
        folder_ / "out", [&](const fs::path& t) { return write_file(t / "f", text); }, other);
  };
  ASSERT_TRUE(write("mine", OtherFolder::kFails).ok());
  EXPECT_FALSE(write("theirs", OtherFolder::kFails).ok());
  EXPECT_TRUE(write("theirs", OtherFolder::kStays).ok());
  EXPECT_EQ(read_file(folder_ / "out" / "f").value(), "mine");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, AFolderMayBeNamedWithASlashOrByALinkAndMayBeThereEmpty) {
  fs::create_directory(folder_ / "empty");
  fs::create_directory_symlink(folder_ / "empty", folder_ / "link");
  for (const char* name : {"new/", "link"}) {
    ASSERT_TRUE(write_folder(folder_ / name, [](const fs::path& t) { return write_file(t / "f", "x"); }).ok()) << name;
    EXPECT_EQ(read_file(folder_ / name / "f").value(), "x") << name;
  }
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(entries(), 3U);
}

TEST_F(FileTest, AFolderMayBeTheOneThisProcessWorksIn) {
  const fs::path before = fs::current_path();
  fs::create_directory(folder_ / "here");
  fs::current_path(folder_ / "here");
  const Status status = write_folder(".", [](const fs::path& t) { return write_file(t / "f", "x"); });
  const auto seen = read_file("f");
  fs::current_path(before);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(seen.ok()) << "it is another folder of that name now";
  EXPECT_EQ(read_file(folder_ / "here" / "f").value(), "x");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, Sha256MatchesTheStandardsExample) {
  constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(sha256("abc"), kAbc);
  ASSERT_TRUE(write_file(folder_ / "abc", "abc").ok());
  EXPECT_EQ(sha256_file(folder_ / "abc").value(), kAbc);
}

}  // namespace
}  // namespace sparseloom
