#pragma once
// Bottleneck before: a layer alone. L layers take L T steps one after another, each with a barrier
// of the grid, although layer l + 1 at step t needs of layer l only step t; and a layer of few
// units leaves most processors idle. Idea: one cooperative launch for the whole stack. A block
// belongs to one layer; at tick s layer l does step s - l, and going back layer l does step t while
// the layer above does t - 1. So T + L - 1 ticks replace L T steps. A layer's input is then known
// one tick before it is used, and its product cannot leave the loop: a block keeps its units' part
// of w_ih too, the layer's own going forward, that of the layer above going back, whose dx it takes
// from dgates. Only the first layer's input product stays outside.
//
// All layers' blocks have to be resident at once. On 132 processors with 227 KB of shared memory a
// unit of H = 512 keeps 16 KB in f32. With 4 units a block takes 81 KB, two fit a processor, and of
// 3 x 128 blocks only 264 are resident. So a block may own 4, 8 or 12 units, in groups that read
// each tile of the state once: 12 units, 209 KB, one block on each of 3 x 43 = 129 processors. The
// fewest units that fit are taken. In bf16 that is 12 too: of 4 units registers allow two blocks on
// a processor, of 8 one.
//
// Predicted for L = 3, B = 64 against 2_persistent, where a barrier costs 1.5 microseconds and the
// multiply-adds run at half their peak, as shared memory delivers 8 loads for 64 of them (16 for
// 192 with three groups: three quarters). H = 128: a tick has the arithmetic of two steps of a
// layer, 2 + 1.5 microseconds, instead of 3 (1 + 1.5): 2 times faster. H = 256: 8 + 1.5 instead of
// 3 (2 + 1.5) + 1: 1.2 times. H = 512 in f32: 16.5 + 1.5 instead of 3 (4.1 + 1.5) + 4.4: 1.2 times,
// the card's arithmetic being the limit either way. In bf16 it gains nothing there: the input
// products it takes into the loop are outside of it the tensor cores', and cost almost nothing.

#include <algorithm>

#include "kernels/lstm/ladder/2_persistent.cuh"

namespace etude::lstm_ladder {

/// A layer in a stack. In the first one the gates hold the input's part and x, w_ih and bias are
/// null; mask and x_above are null in the last one and where there are no masks.
template <class T>
struct WaveForward {
  ForwardSteps<T> steps;
  const T *x, *w_ih, *bias, *mask;
  T* x_above;

  __device__ LstmGates<float> input(std::int64_t t, std::int64_t b, std::int64_t u) const {
    if (!w_ih) return steps.load_gates(t, b, u);
    const auto at = [&](std::int64_t q) { return static_cast<float>(bias[q * steps.H + u]); };
    return {at(0), at(1), at(2), at(3)};
  }
  __device__ void finish(std::int64_t t, std::int64_t b, std::int64_t u,
                         const LstmGates<float>& sums) const {
    const T h = steps.finish(t, b, u, sums);
    const std::int64_t at = (t * steps.B + b) * steps.H + u;
    if (mask) x_above[at] = static_cast<T>(static_cast<float>(h) * static_cast<float>(mask[at]));
  }
};

/// The same going back: null in the last layer, and only there steps.dy is not.
template <class T>
struct WaveBackward {
  BackwardSteps<T> steps;
  const T *w_ih_above, *dgates_above, *mask;

  /// Sums of four neighbouring units, from u on, of this thread's rows, times the mask of step t.
  __device__ __forceinline__ void apply_mask(Sums& sums, std::int64_t t, std::int64_t b,
                                             std::int64_t u) const {
#pragma unroll
    for (int r = 0; r < kOwn; ++r) {
#pragma unroll
      for (int j = 0; j < kUnits; ++j) {
        if (b + 8 * r >= steps.B || u + j >= steps.H) continue;
        const std::int64_t at = (t * steps.B + b + 8 * r) * steps.H + u + j;
        sums.value[r][j] *= static_cast<float>(mask[at]);
      }
    }
  }
};

template <class Layer>
struct Stack {
  Layer layer[kLstmStackLayers];
};

/// Blocks that a processor's registers must have room for.
constexpr int blocks_wanted(int groups) { return groups == 1 ? 2 : 1; }

/// Which layer of how many a block belongs to, and its first unit there.
struct WavePlace {
  int layer;
  std::int64_t first;
  __device__ WavePlace(int layers, int units) {
    const int blocks = static_cast<int>(gridDim.x) / layers;
    layer = static_cast<int>(blockIdx.x) / blocks;
    first = static_cast<std::int64_t>(static_cast<int>(blockIdx.x) % blocks) * units;
  }
};

/// At tick s step t = s - l of layer l: input + w_hh y[t - 1], above the first layer + w_ih x[t],
/// then each unit's step; where there is a mask also x[t] of the layer above
/// shapes  of LstmForward; gates[first] hold x w_ih' + bias  dtype  T storage, f32 sums, f32 cells
/// launch  cooperative, grid = L H / (4 Groups), block = 256, shared = 17 KB + 16 Groups rows of
///         w_hh and w_ih; 2 barriers per 64 of the depth 2 H, one of the grid per tick
/// edges   as lstm_persistent
/// error   2 H additions, in 4 chains of H / 2
/// cost    8 T B H^2 (2 L - 1) flops; every tick each block reads 2 B H elements from L2
/// source  Appleyard, Kocisky & Blunsom, "Optimizing performance of recurrent neural networks on
///         GPUs", 2016, section 3.3, there by streams; the persistent weights: Diamos et al. 2016
template <class T, int Groups>
__global__ void __launch_bounds__(kThreads, blocks_wanted(Groups))
    lstm_wavefront(Stack<WaveForward<T>> stack, int layers) {
  launch_bound(kThreads);
  struct Smem {
    StateTile tile;
    WaveForward<T> layer;  // here, not in 30 registers of each thread
  };
  auto& [tile, layer] = shared<Smem>();
  T* weights = dynamic_shared<T>();  // [unit][gate][depth of w_hh, depth of w_ih]
  constexpr int kOwned = kUnits * Groups;
  const WavePlace place(layers, kOwned);
  if (threadIdx.x == 0) layer = stack.layer[place.layer];
  __syncthreads();
  const ForwardSteps<T>& p = layer.steps;
  const std::int64_t depth = padded_depth(p.H), row = 2 * depth;
  keep_rows(weights, row, p.w_hh, place.first, kOwned, p.H, p.H);
  if (layer.w_ih) keep_rows(weights + depth, row, layer.w_ih, place.first, kOwned, p.H, p.H);
  const Lanes at;
  const Kept<T> hidden{weights + at.warp * 4 * row, row, 4 * kUnits * row};
  const Kept<T> input{hidden.weights + depth, row, hidden.group};
  for (std::int64_t tick = 0; tick < p.steps + layers - 1; ++tick) {
    if (tick > 0) grid_sync();  // y[t - 1] and x[t] are complete
    const std::int64_t t = tick - place.layer;
    if (t < 0 || t >= p.steps) continue;
    for (std::int64_t b0 = 0; b0 < p.B; b0 += kTileRows) {
      Sums sums[Groups];
      const int column = 4 * at.part;
      add_product<4>(sums, tile, at.row, column, p.h_before(t), b0, p.B, p.H, hidden);
      if (layer.w_ih) {
        const T* x = layer.x + t * p.B * p.H;
        add_product<4>(sums, tile, at.row, column, x, b0, p.B, p.H, input);
      }
      const std::int64_t b = b0 + at.row + 8 * at.part;
#pragma unroll
      for (int g = 0; g < Groups; ++g) {
        const Four<float> mine = sums[g].across_parts(at.part);
        const std::int64_t u = place.first + g * kUnits + at.warp;
        if (b < p.B && u < p.H) layer.finish(t, b, u, added(layer.input(t, b, u), mine));
      }
    }
  }
}

/// At tick s step t = T - 1 - s + (L - 1 - l) of layer l: dh = dgates[t + 1] w_hh, below the last
/// layer + mask (dgates[t] w_ih of the layer above), then each unit's gate_grads of step t
/// shapes  of LstmBackward                               dtype   T storage, f32 sums, f32 cells
/// launch  cooperative, grid = L H / (4 Groups), block = 256, shared = 17 + 4 Groups KB + 4 Groups
///         columns of w_hh and w_ih; 2 barriers per 64 of the depth 8 H, one per 64 sequences, one
///         of the grid per tick
/// edges   as lstm_persistent_grad
/// error   8 H additions, in 16 chains of H / 2; bf16: dy between layers is not rounded
/// cost    8 T B H^2 (2 L - 1) flops; every tick each block reads 8 B H elements from L2
/// source  as lstm_wavefront
template <class T, int Groups>
__global__ void __launch_bounds__(kThreads, blocks_wanted(Groups))
    lstm_wavefront_grad(Stack<WaveBackward<T>> stack, int layers) {
  launch_bound(kThreads);
  struct Smem {
    GradTile<Groups> tile;
    WaveBackward<T> layer;
  };
  auto& [tile, layer] = shared<Smem>();
  T* weights = dynamic_shared<T>();  // [unit][depth of w_hh, depth of w_ih above]
  constexpr int kOwned = kUnits * Groups;
  const WavePlace place(layers, kOwned);
  if (threadIdx.x == 0) layer = stack.layer[place.layer];
  __syncthreads();
  const BackwardSteps<T>& p = layer.steps;
  const bool below = layer.w_ih_above != nullptr;
  const std::int64_t K = 4 * p.H, depth = padded_depth(K), row = 2 * depth;
  keep_columns(weights, row, p.w_hh, place.first, kOwned, p.H, K);
  if (below) keep_columns(weights + depth, row, layer.w_ih_above, place.first, kOwned, p.H, K);
  const Lanes at;
  const Kept<T> own{weights, row, kUnits * row}, above{weights + depth, row, own.group};
  for (std::int64_t tick = 0; tick < p.steps + layers; ++tick) {
    if (tick > 0) grid_sync();  // dgates[t + 1], and dgates[t] above, are complete
    const std::int64_t t = p.steps - 1 - tick + (layers - 1 - place.layer);
    if (t < -1 || t >= p.steps) continue;
    const bool from_above = below && t >= 0, from_after = t < p.steps - 1;
    for (std::int64_t b0 = 0; b0 < p.B; b0 += kTileRows) {
      Sums sums[Groups];
      const int column = 16 * at.warp + 4 * at.part;
      if (from_above) {
        const T* dgates = layer.dgates_above + t * p.B * K;
        add_product<1>(sums, tile.state, at.row, column, dgates, b0, p.B, K, above);
#pragma unroll
        for (int g = 0; g < Groups && layer.mask; ++g) {
          layer.apply_mask(sums[g], t, b0 + at.row, place.first + g * kUnits);
        }
      }
      if (from_after) {
        const T* dgates = p.dgates + (t + 1) * p.B * K;
        add_product<1>(sums, tile.state, at.row, column, dgates, b0, p.B, K, own);
      }
      if (from_above || from_after) tile.share(sums, at);
      const std::int64_t b = b0 + at.row + 8 * at.part;
      for (int g = 0; g < Groups; ++g) {
        const std::int64_t u = place.first + g * kUnits + at.warp;
        if (b >= p.B || u >= p.H) continue;
        p.hand_back(t, b, u, from_above || from_after ? tile.sum(g, at) : 0);
      }
    }
  }
}

/// Bytes of weights per unit, the same in both directions but for the padding.
template <class T>
std::size_t kept_in_wavefront(std::int64_t H) {
  return static_cast<std::size_t>(2 * std::max(4 * padded_depth(H), padded_depth(4 * H))) *
         sizeof(T);
}

/// launch.operator()<Groups>(config) with the fewest groups of units per block of which all blocks
/// of both directions are resident at once; false where there are none.
template <class T, class P, class Launch>
bool launch_wavefront(std::span<const P> layers, Launch launch) {
  const LstmShape n(layers[0]);
  const auto L = static_cast<std::int64_t>(layers.size());
  if (L < 2 || layers.size() > kLstmStackLayers || n.T == 0 || n.B == 0 || n.H == 0) return false;
  const auto with = [&]<int Groups>() {
    constexpr std::int64_t kOwned = kUnits * Groups;
    const std::int64_t blocks = L * ceil_div(n.H, kOwned);
    const std::size_t kept = kOwned * kept_in_wavefront<T>(n.H);
    if (blocks > resident_blocks(lstm_wavefront<T, Groups>, kThreads, kept) ||
        blocks > resident_blocks(lstm_wavefront_grad<T, Groups>, kThreads, kept)) {
      return false;
    }
    launch.template operator()<Groups>(LaunchConfig{.grid = grid_of(blocks),
                                                    .block = dim3(kThreads),
                                                    .shared_bytes = kept,
                                                    .cooperative = true});
    return true;
  };
  return with.template operator()<1>() || with.template operator()<2>() ||
         with.template operator()<3>();
}

template <class T>
void run_wavefront(Stream& s, std::span<const LstmForward> layers, std::span<const View> masks) {
  const bool launched = launch_wavefront<T>(layers, [&]<int Groups>(const LaunchConfig& config) {
    Stack<WaveForward<T>> stack{};
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const LstmForward& p = layers[l];
      copy_state(s, p.h0, p.h_end);
      copy_state(s, p.c0, p.c_end);
      WaveForward<T>& wave = stack.layer[l];
      wave.steps = ForwardSteps<T>(p);
      if (l > 0) {
        wave.x = p.x.as<T>(), wave.w_ih = p.w_ih.as<T>(), wave.bias = p.bias.as<T>();
      }
      if (l < masks.size()) {
        wave.mask = masks[l].as<T>(), wave.x_above = layers[l + 1].x.as<T>();
      }
    }
    lstm_input_product(s, layers[0], 0, LstmShape(layers[0]).T);
    launch(s, config, lstm_wavefront<T, Groups>, stack, static_cast<int>(layers.size()));
  });
  if (!launched) by_layers<T, run_persistent<T>>(s, layers, masks);
}

template <class T>
void run_wavefront_grad(Stream& s, std::span<const LstmBackward> layers,
                        std::span<const View> masks) {
  const bool launched = launch_wavefront<T>(layers, [&]<int Groups>(const LaunchConfig& config) {
    Stack<WaveBackward<T>> stack{};
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const LstmBackward& p = layers[l];
      copy_state(s, p.dh_end, p.dh0);
      copy_state(s, p.dc_end, p.dc0);
      WaveBackward<T>& wave = stack.layer[l];
      wave.steps = BackwardSteps<T>(p);
      if (l + 1 < layers.size()) {
        wave.steps.dy = nullptr;
        wave.w_ih_above = layers[l + 1].w_ih.as<T>();
        wave.dgates_above = layers[l + 1].dgates.as<T>();
      }
      if (l < masks.size()) wave.mask = masks[l].as<T>();
    }
    launch(s, config, lstm_wavefront_grad<T, Groups>, stack, static_cast<int>(layers.size()));
    lstm_input_grad(s, layers[0], 0, LstmShape(layers[0]).T);
    for (const LstmBackward& p : layers) {
      lstm_weight_grads(s, p);
      bias_grad<T>(s, p);
    }
  });
  if (!launched) by_layers<T, run_persistent_grad<T>>(s, layers, masks);
}

}  // namespace etude::lstm_ladder
