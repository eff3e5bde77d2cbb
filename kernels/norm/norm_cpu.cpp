#include "kernels/core/parallel.h"
#include "kernels/norm/norm.h"

#include <algorithm>
#include <array>

#include "kernels/norm/channel.h"

namespace etude {
namespace {

constexpr std::int64_t kPositions = 512;  // per tile: with B = 64 its data fit in the L2 cache

/// Some neighbouring channels, so few that their positions (channel, l) of one batch row number at
/// most kPositions, or a single channel whose row is cut into pieces of kPositions. Either way the
/// data are runs in memory in which position j always belongs to the same channel: per-position
/// accumulators and parameters make every loop vectorise, also for L = 1, and all passes over a
/// tile after the first find it in the cache.
struct Tile {
  std::int64_t B, C, L, first, channels;

  std::int64_t row() const { return channels * L; }
  std::int64_t positions() const { return std::min(row(), kPositions); }
  std::int64_t channel_of(std::int64_t position) const { return channels == 1 ? 0 : position / L; }
  std::int64_t batch_stride() const { return C * L; }
  /// Calls body<Rows>(offset, n) for runs of n elements in each of Rows batch rows: several rows at
  /// once share the loads of parameters and accumulators.
  template <class Body>
  void for_runs(Body body) const {
    constexpr int kRows = 4;
    for (std::int64_t p = 0; p < row(); p += kPositions) {
      const std::int64_t start = first * L + p, n = std::min(kPositions, row() - p);
      std::int64_t b = 0;
      for (; b + kRows <= B; b += kRows) {
        body.template operator()<kRows>(start + b * batch_stride(), n);
      }
      for (; b < B; ++b) body.template operator()<1>(start + b * batch_stride(), n);
    }
  }
};

/// Calls body(tile) for tiles that cover all channels of x, in parallel. The cut depends on the
/// shape alone, so results do not depend on the number of threads.
template <class Body>
void for_tiles(const View& x, Body body) {
  const std::int64_t B = x.dim(0), C = x.dim(1), L = x.dim(2);
  const std::int64_t step = std::max<std::int64_t>(1, kPositions / std::max<std::int64_t>(1, L));
  parallel_for((C + step - 1) / step, x.numel(), [&](std::int64_t tile) {
    const std::int64_t first = tile * step;
    body(Tile{B, C, L, first, std::min(step, C - first)});
  });
}

/// One value per position.
template <class T>
using Positions = std::array<T, kPositions>;

/// Repeats each channel's value over the channel's positions.
template <class T, class Value>
void spread(const Tile& tile, Positions<T>& to, Value value) {
  if (tile.channels == 1) {
    std::fill_n(to.begin(), tile.positions(), value(0));
    return;
  }
  for (std::int64_t c = 0; c < tile.channels; ++c) {
    std::fill_n(to.begin() + c * tile.L, tile.L, value(c));
  }
}

/// Each channel's sum over its positions.
void gather(const Tile& tile, const Positions<double>& from, Positions<double>& to) {
  const std::int64_t n = tile.positions(), width = tile.channels == 1 ? n : tile.L;
  for (std::int64_t c = 0; c < tile.channels; ++c) {
    double sum = 0;
    for (std::int64_t j = 0; j < width; ++j) sum += from[c * width + j];
    to[c] = sum;
  }
}

/// Each channel's sum of term(i, j) over its elements i at positions j. A few rows are added in T,
/// all else in double.
template <class T, class Term>
Positions<double> channel_sums(const Tile& tile, Term term) {
  Positions<double> sum{}, total;
  const std::int64_t stride = tile.batch_stride();
  tile.for_runs([&]<int Rows>(std::int64_t at, std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; ++j) {
      T rows = 0;
      for (int r = 0; r < Rows; ++r) rows += term(at + r * stride + j, j);
      sum[j] += static_cast<double>(rows);
    }
  });
  gather(tile, sum, total);
  return total;
}

/// Each channel's sums of dz and of dz * (x - mean), in one pass; otherwise as channel_sums.
template <class T, class Dz>
void gradient_sums(const Tile& tile, const T* x, const Positions<T>& mean, Dz dz_at,
                   Positions<double>& sums, Positions<double>& products) {
  Positions<double> sum{}, product{};
  const std::int64_t stride = tile.batch_stride();
  tile.for_runs([&]<int Rows>(std::int64_t at, std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; ++j) {
      T rows = 0, products_of_rows = 0;
      for (int r = 0; r < Rows; ++r) {
        const std::int64_t i = at + r * stride + j;
        const T dz = dz_at(i, j);
        rows += dz;
        products_of_rows += dz * (x[i] - mean[j]);
      }
      sum[j] += static_cast<double>(rows);
      product[j] += static_cast<double>(products_of_rows);
    }
  });
  gather(tile, sum, sums);
  gather(tile, product, products);
}

template <class T>
struct Affine {
  Positions<T> mean, scale, beta;
};

template <class T>
void write_normalised(const Tile& tile, const T* x, const Affine<T>& a, T slope, T* y) {
  const std::int64_t stride = tile.batch_stride();
  tile.for_runs([&]<int Rows>(std::int64_t at, std::int64_t n) {
#pragma omp simd
    for (std::int64_t j = 0; j < n; ++j) {
      for (int r = 0; r < Rows; ++r) {
        const std::int64_t i = at + r * stride + j;
        const T z = normalised(x[i], a.mean[j], a.scale[j], a.beta[j]);
        y[i] = leaky(z, z, slope);
      }
    }
  });
}

}  // namespace

void cpu::batch_norm_train(Stream&, const View& x, const View& gamma, const View& beta,
                           const View& mean, const View& rstd, const View& running_mean,
                           const View& running_var, const View& y, const BatchNormParams& params) {
  dispatch<float, double>("batch_norm_train", x.dtype, [&]<class T>() {
    const T *from = x.as<T>(), *g = gamma.as<T>(), *b = beta.as<T>();
    T *means = mean.as<T>(), *rstds = rstd.as<T>(), *to = y.as<T>();
    T *running_means = running_mean.as<T>(), *running_vars = running_var.as<T>();
    const double count = static_cast<double>(x.dim(0) * x.dim(2));
    const T momentum = static_cast<T>(params.momentum);
    for_tiles(x, [&](const Tile& tile) {
      Affine<T> a;
      const auto total =
          channel_sums<T>(tile, [&](std::int64_t i, std::int64_t) { return from[i]; });
      spread(tile, a.mean, [&](std::int64_t c) { return static_cast<T>(total[c] / count); });
      spread(tile, a.beta, [&](std::int64_t c) { return b[tile.first + c]; });
      const auto squares = channel_sums<T>(tile, [&](std::int64_t i, std::int64_t j) {
        const T difference = from[i] - a.mean[j];
        return difference * difference;
      });
      for (std::int64_t c = 0; c < tile.channels; ++c) {
        const std::int64_t channel = tile.first + c;
        means[channel] = static_cast<T>(total[c] / count);
        rstds[channel] = static_cast<T>(1 / std::sqrt(squares[c] / count + params.eps));
        running_means[channel] = running_average(running_means[channel], means[channel], momentum);
        running_vars[channel] = running_average(running_vars[channel],
                                                static_cast<T>(squares[c] / (count - 1)), momentum);
      }
      spread(tile, a.scale,
             [&](std::int64_t c) { return g[tile.first + c] * rstds[tile.first + c]; });
      write_normalised(tile, from, a, static_cast<T>(params.slope), to);
    });
  });
}

void cpu::batch_norm_infer(Stream&, const View& x, const View& gamma, const View& beta,
                           const View& running_mean, const View& running_var, const View& y,
                           const BatchNormParams& params) {
  dispatch<float, double>("batch_norm_infer", x.dtype, [&]<class T>() {
    const T *g = gamma.as<T>(), *b = beta.as<T>();
    const T *means = running_mean.as<T>(), *vars = running_var.as<T>();
    for_tiles(x, [&](const Tile& tile) {
      Affine<T> a;
      spread(tile, a.mean, [&](std::int64_t c) { return means[tile.first + c]; });
      spread(tile, a.beta, [&](std::int64_t c) { return b[tile.first + c]; });
      spread(tile, a.scale, [&](std::int64_t c) {
        const double variance = static_cast<double>(vars[tile.first + c]);
        return g[tile.first + c] * static_cast<T>(1 / std::sqrt(variance + params.eps));
      });
      write_normalised(tile, x.as<T>(), a, static_cast<T>(params.slope), y.as<T>());
    });
  });
}

void cpu::batch_norm_grad(Stream&, const View& dy, const View& x, const View& gamma,
                          const View& beta, const View& mean, const View& rstd, const View& dx,
                          const View& dgamma, const View& dbeta, const BatchNormParams& params) {
  dispatch<float, double>("batch_norm_grad", x.dtype, [&]<class T>() {
    const T *dout = dy.as<T>(), *from = x.as<T>(), *g = gamma.as<T>(), *b = beta.as<T>();
    const T *means = mean.as<T>(), *rstds = rstd.as<T>();
    T *to = dx.as<T>(), *dg = dgamma.as<T>(), *db = dbeta.as<T>();
    const double count = static_cast<double>(x.dim(0) * x.dim(2));
    const T slope = static_cast<T>(params.slope);
    for_tiles(x, [&](const Tile& tile) {
      const auto channel = [&](std::int64_t c) { return tile.first + c; };
      const std::int64_t stride = tile.batch_stride();
      Affine<T> a;
      spread(tile, a.mean, [&](std::int64_t c) { return means[channel(c)]; });
      spread(tile, a.scale, [&](std::int64_t c) { return g[channel(c)] * rstds[channel(c)]; });
      spread(tile, a.beta, [&](std::int64_t c) { return b[channel(c)]; });
      const auto dz_at = [&](std::int64_t i, std::int64_t j) {
        const T z = normalised(from[i], a.mean[j], a.scale[j], a.beta[j]);
        return leaky(z, dout[i], slope);
      };
      Positions<double> sums, products;
      gradient_sums(tile, from, a.mean, dz_at, sums, products);
      for (std::int64_t c = 0; c < tile.channels; ++c) {
        db[channel(c)] = static_cast<T>(sums[c]);
        dg[channel(c)] = static_cast<T>(products[c] * static_cast<double>(rstds[channel(c)]));
      }
      Positions<T> shift, tilt;  // mean(dz), rstd * mean(dz * xhat)
      spread(tile, shift, [&](std::int64_t c) { return static_cast<T>(sums[c] / count); });
      spread(tile, tilt, [&](std::int64_t c) {
        const double r = static_cast<double>(rstds[channel(c)]);
        return static_cast<T>(products[c] / count * r * r);
      });
      tile.for_runs([&]<int Rows>(std::int64_t at, std::int64_t n) {
#pragma omp simd
        for (std::int64_t j = 0; j < n; ++j) {
          for (int r = 0; r < Rows; ++r) {
            const std::int64_t i = at + r * stride + j;
            to[i] = a.scale[j] * (dz_at(i, j) - shift[j] - (from[i] - a.mean[j]) * tilt[j]);
          }
        }
      });
    });
  });
}

}  // namespace etude
