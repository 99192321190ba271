#pragma once

#include <cstddef>
#include <limits>
#include <vector>

namespace sparseloom::plan {

/// What one choice for one task costs.
struct BusyOption {
  std::vector<double> busy;           ///< seconds it adds to each processor
  double tie = 0;                     ///< of equal busy times the smaller wins (the latency)
  double bytes = 0;                   ///< memory of its compiled subgraphs
  std::vector<std::size_t> choice{};  ///< which one it is, for the source it came from
};

/// What a second of each processor and a byte of memory cost. With them what a choice takes is one number.
struct Prices {
  std::vector<double> per_second;
  double per_byte = 0;

  double of(const BusyOption& option) const {
    double sum = per_byte * option.bytes;
    for (std::size_t p = 0; p < per_second.size(); ++p) sum += per_second[p] * option.busy[p];
    return sum;
  }
};

/// Options of one task under some prices, the cheapest first.
struct PricedOptions {
  std::vector<BusyOption> options;
  /// No option that is left out costs less; infinite if none is left out but such as another is no worse than in
  /// everything.
  double rest = std::numeric_limits<double>::infinity();
};

/// How much of a source is looked at.
struct PriceLimits {
  std::size_t count = 1;                                      ///< options returned, at most
  double max_cost = std::numeric_limits<double>::infinity();  ///< those that cost more are left out
  /// A source that searches keeps so many partial options at a time: more find cheaper ones and prove more.
  std::size_t effort = 64;
};

/// The options of one task that keep its bounds, however many there are: the joint search only asks for the cheapest.
/// Implementations: a list (below), and stages whose accuracy losses add up (stagewise.h).
class OptionSource {
 public:
  virtual ~OptionSource() = default;
  virtual PricedOptions cheapest(const Prices& prices, const PriceLimits& limits) const = 0;
};

/// Options that someone enumerated; `choice` is the position in the list. Thread-safe.
class ListedOptions : public OptionSource {
 public:
  explicit ListedOptions(std::vector<BusyOption> options);
  /// O(n (P + log count)).
  PricedOptions cheapest(const Prices& prices, const PriceLimits& limits) const override;

 private:
  std::vector<BusyOption> options_;
};

}  // namespace sparseloom::plan
