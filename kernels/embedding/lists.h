#pragma once
// The positions of the ids as lists, one per row of the table, and how long lists are cut.

#include <cstdint>

#include "kernels/core/host_device.h"

namespace etude::id_lists {

/// Positions that are summed for themselves. A list of L takes at most 64 + L / 64 dependent
/// additions where its parts are summed side by side.
constexpr std::int32_t kPart = 64;

struct Range {
  std::int32_t begin, end;
};

/// order[start[v]] .. order[start[v + 1] - 1] are the n with ids[n] = v, ascending.
struct Lists {
  const std::int32_t* ids;    // [N]
  const std::int32_t* order;  // [start[V]]
  const std::int32_t* start;  // [V + 1]
  std::int64_t rows;          // V

  /// Where list v, cut every 64 places from its own beginning, has its first part.
  HOST_DEVICE Range first_part(std::int64_t v) const { return part_from(start[v], v); }

  /// The part, not the first of its list, that begins in the window [64 j, 64 (j + 1)) of order;
  /// empty if there is none. More than one there cannot be: the list of such a part covers the 64
  /// places before the part too, hence the window's beginning, and its parts begin 64 apart.
  HOST_DEVICE Range later_part(std::int32_t j) const {
    const std::int32_t window = j * kPart;
    if (window >= start[rows]) return {0, 0};
    const std::int64_t v = ids[order[window]];
    const std::int32_t since = window - start[v];
    const std::int32_t begin = window + (kPart - since % kPart) % kPart;
    if (begin == start[v] || begin >= start[v + 1]) return {0, 0};
    return part_from(begin, v);
  }
  /// The window of a part that begins at this place.
  HOST_DEVICE static std::int32_t window_of(std::int32_t begin) { return begin / kPart; }

 private:
  HOST_DEVICE Range part_from(std::int32_t begin, std::int64_t v) const {
    const std::int32_t end = start[v + 1];
    return {begin, end - begin < kPart ? end : begin + kPart};
  }
};

/// Windows, and so later parts, of N positions.
HOST_DEVICE inline std::int64_t num_windows(std::int64_t n) { return (n + kPart - 1) / kPart; }

}  // namespace etude::id_lists
