#pragma once
// What only Hopper has (compute capability 9.0, code for sm_90a): products of a warpgroup, four
// warps, on tensor cores (wgmma); copies of boxes of a tensor into shared memory by the tensor
// memory accelerator (TMA); barriers in shared memory that copies and threads arrive at (mbarrier).
// One instruction to a function. There are no host twins: such a kernel runs on a card only. The
// plain C++ part, above the line, holds what can be tested without one.
// Source: PTX ISA 8.0, sections "Asynchronous Warpgroup Level Matrix Instructions", "cp.async.bulk
// .tensor", "mbarrier", "setmaxnreg"; CUDA driver API, cuTensorMapEncodeTiled.

#include <cstdint>

#include "kernels/core/host_device.h"

namespace etude {

/// The axis along which a bf16 operand of wgmma is contiguous: k, or the other one, a's rows or b's
/// columns. The values are the instruction's imm-trans-a and imm-trans-b.
enum class Major { k = 0, mn = 1 };

/// A panel: 64 x 64 elements of an operand as 64 lines of 128 bytes, contiguous along the operand's
/// major axis. Both TMA and wgmma swizzle it: the 16-byte chunk j of line l lies at chunk
/// j ^ (l % 8) of that line, because they exchange bits 4..6 of an address by their exclusive or
/// with its bits 7..9. So eight lines, 1024 bytes, are one period, a panel starts at a multiple of
/// 1024, and eight lines' chunks j fill all 32 banks once.
constexpr int kPanelSide = 64;
constexpr int kPanelElements = kPanelSide * kPanelSide;
constexpr std::uint32_t kPanelBytes = kPanelElements * 2, kSwizzleBytes = 1024;
static_assert(kPanelSide * 2 == 128 && kPanelBytes % kSwizzleBytes == 0);

/// Depth of one wgmma of bf16: 32 bytes.
constexpr int kWgmmaDepth = 16;

/// Where and how an operand lies in shared memory, with the 128-byte swizzle. In bits, all byte
/// counts without their lower four: 0..13 the first byte's address, 16..29 the leading offset,
/// 32..45 the stride offset, 49..51 the place of the first byte in the swizzle's period (0: all
/// starts are multiples of 1024 but for bits 4..6), 62..63 the swizzle, 1 for 128 bytes.
/// Source: PTX ISA, "Matrix Descriptor Format".
HOST_DEVICE constexpr std::uint64_t matrix_descriptor(std::uint32_t address,
                                                      std::uint32_t leading_bytes,
                                                      std::uint32_t stride_bytes) {
  constexpr std::uint64_t kMask = 0x3ffff;
  return (address & kMask) >> 4 | (leading_bytes & kMask) >> 4 << 16 |
         (stride_bytes & kMask) >> 4 << 32 | std::uint64_t{1} << 62;
}
static_assert(matrix_descriptor(0, 0, 0) == 0x4000'0000'0000'0000);
static_assert(matrix_descriptor(0x400, 0x10, 0x400) == 0x4000'0040'0001'0040);
static_assert(matrix_descriptor(0x38c00, 0x2000, 0x400) == 0x4000'0040'0200'38c0);

/// The operand of the wgmma at depth 16 * step of panels that follow each other from `address`,
/// each 64 further along the operand's other axis (a's rows or b's columns).
///
/// Major::k: a line is one row of a (column of b) with 64 k. The stride offset leads from eight
/// lines to the next eight, 1024 bytes, also from panel to panel; the leading offset is not used
/// with a swizzle. A step is 32 bytes further in every line: bits 5 and 6 of the address.
///
/// Major::mn: a line is one k with 64 rows of a (columns of b). The stride offset leads from eight
/// k to the next eight, 1024 bytes; the leading offset to the next 64 rows, so to the next panel. A
/// step is 16 lines, 2048 bytes.
/// Source: PTX ISA, "Strides": "Leading Dimension Byte Offset", "Stride Dimension Byte Offset".
HOST_DEVICE constexpr std::uint64_t panel_descriptor(Major major, std::uint32_t address, int step) {
  return major == Major::k
             ? matrix_descriptor(address + kWgmmaDepth * 2 * step, 16, kSwizzleBytes)
             : matrix_descriptor(address + kWgmmaDepth * 128 * step, kPanelBytes, kSwizzleBytes);
}

/// The sums of one product as the operand a, in registers, of the next, whose depth are this one's
/// columns: word `word` of the wgmma at depth 16 * step is this sum of the lane, rounded, in its
/// lower half and the sum after it in the upper. Nothing changes lanes.
HOST_DEVICE constexpr int operand_from_sums(int step, int word) { return step * 8 + word * 2; }

/// A walk around a ring of stages. A barrier's phases are counted by their parity: the phase of the
/// n-th lap (from 0) has parity n % 2. Who fills the ring waits for `phase ^ 1` of a stage's empty
/// barrier, the phase before: on a new barrier that one counts as over, so the first lap does not
/// wait. Who empties it waits for `phase` of its full barrier.
template <int Stages>
struct RingPlace {
  int stage = 0;
  std::uint32_t phase = 0;

  HOST_DEVICE constexpr void advance() {
    if (++stage == Stages) {
      stage = 0;
      phase ^= 1;
    }
  }
};

}  // namespace etude

// ---------------------------------------------------------------------------------- CUDA only ---
#ifdef __CUDACC__

#include <cuda.h>
#include <cudaTypedefs.h>

#include <array>
#include <string>

#include "kernels/core/cuda.h"
#include "kernels/core/dtype.h"

namespace etude {

/// Whether this is the compilation for sm_90a: only there may the functions below be instantiated.
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
constexpr bool kHopperCode = true;
#else
constexpr bool kHopperCode = false;
#endif

__device__ __forceinline__ std::uint32_t shared_address(const void* p) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(p));
}

/// A barrier in shared memory. Its phase ends when as many arrivals as it was made for and all the
/// bytes it was told to expect have come.
struct Mbarrier {
  std::uint64_t opaque;

  /// By one thread, before all others use it: see fence_async_proxy.
  __device__ __forceinline__ void init(unsigned arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(this)),
                 "r"(arrivals)
                 : "memory");
  }
  /// Arrives, with release semantics.
  __device__ __forceinline__ void arrive() {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(this)) : "memory");
  }
  /// Adds `bytes` that this phase waits for, then arrives.
  __device__ __forceinline__ void arrive_expect(std::uint32_t bytes) {
    asm volatile(
        "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(this)),
        "r"(bytes)
        : "memory");
  }
  /// Whether the phase of that parity is over; the hardware waits a while before it says no.
  __device__ __forceinline__ bool try_wait(std::uint32_t parity) {
    std::uint32_t over;
    asm volatile(
        "{\n"
        ".reg .pred over;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 over, [%1], %2;\n"
        "selp.b32 %0, 1, 0, over;\n"
        "}"
        : "=r"(over)
        : "r"(shared_address(this)), "r"(parity)
        : "memory");
    return over != 0;
  }
  /// Waits for it, with acquire semantics: what was stored before the arrivals is seen.
  __device__ __forceinline__ void wait(std::uint32_t parity) {
    while (!try_wait(parity)) {
    }
  }
};

/// Orders this thread's ordinary accesses to shared memory (also its Mbarrier::init) before those
/// that TMA and wgmma make later. "fence.proxy.async"
__device__ __forceinline__ void fence_async_proxy() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// Starts the copy of the map's box at (x, y, z), counted in elements with x contiguous, to shared
/// memory aligned to 1024. Elements beyond the tensor arrive as zeros and count as bytes too. One
/// thread calls it; `full` gets the bytes. "cp.async.bulk.tensor.3d", tile mode
__device__ __forceinline__ void load_box(void* to_shared, const CUtensorMap& map, int x, int y,
                                         int z, Mbarrier& full) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3, %4}], [%5];" ::"r"(shared_address(to_shared)),
      "l"(&map), "r"(x), "r"(y), "r"(z), "r"(shared_address(&full))
      : "memory");
}

/// The same of four coordinates. "cp.async.bulk.tensor.4d"
__device__ __forceinline__ void load_box(void* to_shared, const CUtensorMap& map, int x, int y,
                                         int z, int w, Mbarrier& full) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3, %4, %5}], [%6];" ::"r"(shared_address(to_shared)),
      "l"(&map), "r"(x), "r"(y), "r"(z), "r"(w), "r"(shared_address(&full))
      : "memory");
}

/// A barrier of some warps of the block, by number, from 1 on: __syncthreads is 0. It opens when
/// `Threads` have come. Who arrives goes on at once, who syncs waits. "bar.arrive", "bar.sync"
template <int Threads>
__device__ __forceinline__ void arrive_named(int barrier) {
  asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "n"(Threads) : "memory");
}
template <int Threads>
__device__ __forceinline__ void sync_named(int barrier) {
  asm volatile("bar.sync %0, %1;" ::"r"(barrier), "n"(Threads) : "memory");
}

/// 2^x by the special function unit, 2 ulp; denormal results become 0. "ex2.approx.ftz"
__device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// Both rounded to bf16 as bf16(float) does, `low` in the lower half. "cvt.rn.bf16x2"
__device__ __forceinline__ std::uint32_t round_pair(float low, float high) {
  std::uint32_t word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}

/// Gives registers back, or takes them, so that each thread of the warpgroup has `Count`; a
/// multiple of 8 from 24 to 256. All warps of the warpgroup call it; taking waits until they are
/// there.
template <int Count>
__device__ __forceinline__ void release_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count));
}
template <int Count>
__device__ __forceinline__ void claim_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count));
}

/// Before the first wgmma, and before one whose sums were touched in between: orders the registers.
__device__ __forceinline__ void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
/// Closes the group of the wgmma issued since the last call.
__device__ __forceinline__ void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Waits until at most the `Pending` newest groups still run.
template <int Pending>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}
/// Tells the compiler that the sums change here, so that no use of them moves before a wait, and
/// no change of them behind a fence. Likewise words that are an operand.
template <int Count>
__device__ __forceinline__ void touch(float (&sum)[Count]) {
#pragma unroll
  for (int i = 0; i < Count; ++i) asm volatile("" : "+f"(sum[i])::"memory");
}
template <int Count>
__device__ __forceinline__ void touch(std::uint32_t (&words)[Count]) {
#pragma unroll
  for (int i = 0; i < Count; ++i) asm volatile("" : "+r"(words[i])::"memory");
}

/// d [64, 256] = a [64, 16] * b [16, 256] + (add ? d : 0), bf16 operands in shared memory, for a
/// warpgroup: its warp w has the rows 16 w to 16 w + 15, and d[4 j] to d[4 j + 3] of a lane are
/// where accumulator_place (mma.h) says, in the columns 8 j to 8 j + 7. Runs on until wgmma_wait; d
/// must not be touched before. "wgmma.mma_async.m64n256k16"; of the numbers at the end two say that
/// no operand is negated, two are the major axes.
template <Major A, Major B>
__device__ __forceinline__ void wgmma_bf16(float (&d)[128], std::uint64_t a, std::uint64_t b,
                                           bool add) {
  asm volatile(
      "{\n"
      ".reg .pred with_d;\n"
      "setp.ne.b32 with_d, %130, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, "
      "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, "
      "%36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, "
      "%53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, %64, %65, %66, %67, %68, %69, "
      "%70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83, %84, %85, %86, "
      "%87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, %98, %99, %100, %101, %102, "
      "%103, %104, %105, %106, %107, %108, %109, %110, %111, %112, %113, %114, %115, %116, "
      "%117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "
      "%128, %129, with_d, 1, 1, %131, %132;\n"
      "}"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]),
        "+f"(d[7]), "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]),
        "+f"(d[14]), "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]),
        "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]),
        "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31]), "+f"(d[32]), "+f"(d[33]), "+f"(d[34]),
        "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]), "+f"(d[41]),
        "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]),
        "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]),
        "+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]),
        "+f"(d[63]), "+f"(d[64]), "+f"(d[65]), "+f"(d[66]), "+f"(d[67]), "+f"(d[68]), "+f"(d[69]),
        "+f"(d[70]), "+f"(d[71]), "+f"(d[72]), "+f"(d[73]), "+f"(d[74]), "+f"(d[75]), "+f"(d[76]),
        "+f"(d[77]), "+f"(d[78]), "+f"(d[79]), "+f"(d[80]), "+f"(d[81]), "+f"(d[82]), "+f"(d[83]),
        "+f"(d[84]), "+f"(d[85]), "+f"(d[86]), "+f"(d[87]), "+f"(d[88]), "+f"(d[89]), "+f"(d[90]),
        "+f"(d[91]), "+f"(d[92]), "+f"(d[93]), "+f"(d[94]), "+f"(d[95]), "+f"(d[96]), "+f"(d[97]),
        "+f"(d[98]), "+f"(d[99]), "+f"(d[100]), "+f"(d[101]), "+f"(d[102]), "+f"(d[103]),
        "+f"(d[104]), "+f"(d[105]), "+f"(d[106]), "+f"(d[107]), "+f"(d[108]), "+f"(d[109]),
        "+f"(d[110]), "+f"(d[111]), "+f"(d[112]), "+f"(d[113]), "+f"(d[114]), "+f"(d[115]),
        "+f"(d[116]), "+f"(d[117]), "+f"(d[118]), "+f"(d[119]), "+f"(d[120]), "+f"(d[121]),
        "+f"(d[122]), "+f"(d[123]), "+f"(d[124]), "+f"(d[125]), "+f"(d[126]), "+f"(d[127])
      : "l"(a), "l"(b), "r"(static_cast<int>(add)), "n"(static_cast<int>(A)),
        "n"(static_cast<int>(B)));
}

/// The same of 128 columns: d [64, 128].
template <Major A, Major B>
__device__ __forceinline__ void wgmma_bf16(float (&d)[64], std::uint64_t a, std::uint64_t b,
                                           bool add) {
  asm volatile(
      "{\n"
      ".reg .pred with_d;\n"
      "setp.ne.b32 with_d, %66, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "
      "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, "
      "%34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, "
      "%50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "%64, %65, with_d, 1, 1, %67, %68;\n"
      "}"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]),
        "+f"(d[7]), "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]),
        "+f"(d[14]), "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]),
        "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]),
        "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31]), "+f"(d[32]), "+f"(d[33]), "+f"(d[34]),
        "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]), "+f"(d[41]),
        "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]),
        "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]),
        "+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]),
        "+f"(d[63])
      : "l"(a), "l"(b), "r"(static_cast<int>(add)), "n"(static_cast<int>(A)),
        "n"(static_cast<int>(B)));
}

/// The same with a [64, 16] in registers: warp w has the rows 16 w to 16 w + 15 as the four words
/// of Bf16Mma::a_place (mma.h), see operand_from_sums. Neither may they be touched before
/// wgmma_wait. b [16, 64], then [16, 128].
template <Major B>
__device__ __forceinline__ void wgmma_bf16(float (&d)[32], const std::uint32_t* a, std::uint64_t b,
                                           bool add) {
  asm volatile(
      "{\n"
      ".reg .pred with_d;\n"
      "setp.ne.b32 with_d, %37, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "
      "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, "
      "{%32, %33, %34, %35}, %36, with_d, 1, 1, %38;\n"
      "}"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]),
        "+f"(d[7]), "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]),
        "+f"(d[14]), "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]),
        "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]),
        "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(add)),
        "n"(static_cast<int>(B)));
}
template <Major B>
__device__ __forceinline__ void wgmma_bf16(float (&d)[64], const std::uint32_t* a, std::uint64_t b,
                                           bool add) {
  asm volatile(
      "{\n"
      ".reg .pred with_d;\n"
      "setp.ne.b32 with_d, %69, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "
      "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, "
      "%34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, "
      "%50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "{%64, %65, %66, %67}, %68, with_d, 1, 1, %70;\n"
      "}"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]),
        "+f"(d[7]), "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]),
        "+f"(d[14]), "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]),
        "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]),
        "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31]), "+f"(d[32]), "+f"(d[33]), "+f"(d[34]),
        "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]), "+f"(d[41]),
        "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]),
        "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]),
        "+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]),
        "+f"(d[63])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(add)),
        "n"(static_cast<int>(B)));
}

/// The map of a bf16 tensor for boxes of one panel: `extents` from the contiguous dimension on,
/// `strides` in bytes of the others, multiples of 16 and below 2^40, each as the header of the
/// driver asks a multiple of the one before; the box has 64 elements of the first dimension and 64
/// of dimension `lines`, swizzled. `data` aligned to 16; no extent 0. Throws Error when the driver
/// is too old to have such maps (CUDA 12.0) or refuses this one.
template <std::size_t Rank>
CUtensorMap panel_map(const bf16* data, const std::array<std::uint64_t, Rank>& extents,
                      const std::array<std::uint64_t, Rank - 1>& strides, std::size_t lines) {
  // The runtime finds the driver's function, so that nothing links against libcuda.
  static const auto encode = [] {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result{};
    check_cuda(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000,
                                                cudaEnableDefault, &result),
               "cudaGetDriverEntryPointByVersion");
    require(found && result == cudaDriverEntryPointSuccess,
            "panel_map: the CUDA driver has no cuTensorMapEncodeTiled, it is older than 12.0");
    return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(found);
  }();
  std::array<cuuint32_t, Rank> box, steps;
  box.fill(1), steps.fill(1);
  box[0] = box[lines] = kPanelSide;
  CUtensorMap map;
  const CUresult status =
      encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, Rank, const_cast<bf16*>(data), extents.data(),
             strides.data(), box.data(), steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE,
             CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS) {
    std::string tensor = std::to_string(extents[0]);
    for (std::size_t i = 1; i < Rank; ++i) {
      tensor += " x " + std::to_string(extents[i]) + " by " + std::to_string(strides[i - 1]);
    }
    fail("panel_map: the CUDA driver refuses a tensor of ", tensor, " bytes, error ",
         static_cast<int>(status));
  }
  return map;
}
/// Of a tensor [z, y, x], the lines along y.
inline CUtensorMap panel_map(const bf16* data, std::uint64_t x, std::uint64_t y, std::uint64_t z,
                             std::uint64_t stride_y, std::uint64_t stride_z) {
  return panel_map<3>(data, {x, y, z}, {stride_y, stride_z}, 1);
}

}  // namespace etude

#endif
