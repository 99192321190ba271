#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "sparseloom/profile/profile.h"

namespace sparseloom::profile {

/// Which data an accuracy was counted on.
enum class SplitName { kProfile, kTest };
/// "profile", "test".
std::string_view to_string(SplitName split);

struct LatencyEntry {
  soc::SubgraphKey subgraph;
  Latency latency;
};

struct SparsityEntry {
  zoo::TaskId task;
  zoo::VariantId variant;
  zoo::StageId stage;
  Sparsity sparsity;
};

struct AccuracyEntry {
  zoo::TaskId task;
  SplitName split = SplitName::kProfile;
  zoo::Sigma sigma;
  Accuracy accuracy;
};

struct EstimateEntry {
  zoo::TaskId task;
  zoo::Sigma sigma;
  AccuracyEstimate estimate;
};

/// What moving tensors between the host's memory and a device's takes, and what there is to move.
struct TransferTimes {
  Seconds latency{0};
  double seconds_per_byte = 0;
  std::vector<std::vector<Bytes>> boundary;  ///< Profile::boundary
};

/// Raise whenever estimates are made otherwise than before: those of another version are refused.
inline constexpr std::int64_t kEstimatorVersion = 2;

/// What this release writes and reads.
inline constexpr std::int64_t kDatabaseVersion = 10;

/// Measurements of one zoo on one machine, in one SQLite file (format_version kDatabaseVersion; tables meta, latency,
/// sparsity, accuracy, estimate, contention, scatter, cold, transfer, boundary; names as text, durations in seconds).
/// Every batch is one transaction and the journal is write-ahead, so a process killed at any moment leaves a file with
/// all batches that had been written and no part of another. Several processes may use one file; one object must not be
/// used by two threads at the same time.
class Database {
 public:
  /// Opens the file, or makes it with its folders. kFailedPrecondition: made for another zoo or machine (both
  /// fingerprints are named), of another format_version, or a database of another program. kDataLoss: damaged or no
  /// database. kUnavailable: cannot be read and written. `zoo` and `soc` must outlive the object.
  static Result<Database> open(const std::filesystem::path& path, const zoo::Zoo& zoo, const soc::Soc& soc);

  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  /// Fills `profile` (of the sizes of empty_profile()) with everything the file holds. O(rows). kFailedPrecondition: it
  /// holds estimates of another kEstimatorVersion.
  Status read(Profile& profile) const;
  /// Each replaces what was there before. One transaction.
  Status write(std::span<const LatencyEntry> entries);
  Status write(std::span<const SparsityEntry> entries);
  Status write(std::span<const AccuracyEntry> entries);
  /// In the place of all earlier estimates of `task`.
  Status write(zoo::TaskId task, std::span<const EstimateEntry> entries);
  /// In the place of what was known before.
  Status write(const Contention& contention);
  Status write(const TransferTimes& transfer);
  /// Drops estimates of another kEstimatorVersion, so that read() can be called.
  Status forget_other_estimates();

  const std::filesystem::path& path() const;

 private:
  class Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sparseloom::profile
