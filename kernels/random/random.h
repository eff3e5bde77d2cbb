#pragma once
// Random tensors and dropout as pure functions of a PhiloxKey: the same on both devices, at any
// number of threads. Element i in row-major order takes draw i of the key, see
// kernels/core/philox.h.

#include <cmath>
#include <cstdint>

#include "kernels/core/philox.h"
#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

namespace cpu {
void fill_uniform(Stream&, const PhiloxKey&, const View& y, double lo, double hi);
void fill_normal(Stream&, const PhiloxKey&, const View& y, double mean, double sd);
void dropout(Stream&, const PhiloxKey&, const View& x, const View& y, double p, std::int64_t group,
             double slope);
void dropout_grad(Stream&, const PhiloxKey&, const View& dy, const View& x, const View& dx,
                  double p, std::int64_t group, double slope);
}  // namespace cpu
namespace gpu {
void fill_uniform(Stream&, const PhiloxKey&, const View& y, double lo, double hi);
void fill_normal(Stream&, const PhiloxKey&, const View& y, double mean, double sd);
void dropout(Stream&, const PhiloxKey&, const View& x, const View& y, double p, std::int64_t group,
             double slope);
void dropout_grad(Stream&, const PhiloxKey&, const View& dy, const View& x, const View& dx,
                  double p, std::int64_t group, double slope);
}  // namespace gpu

namespace detail {
inline void check_random(const char* op, const View& y) {
  require(y.contiguous(), op, ": y must be contiguous, not of shape ", y.shape, " and strides ",
          y.strides);
}
inline void check_dropout(const char* op, const View& x, const View& y, double p,
                          std::int64_t group) {
  require(x.shape == y.shape && x.dtype == y.dtype, op, ": one shape and dtype, not ", x.shape, ' ',
          name_of(x.dtype), " and ", y.shape, ' ', name_of(y.dtype));
  require(x.contiguous() && y.contiguous(), op, ": views must be contiguous");
  require(p >= 0 && p <= 1, op, ": p must be in [0, 1], not ", p);
  require(group >= 1, op, ": group must be at least 1, not ", group);
}

/// draw >= p for draw = uniform01(word), without leaving the integers: word >> 8 >= this.
inline std::uint32_t keep_threshold(double p) {
  return static_cast<std::uint32_t>(std::ceil(p * 0x1p24));
}
/// 1 / (1 - p); where p = 1 nothing is kept and it is not used.
inline double keep_scale(double p) { return p < 1 ? 1 / (1 - p) : 0; }
}  // namespace detail

/// By how much the owner of a key advances its offset after `draws` draws.
inline std::uint64_t philox_blocks(std::int64_t draws) {
  return (static_cast<std::uint64_t>(draws) + 3) / 4;
}

/// y[i] = lo + (hi - lo) uniform01(word of draw i), rounded once: in [lo, hi), or hi where that
/// rounds to it. y: any shape, contiguous, f32, on the CPU also f64 (of 24 random bits as well).
/// The same bits on both devices.
inline void fill_uniform(Stream& s, const PhiloxKey& key, const View& y, double lo, double hi) {
  detail::check_random("fill_uniform", y);
  if (y.numel() == 0) return;
  (s.device() == Device::cpu ? cpu::fill_uniform : gpu::fill_uniform)(s, key, y, lo, hi);
}

/// y[2j], y[2j+1] = mean + sd * box_muller(words of draws 2j, 2j+1); an odd numel leaves the last
/// pair's second value out. y as for fill_uniform; f64 holds values computed in float. Both devices
/// give the same bits where the host has fma, else they agree to 4 ulp of float.
inline void fill_normal(Stream& s, const PhiloxKey& key, const View& y, double mean, double sd) {
  detail::check_random("fill_normal", y);
  if (y.numel() == 0) return;
  (s.device() == Device::cpu ? cpu::fill_normal : gpu::fill_normal)(s, key, y, mean, sd);
}

/// y[i] = keep ? leaky(x[i]) / (1 - p) : 0, where keep = uniform01(word of draw i / group) >= p and
/// leaky(x) = x > 0 ? x : slope x: `group` consecutive elements (a channel, say) share their fate,
/// and an activation needs no pass of its own. slope 1 is dropout alone. Takes ceil(numel / group)
/// draws. x, y: one shape, contiguous, f32, on the CPU also f64; y may be x.
inline void dropout(Stream& s, const PhiloxKey& key, const View& x, const View& y, double p,
                    std::int64_t group, double slope) {
  detail::check_dropout("dropout", x, y, p, group);
  if (y.numel() == 0) return;
  (s.device() == Device::cpu ? cpu::dropout : gpu::dropout)(s, key, x, y, p, group, slope);
}

/// dx[i] = keep ? dy[i] leaky'(x[i]) / (1 - p) : 0 with the key, p, group and slope of the forward
/// call; leaky'(0) = slope. dx may be dy.
inline void dropout_grad(Stream& s, const PhiloxKey& key, const View& dy, const View& x,
                         const View& dx, double p, std::int64_t group, double slope) {
  detail::check_dropout("dropout_grad", dy, dx, p, group);
  detail::check_dropout("dropout_grad", x, dx, p, group);
  if (dx.numel() == 0) return;
  (s.device() == Device::cpu ? cpu::dropout_grad : gpu::dropout_grad)(s, key, dy, x, dx, p, group,
                                                                      slope);
}

}  // namespace etude
