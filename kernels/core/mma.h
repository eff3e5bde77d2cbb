#pragma once
// Tensor-core products of one warp, and the loads that feed them (sm_80 and later). A fragment is a
// small matrix whose elements lie in the registers of 32 lanes; which lane holds which is data
// here: the same functions index stores on the card and gather operands on the host runtime.
// All 32 lanes must call each of these together.
// Source: PTX ISA, sections "Matrix Fragments for mma.m16n8k16 with floating point type",
// "... mma.m16n8k8" and "Warp-level matrix load instruction: ldmatrix".

#include <bit>
#include <cstdint>

#include "kernels/core/cuda.h"
#include "kernels/core/dtype.h"

namespace etude {

/// Where in its matrix an element of a fragment stands.
struct FragmentPlace {
  int row, col;
  bool operator==(const FragmentPlace&) const = default;
};

/// c [16, 8] += a [16, kDepth] * b [kDepth, 8]. a_place(lane, i) is the place in a of the i-th of
/// the kOfA elements that `lane` holds; b and c likewise. c is float, four elements to a lane.
struct Bf16Mma {
  static constexpr int kDepth = 16, kOfA = 8, kOfB = 4;  // two bf16 to a register, low half first
  HOST_DEVICE static constexpr FragmentPlace a_place(int lane, int i) {
    return {lane / 4 + i / 2 % 2 * 8, lane % 4 * 2 + i % 2 + i / 4 * 8};
  }
  HOST_DEVICE static constexpr FragmentPlace b_place(int lane, int i) {
    return {lane % 4 * 2 + i % 2 + i / 2 * 8, lane / 4};
  }
};
struct Tf32Mma {
  static constexpr int kDepth = 8, kOfA = 4, kOfB = 2;  // one float to a register
  HOST_DEVICE static constexpr FragmentPlace a_place(int lane, int i) {
    return {lane / 4 + i % 2 * 8, lane % 4 + i / 2 * 4};
  }
  HOST_DEVICE static constexpr FragmentPlace b_place(int lane, int i) {
    return {lane % 4 + i * 4, lane / 4};
  }
};
HOST_DEVICE constexpr FragmentPlace accumulator_place(int lane, int i) {
  return {lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2};
}

/// Rounds to tf32 (10 bits of mantissa; nearest, ties away from zero): the 13 bits that the tensor
/// cores would cut off are zero.
__device__ __forceinline__ std::uint32_t to_tf32(float x) {
#ifdef __CUDACC__
  std::uint32_t y;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
  return y;
#else
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const bool finite = (bits & 0x7f800000u) != 0x7f800000u;
  return (finite ? bits + 0x1000u : bits | (x != x ? 0x400000u : 0u)) & ~0x1fffu;
#endif
}

/// Two bf16 in one register, `low` in the lower half.
__device__ __forceinline__ std::uint32_t pack_bf16(bf16 low, bf16 high) {
  return low.bits | std::uint32_t{high.bits} << 16;
}

#ifndef __CUDACC__
namespace simt {

/// The product of a warp: the operands of 32 lanes go to where the lane maps say, each sum is made
/// in double and rounded once. (A card adds in an order of its own, and cuts off small terms.)
template <class Shape>
void warp_mma(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], Site site) {
  struct Record {
    float (&c)[4];
    const std::uint32_t (&a)[4];
    const std::uint32_t (&b)[2];
    static float element(const std::uint32_t* words, int i) {
      return Shape::kOfA == 8 ? std::bit_cast<float>(words[i / 2] >> i % 2 * 16 << 16)
                              : std::bit_cast<float>(words[i] & ~0x1fffu);
    }
  } record{c, a, b};
  warp_collective(
      kFullMask, record,
      [](Record* const* lanes, unsigned) {
        double a[16][Shape::kDepth], b[Shape::kDepth][8];
        for (int lane = 0; lane < 32; ++lane) {
          for (int i = 0; i < Shape::kOfA; ++i) {
            const FragmentPlace at = Shape::a_place(lane, i);
            a[at.row][at.col] = Record::element(lanes[lane]->a, i);
          }
          for (int i = 0; i < Shape::kOfB; ++i) {
            const FragmentPlace at = Shape::b_place(lane, i);
            b[at.row][at.col] = Record::element(lanes[lane]->b, i);
          }
        }
        for (int lane = 0; lane < 32; ++lane) {
          for (int i = 0; i < 4; ++i) {
            const FragmentPlace at = accumulator_place(lane, i);
            double sum = lanes[lane]->c[i];
            for (int k = 0; k < Shape::kDepth; ++k) sum += a[at.row][k] * b[k][at.col];
            lanes[lane]->c[i] = static_cast<float>(sum);
          }
        }
      },
      site);
}

}  // namespace simt
#endif

/// mma.m16n8k16, bf16 operands, f32 sums. Fragments as in Bf16Mma and accumulator_place.
__device__ __forceinline__ void mma_bf16(float (&c)[4], const std::uint32_t (&a)[4],
                                         const std::uint32_t (&b)[2], Site site = Site::current()) {
#ifdef __CUDACC__
  static_cast<void>(site);
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  simt::warp_mma<Bf16Mma>(c, a, b, site);
#endif
}

/// mma.m16n8k8, tf32 operands (floats whose lower 13 bits are not read: see to_tf32), f32 sums.
/// Fragments as in Tf32Mma and accumulator_place.
__device__ __forceinline__ void mma_tf32(float (&c)[4], const std::uint32_t (&a)[4],
                                         const std::uint32_t (&b)[2], Site site = Site::current()) {
#ifdef __CUDACC__
  static_cast<void>(site);
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  simt::warp_mma<Tf32Mma>(c, a, b, site);
#endif
}

/// ldmatrix .x4: four 8 x 8 matrices of 2-byte elements from shared memory. Lane 8 i + r gives the
/// address of row r (16 bytes, aligned to 16) of matrix i; result word i of a lane holds elements
/// [lane / 4][lane % 4 * 2] and the one right of it of matrix i; with `Transposed` of its
/// transpose. Read as 32-bit elements, a matrix is 8 x 4 and word i holds [lane / 4][lane % 4].
template <bool Transposed = false>
__device__ __forceinline__ void load_matrices(std::uint32_t (&words)[4], const void* row,
                                              Site site = Site::current()) {
#ifdef __CUDACC__
  static_cast<void>(site);
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  if constexpr (Transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(address)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(address)
                 : "memory");
#else
  struct Record {
    const std::uint16_t* row;
    const std::uint16_t* rows[32];
  } record{static_cast<const std::uint16_t*>(row), {}};
  simt::check_shared("load_matrices", row, 16, site);
  simt::warp_collective(
      kFullMask, record,
      [](Record* const* lanes, unsigned) {
        for (int to = 0; to < 32; ++to)
          for (int from = 0; from < 32; ++from) lanes[to]->rows[from] = lanes[from]->row;
      },
      site);
  // Each lane reads what it gets, so that the thread sanitizer sees a read of that thread.
  const unsigned lane = simt::lane();
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned r = lane / 4, c = lane % 4 * 2;
    const std::uint32_t low = Transposed ? record.rows[8 * i + c][r] : record.rows[8 * i + r][c];
    const std::uint32_t high =
        Transposed ? record.rows[8 * i + c + 1][r] : record.rows[8 * i + r][c + 1];
    words[i] = low | high << 16;
  }
#endif
}

}  // namespace etude
