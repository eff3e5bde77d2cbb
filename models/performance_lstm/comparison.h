#pragma once
// The tables of a reproduce folder: the report's numbers beside ours.

#include <vector>

#include "eval/report.h"
#include "models/performance_lstm/run_result.h"

namespace etude::performance_lstm {

/// The variant called `name`; null where there is none.
const Variant* find_variant(const std::vector<Variant>& variants, const std::string& name);

/// One column of a table: a way to generate, of one variant.
struct Column {
  std::string table;    // "temperature", "primed" or "tempo", as the report has them; "corpus"
  std::string heading;  // "tau 0.8", "primed", "both"
  const Variant* variant;
  std::string setting;  // of the variant's metrics
};

/// Every column that the variants give, in the report's order.
std::vector<Column> columns_of(const std::vector<Variant>& variants);

/// For summary.json: a row for each of the report's columns and of ours, with all cells.
Json comparison_json(const std::vector<Column>& columns);
/// The averages of one of the tables, ours at all binnings.
Table averages_table(const std::vector<Column>& columns, const std::string& table);
/// L1, L2 and both KL of one of the tables at 10 bins, each of the report's beside ours.
Table cells_table(const std::vector<Column>& columns, const std::string& table);

/// The column of the temperature table with the least average distance; null where there is none.
const Column* best_temperature(const std::vector<Column>& columns);
/// Average over properties and pieces of a column at 10 bins; NaN where nothing could be measured.
double overall(const Column& column);
/// The report's; NaN where it has no such column.
double reported_overall(const std::string& table, const std::string& heading);

}  // namespace etude::performance_lstm
