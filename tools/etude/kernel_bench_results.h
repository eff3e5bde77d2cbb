#pragma once
// What came out of a family's bench, as lines for people and as JSON for tools/bench/tables.

#include <ostream>
#include <string>
#include <vector>

#include "engine/run/run_folder.h"
#include "tools/etude/kernel_bench_time.h"
#include "tools/etude/peaks.h"

namespace etude {

struct BenchResult {
  std::string runner, device;
  Timing timing;
  bool peer = false;    // another library
  std::string detail;   // its version, where it has one to tell
  std::string refused;  // not empty: why there is no time
};

/// One case, or a sum of cases, with its results.
struct BenchRow {
  std::string name, operation, shape, precision;
  double flops = 0, bytes = 0;
  double bound_ms = 0;  // the roofline's time; 0: unknown
  std::string part_of;  // of a case
  std::vector<BenchResult> results;

  BenchRow() = default;
  BenchRow(const BenchCase& c, const Peaks& peaks);

  double share_of_roofline(const BenchResult& r) const { return bound_ms / r.timing.median; }
  /// The best peer's time over this one's, or 0 where there is no peer or this is one.
  double speed_of_peer(const BenchResult& r) const;
};

/// For each `part_of` and precision with two rows or more: their sum, for each runner that all of
/// them have, and for the best rung of each. Quartiles are summed too.
std::vector<BenchRow> sums_of(const std::vector<BenchRow>& rows);

/// One line per result, in columns; `name_width` of the first.
void print_heading(std::ostream& out, std::size_t name_width);
void print_row(std::ostream& out, const BenchRow& row, std::size_t name_width);

Json row_json(const BenchRow& row);

}  // namespace etude
