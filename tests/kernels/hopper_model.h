#pragma once
// What the PTX ISA says of Hopper's memory layouts, a second time, for tests without a card.

#include <cstdint>

#include "kernels/core/hopper.h"

namespace etude::testing {

/// The fields of a matrix descriptor, in bytes.
struct Fields {
  std::uint32_t start, leading, stride, base_offset, swizzle;
  explicit Fields(std::uint64_t bits)
      : start((bits & 0x3fff) * 16),
        leading((bits >> 16 & 0x3fff) * 16),
        stride((bits >> 32 & 0x3fff) * 16),
        base_offset(bits >> 49 & 7),
        swizzle(static_cast<std::uint32_t>(bits >> 62)) {}
};

/// Shared memory with the 128-byte swizzle: the 16-byte unit within 128 bytes is exchanged by its
/// exclusive or with the number of the 128 bytes within 1024.
inline std::uint32_t swizzled(std::uint32_t address) { return address ^ (address / 128 % 8) * 16; }

/// Where wgmma looks for element (outer, k) of an operand [outer, 16] with the 128-byte swizzle.
/// PTX ISA, "Shared Memory Matrix Layout" and "Strides"; with T = 8 elements of 16 bytes:
///   k-major   ((8, n), (T, 2)) : ((8 T, stride), (1, T))
///   mn-major  ((T, 8, n), (8, 2)) : ((1, T, leading), (8 T, stride))
inline std::uint32_t operand_address(Major major, const Fields& at, int outer, int k) {
  const auto linear = major == Major::k ? outer / 8 * at.stride + outer % 8 * 128 + k * 2
                                        : outer / 64 * at.leading + outer % 64 * 2 +
                                              k / 8 * at.stride + k % 8 * 128;
  return swizzled(at.start + linear);
}

}  // namespace etude::testing
