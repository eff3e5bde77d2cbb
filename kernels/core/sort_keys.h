#pragma once
#include <cstdint>

#include "kernels/runtime/runtime.h"

namespace etude {

/// Sorts n keys in place, ascending, on a GPU stream: Thrust's radix sort on a card, where it takes
/// and frees as much memory again (so not while the stream is being captured); std::sort on the
/// host runtime. Rows are sorted each for itself by keys that begin with the row's number.
void sort_keys(Stream&, std::uint64_t* keys, std::int64_t n);

}  // namespace etude
