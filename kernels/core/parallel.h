#pragma once
#include <cstdint>

namespace etude {

/// body(i) for i from 0 to count - 1, each thread a contiguous part, if `elements` of work are more
/// than threads cost. Otherwise OpenMP is not entered at all: even a team of one is allocated and
/// locked, and most calls of a small network are smaller than that.
template <class Body>
void parallel_for(std::int64_t count, std::int64_t elements, const Body& body) {
  constexpr std::int64_t kParallel = 32768;
  if (elements <= kParallel) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
    return;
  }
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < count; ++i) body(i);
}

}  // namespace etude
