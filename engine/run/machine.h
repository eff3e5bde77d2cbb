#pragma once
#include <string>

namespace etude {

/// The processor's name, the threads in use, the compiler, and which libraries this build has; one
/// line, for reports and result files.
std::string machine_description();
/// Number of OpenMP threads that the CPU backend uses.
int num_threads();
/// The local date as 2026-01-31.
std::string today();

}  // namespace etude
