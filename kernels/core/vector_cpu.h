#pragma once
// Vectors of the machine the build is for.

#include <cstdint>

#include "kernels/core/scratch.h"

namespace etude::cpu {

#if defined(__AVX512F__)
inline constexpr int kLanes = 16;    // floats of a vector
inline constexpr int kTileRows = 8;  // 8 x 3 sums, 3 operands: 27 of 32 registers
#elif defined(__AVX__)
inline constexpr int kLanes = 8;
inline constexpr int kTileRows = 4;  // 4 x 3 sums, 3 operands, 1 broadcast: all 16 registers
#else
inline constexpr int kLanes = 4;
inline constexpr int kTileRows = 4;
#endif
inline constexpr int kTileVectors = 3;

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));
typedef float UnalignedVector
    __attribute__((vector_size(kLanes * sizeof(float)), aligned(sizeof(float)), may_alias));

inline Vector load(const float* from) { return *reinterpret_cast<const UnalignedVector*>(from); }
inline void store(float* to, Vector v) { *reinterpret_cast<UnalignedVector*>(to) = v; }

}  // namespace etude::cpu
