// A machine described in a file: its processors, and how fast they are by rates or by measurements.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/base/json.h"
#include "sparseloom/base/units.h"
#include "sparseloom/soc/rates.h"
#include "sparseloom/soc/soc.h"

namespace sparseloom::soc {

/// The format that this release reads and writes (docs/soc-format.md).
inline constexpr std::int64_t kSocFormatVersion = 1;

/// One subgraph on one processor by one provider, measured on the machine itself.
struct MeasuredSubgraph {
  std::string task;
  std::string variant;
  std::size_t stage = 0;
  ProcessorId processor;
  backend::Provider provider = backend::Provider::kOpenVino;
  Seconds median{0};
  Seconds q1{0};
  Seconds q3{0};
  std::int64_t count = 0;  ///< runs measured, at least 1
  Bytes resident;
  std::string left_out{};  ///< why no plan may use it; empty: plans may. If not, it need not have been measured.
};

/// What was measured of one zoo.
struct MeasuredTable {
  std::string zoo;  ///< its fingerprint
  std::vector<MeasuredSubgraph> subgraphs;
};

/// Moving tensors from one memory domain to another.
struct Transfer {
  Seconds latency{0};
  double seconds_per_byte = 0;
};

/// What a processor draws, in watts.
struct Power {
  double idle = 0;    ///< while it does nothing
  double active = 0;  ///< while it computes; at least `idle`
};

/// What energy is modelled by: of every processor, and of the memory.
struct EnergyRates {
  std::vector<Power> power;    ///< by processor; gangs draw what their members do
  double joules_per_byte = 0;  ///< read from memory, or written to it
};

struct SocFile {
  Soc soc;                                  ///< `modelled` is true, and its name says so
  std::vector<std::optional<Rates>> rates;  ///< by place; a processor that has none needs a table
  std::optional<Transfer> transfer;         ///< absent: free
  std::optional<EnergyRates> energy;        ///< absent: not known
  std::vector<MeasuredTable> tables;

  /// The table of this zoo, or nullptr.
  const MeasuredTable* table_of(std::string_view zoo_fingerprint) const;
};

/// Reads and checks a file; its content is the SoC's fingerprint. kNotFound, kMalformed (file and place inside it are
/// named), kFailedPrecondition (format_version of another release).
Result<SocFile> load_soc(const std::filesystem::path& path);

/// The same for JSON that has been read; the fingerprint is left empty. `where` names the file.
Result<SocFile> parse_soc(const Json& json, const std::string& where);

}  // namespace sparseloom::soc
