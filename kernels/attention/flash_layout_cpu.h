#pragma once
// What both directions share on the CPU: layouts, products, dropout, who does which blocks.
//
// Queries are lanes, so that a softmax, along the keys, is a loop over whole vectors. A block of
// kQueries of them meets the keys kKeys at a time:
//   scores   [query / kLanes][kKeys][kLanes]     also probabilities and their gradients
//   lanes    [query / kLanes][D][kLanes]         q, dy, y and dq of a block
//   rows     [d / kLanes][kQueries][kLanes]      q and dy once more, where d is the result's lanes
//   runs     [d / kRun][S][kRun]                 k and v of a head: of which a tile takes single
//   values

#include <algorithm>
#include <type_traits>

#include "kernels/attention/problem.h"
#include "kernels/core/dtype.h"
#include "kernels/core/panel_cpu.h"
#include "kernels/core/parallel.h"
#include "kernels/core/scratch.h"
#include "kernels/core/vector_math.h"
#include "kernels/random/philox_batch.h"

namespace etude::cpu::attention_flash {

/// A multiple of the vectors of a panel and of the 16 queries of a tile of draws.
inline constexpr std::int64_t kQueries = 48;
inline constexpr std::int64_t kVectors = kQueries / kLanes;
/// Scores of a block and as many gradients, 12 KiB each, live in the L1 cache.
inline constexpr std::int64_t kKeys = 64;
inline constexpr std::int64_t kRun = 32;
inline constexpr std::int64_t kScores = kVectors * kKeys * kLanes;
inline constexpr std::int64_t kMaxRuns = kMaxHeadDim / kRun;
static_assert(kQueries % (kTileVectors * kLanes) == 0 && kRun % kTileRows == 0);

/// Extents, and how the work is divided: a head's blocks of queries among `groups` tasks, so that
/// few heads give work for many threads. The number depends on the shapes alone.
struct Plan {
  std::int64_t heads, T, S, D, depth, blocks, groups;

  template <class P>
  explicit Plan(const P& p)
      : heads(p.heads),
        T(p.T),
        S(p.S),
        D(p.D),
        depth(round_up(D, kRun)),
        blocks(ceil_div(T, kQueries)) {
    constexpr std::int64_t kTasks = 16;
    groups = std::clamp<std::int64_t>(ceil_div(kTasks, heads), 1, blocks);
  }

  /// body(head, group) for all, shared among the threads.
  template <class Body>
  void each_task(const Body& body) const {
    parallel_for(heads * groups, heads * T * S * D,
                 [&](std::int64_t i) { body(i / groups, i % groups); });
  }
};

/// k or v of a head as runs.
template <class T>
void pack_runs(const T* from, std::int64_t stride, const Plan& n, float* to) {
  for (std::int64_t d = 0; d < n.D; d += kRun) {
    for (std::int64_t s = 0; s < n.S; ++s, to += kRun) {
      load_lanes<kRun>(from + s * stride + d, n.D - d, to);
    }
  }
}

/// `count` rows as lanes, times `scale`; what is missing of a block is zero.
template <class T>
void pack_lanes(const T* from, std::int64_t stride, std::int64_t count, const Plan& n, float scale,
                float* to) {
  float wide[kLanes * kMaxHeadDim];
  for (std::int64_t j = 0; j < ceil_div(count, kLanes); ++j, to += n.depth * kLanes) {
    const T* rows = from + j * kLanes * stride;
    const std::int64_t here = std::min<std::int64_t>(kLanes, count - j * kLanes);
    if constexpr (std::is_same_v<T, float>) {
      rows_to_lanes(rows, stride, here, n.D, to, kLanes);
    } else {
      for (std::int64_t i = 0; i < here; ++i) {
        for (std::int64_t d = 0; d < n.D; ++d) wide[i * n.D + d] = rows[i * stride + d];
      }
      rows_to_lanes(wide, n.D, here, n.D, to, kLanes);
    }
    std::fill(to + n.D * kLanes, to + n.depth * kLanes, 0.0f);
    if (scale != 1) {
      for (std::int64_t i = 0; i < n.D * kLanes; ++i) to[i] *= scale;
    }
  }
}

/// `count` rows as rows, times `scale`; what is missing of a block is zero.
template <class T>
void pack_rows(const T* from, std::int64_t stride, std::int64_t count, const Plan& n, float scale,
               float* to) {
  for (std::int64_t d = 0; d < n.D; d += kLanes) {
    for (std::int64_t i = 0; i < kQueries; ++i, to += kLanes) {
      load_lanes(from + i * stride + d, i < count ? n.D - d : 0, to);
      if (scale != 1) store(to, load(to) * scale);
    }
  }
}

/// Lanes back to `count` rows of the user's, each query's values times its factor.
template <class T>
void unpack_lanes(const float* from, const float* factor, std::int64_t count, const Plan& n, T* to,
                  std::int64_t stride) {
  float scaled[kMaxHeadDim * kLanes], wide[kLanes * kMaxHeadDim];
  for (std::int64_t j = 0; j < ceil_div(count, kLanes); ++j, from += n.depth * kLanes) {
    const Vector by = load(factor + j * kLanes);
    for (std::int64_t d = 0; d < n.D; ++d) {
      store(scaled + d * kLanes, load(from + d * kLanes) * by);
    }
    const std::int64_t here = std::min<std::int64_t>(kLanes, count - j * kLanes);
    T* rows = to + j * kLanes * stride;
    if constexpr (std::is_same_v<T, float>) {
      lanes_to_rows(scaled, kLanes, here, n.D, rows, stride);
    } else {
      lanes_to_rows(scaled, kLanes, here, n.D, wide, n.D);
      for (std::int64_t i = 0; i < here; ++i) {
        for (std::int64_t d = 0; d < n.D; ++d) rows[i * stride + d] = T(wide[i * n.D + d]);
      }
    }
  }
}

/// scores[j][s] = sum_d runs[first + s][d] lanes[j][d], s < count, of `vectors` query vectors.
inline void multiply_scores(const Plan& n, const float* runs, std::int64_t first,
                            std::int64_t count, const float* lanes, std::int64_t vectors,
                            float* scores) {
  Segment segments[kMaxRuns];
  const TileLayout layout{kRun, n.depth * kLanes, kKeys * kLanes, false};
  for (std::int64_t s = 0; s < count; s += kTileRows) {
    const std::int64_t of_runs = n.depth / kRun;
    for (std::int64_t r = 0; r < of_runs; ++r) {
      segments[r] = {runs + (r * n.S + first + s) * kRun, lanes + r * kRun * kLanes};
    }
    tile_of<kRun, 1>(std::min<std::int64_t>(kTileRows, count - s), vectors)(
        segments, static_cast<int>(of_runs), layout, scores + s * kLanes);
  }
}

/// lanes[j][d] += sum_{s < count} runs[first + s][d] scores[j][s].
inline void add_to_lanes(const Plan& n, const float* runs, std::int64_t first, std::int64_t count,
                         const float* scores, std::int64_t vectors, float* lanes) {
  const TileLayout layout{count, kKeys * kLanes, n.depth * kLanes, true};
  for (std::int64_t d = 0; d < n.D; d += kTileRows) {
    const Segment segment{runs + (d / kRun * n.S + first) * kRun + d % kRun, scores};
    tile_of<1, kRun>(std::min<std::int64_t>(kTileRows, n.D - d), vectors)(&segment, 1, layout,
                                                                          lanes + d * kLanes);
  }
}

/// The part of a block of queries that meets a chunk of keys: `count[panel]` keys of it are seen by
/// some query of the panel, 0 .. kKeys.
struct Chunk {
  std::int64_t query, key, vectors;  // the first ones, and how many vectors of queries there are
  std::int64_t count[kVectors / kTileVectors];

  template <class P>
  Chunk(const P& p, std::int64_t query_, std::int64_t key_)
      : query(query_), key(key_), vectors(std::min(kVectors, ceil_div(p.T - query_, kLanes))) {
    for (std::int64_t panel = 0; panel < panels(); ++panel) {
      const auto last = query + (panel + 1) * kTileVectors * kLanes - 1;
      const std::int64_t seen = p.visible(static_cast<int>(std::min<std::int64_t>(last, p.T - 1)));
      count[panel] = std::clamp<std::int64_t>(seen - key, 0, kKeys);
    }
  }
  std::int64_t panels() const { return ceil_div(vectors, kTileVectors); }
  std::int64_t most() const { return count[panels() - 1]; }
  std::int64_t vectors_of(std::int64_t panel) const {
    return std::min<std::int64_t>(kTileVectors, vectors - panel * kTileVectors);
  }
};

/// Scores that a query of vector j does not see become -inf.
template <class P>
void mask_unseen(const P& p, const Chunk& c, std::int64_t j, std::int64_t count, float* scores) {
  if (!p.causal) return;
  const std::int64_t seen = c.query + j * kLanes + p.S - p.T + 1 - c.key;  // by lane 0
  for (std::int64_t s = std::max<std::int64_t>(0, seen); s < count; ++s) {
    const std::int64_t unseen = std::min<std::int64_t>(kLanes, s - seen + 1);
    std::fill_n(scores + s * kLanes, unseen, -math::kInfinity);
  }
}

/// What the probabilities of the chunk are multiplied by, laid out as scores. Tiles of 16 x 16; the
/// words of eight queries come side by side (see dropout.h).
inline void draw_keep(const AttentionDropout& dropout, std::int64_t head, const Chunk& c,
                      float* keep) {
  using detail::Lanes;
  constexpr std::int64_t kPart = std::min(8, kLanes);
  typedef std::uint32_t Words __attribute__((vector_size(16)));
  const auto threshold = static_cast<std::int32_t>(dropout.threshold);
  const float scale = dropout.scale;
  for (std::int64_t q = 0; q < c.vectors * kLanes; q += 16) {
    const std::int64_t count = c.count[q / (kTileVectors * kLanes)];
    const std::int64_t wider =
        c.count[std::min(q + 15, c.vectors * kLanes - 1) / (kTileVectors * kLanes)];
    for (std::int64_t s = 0; s < std::max(count, wider); s += 16) {
      const std::uint64_t tile = dropout.tile(head, c.query + q, c.key + s);
      for (int pair = 0; pair < 4; pair += 2) {  // of keys: blocks pair and pair + 1 of each query
        Lanes word[4][4];
        for (int v = 0; v < 4; ++v) {
          const auto first = static_cast<std::uint64_t>(v % 2 * 16 + pair + v / 2);
          word[v][0] = Lanes{0, 4, 8, 12} + (dropout.key.offset + tile + first);
        }
        philox_lanes(dropout.key, word);
        for (int v = 0; v < 4; v += 2) {
          for (int w = 0; w < 4; ++w) {
            std::uint32_t words[8];
            const Words low = __builtin_convertvector(word[v][w], Words);
            const Words high = __builtin_convertvector(word[v + 1][w], Words);
            std::memcpy(words, &low, sizeof low);
            std::memcpy(words + 4, &high, sizeof high);
            const std::int64_t key = s + w / 2 * 8 + (pair + v / 2) * 2;
            for (std::int64_t r = 0; r < 8; r += kPart) {
              const std::int64_t at = q + w % 2 * 8 + r;
              float* to = keep + (at / kLanes * kKeys + key) * kLanes + at % kLanes;
#pragma omp simd
              for (std::int64_t i = 0; i < kPart; ++i) {
                const auto both = words[r + i];
                to[i] = math::select(static_cast<std::int32_t>(both & 0xffffu) >= threshold, scale,
                                     0.0f);
                to[kLanes + i] =
                    math::select(static_cast<std::int32_t>(both >> 16) >= threshold, scale, 0.0f);
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace etude::cpu::attention_flash
