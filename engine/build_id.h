#pragma once
// Which commit a program was built from, for run records and result files.

namespace etude {

/// The first 12 digits of the commit, "-dirty" behind them when tracked files differed from it at
/// the time of the build; "unknown" where there was no git to ask.
const char* build_id();

}  // namespace etude
