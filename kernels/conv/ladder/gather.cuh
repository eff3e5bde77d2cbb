#pragma once
// How looked-up elements get into the shared memory of 3_mma.
//
// Both tiles lie in shared memory as [row or column][32 words], depth along the words (32 floats or
// 64 bf16), cut into 8 chunks of 16 bytes. The chunk c of row r stands in place c ^ (r % 8):
//
//     row 0    0 1 2 3 4 5 6 7        ldmatrix reads one chunk of 8 rows at a time: 8 different
//     row 1    1 0 3 2 5 4 7 6        places, all 32 banks, no conflict. Without the exchange the 8
//     row 2    2 3 0 1 6 7 4 5        would lie in one place, an 8-fold conflict; padding instead
//     ...                             would cost memory and break the writes below.

#include "kernels/conv/ladder/operands.cuh"
#include "kernels/core/async.h"
#include "kernels/core/mma.h"

namespace etude::conv_ladder {

constexpr int kWords = 32;        // of one row of a tile
constexpr int kWordsOfChunk = 4;  // 16 bytes
constexpr int kChunks = kWords / kWordsOfChunk;

/// Where word `word` of row `row` of a tile lies.
__device__ __forceinline__ int word_at(int row, int word) {
  return row * kWords + ((word / kWordsOfChunk) ^ (row % kChunks)) * kWordsOfChunk +
         word % kWordsOfChunk;
}

/// Which elements of a tile [Outer][32 words] a thread carries, one word at a time. A warp takes 8
/// outers and 4 words at once where outers are neighbours in memory, 8 words of 4 outers otherwise:
/// 32 bytes of f32 in a row, a whole sector of global memory, and into 32 different banks.
template <class Tile, int Outer, bool OuterFast>
struct Route {
  static constexpr int kWarps = Tile::kThreads / 32;
  static constexpr int kOuters = Outer / (OuterFast ? 8 : 4) / kWarps;
  static constexpr int kOwnWords = OuterFast ? 8 : 4;
  static constexpr int kApart = kWords / kOwnWords;

  __device__ static int outer(int i) {
    if constexpr (OuterFast) return Tile::lane() % 8 + 8 * (Tile::warp() + kWarps * i);
    // Every second outer, so that two chunks of four of them are eight places.
    return Tile::lane() / 8 * 2 + i % 2 + 8 * (Tile::warp() + kWarps * (i / 2));
  }
  __device__ static int word(int j) {
    return (OuterFast ? Tile::lane() / 8 : Tile::lane() % 8) + j * kApart;
  }
};

/// A thread's share of the way from one operand to its tile, word by word, with both indices of the
/// look-up as sums of places (see operands.cuh).
template <class T, class Tile, class Path>
class Gather {
 public:
  /// place(outer) for the tile's outers; begin: the first depth.
  template <class OuterPlace>
  __device__ Gather(const Radix& radix, int begin, OuterPlace place)
      : radix_(radix),
        d_(begin + Path::word(0) * Tile::kPerWord),
        at_(radix.digits(d_)),
        apart_(radix.digits(Path::kApart * Tile::kPerWord - (Tile::kPerWord - 1))),
        one_(radix.digits(1)) {
#pragma unroll
    for (int i = 0; i < Path::kOuters; ++i) outer_[i] = place(Path::outer(i));
  }

  /// Starts the words of the next step on their way to `tile`.
  template <class Operand, class DepthPlace>
  __device__ __forceinline__ void fetch(const Operand& operand, DepthPlace depth, int end,
                                        std::uint32_t* tile) {
#pragma unroll
    for (int j = 0; j < Path::kOwnWords; ++j) {
      Place place[Tile::kPerWord];
      bool inside[Tile::kPerWord];
#pragma unroll
      for (int e = 0; e < Tile::kPerWord; ++e) {
        place[e] = depth(at_);
        inside[e] = d_ + j * Path::kApart * Tile::kPerWord + e < end;
        at_ = radix_.sum(at_, e + 1 < Tile::kPerWord ? one_ : apart_);
      }
#pragma unroll
      for (int i = 0; i < Path::kOuters; ++i) {
        if constexpr (Tile::kPerWord == 1) {
          const T* from = inside[0] ? operand.at(outer_[i] + place[0]) : nullptr;
          copy_async<4>(tile + word_at(Path::outer(i), Path::word(j)), from ? from : operand.data,
                        from != nullptr);
        } else {
          bf16 pair[2];
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            const T* from = inside[e] ? operand.at(outer_[i] + place[e]) : nullptr;
            pair[e].bits = from ? from->bits : std::uint16_t{0};
          }
          held_[j][i] = pack_bf16(pair[0], pair[1]);
        }
      }
    }
    d_ += Tile::kDepth;
  }
  /// What fetch left in registers goes to `tile`.
  __device__ __forceinline__ void put(std::uint32_t* tile) const {
    if constexpr (Tile::kPerWord > 1) {
#pragma unroll
      for (int j = 0; j < Path::kOwnWords; ++j) {
#pragma unroll
        for (int i = 0; i < Path::kOuters; ++i) {
          tile[word_at(Path::outer(i), Path::word(j))] = held_[j][i];
        }
      }
    }
  }

 private:
  Radix radix_;
  int d_;
  Digits at_, apart_, one_;
  Place outer_[Path::kOuters];
  std::uint32_t held_[Tile::kPerWord > 1 ? Path::kOwnWords : 1][Path::kOuters];
};

/// The same for an operand whose depths run on in memory in aligned chunks of 16 bytes: a thread
/// carries one chunk of 4 rows, 8 lanes a row of 128 bytes.
template <class T, class Tile>
class ChunkGather {
 public:
  template <class OuterPlace>
  __device__ ChunkGather(const Radix& radix, int begin, OuterPlace place)
      : radix_(radix),
        d_(begin + chunk() * kWordsOfChunk * Tile::kPerWord),
        at_(radix.digits(d_)),
        next_(radix.digits(Tile::kDepth)) {
#pragma unroll
    for (int i = 0; i < kRows; ++i) row_[i] = place(row(i));
  }

  template <class Operand, class DepthPlace>
  __device__ __forceinline__ void fetch(const Operand& operand, DepthPlace depth, int end,
                                        std::uint32_t* tile) {
    const Place place = depth(at_);
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const T* from = d_ < end ? operand.at(row_[i] + place) : nullptr;
      copy_async<16>(tile + word_at(row(i), chunk() * kWordsOfChunk), from ? from : operand.data,
                     from != nullptr);
    }
    at_ = radix_.sum(at_, next_);
    d_ += Tile::kDepth;
  }
  __device__ __forceinline__ void put(std::uint32_t*) const {}

 private:
  static constexpr int kRows = 4;
  __device__ static int chunk() { return static_cast<int>(threadIdx.x) % kChunks; }
  __device__ static int row(int i) {
    return static_cast<int>(threadIdx.x) / kChunks + i * (Tile::kThreads / kChunks);
  }
  Radix radix_;
  int d_;
  Digits at_, next_;
  Place row_[kRows];
};

}  // namespace etude::conv_ladder
