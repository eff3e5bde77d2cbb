#pragma once
// Two random words to two independent standard normal values, by the same operations on both
// devices. Source: Box & Muller, "A note on the generation of random normal deviates", 1958.

#include <cmath>
#include <cstdint>

#include "kernels/core/vector_math.h"

namespace etude {

struct NormalPair {
  float first, second;
};

/// (r cos t, r sin t), r = sqrt(-2 log u), u = (word0 / 2 + 1/2) 2^-31 in (0, 1], rounded to float,
/// t = 2 pi word1 2^-32. u has 31 bits where it is small, so |value| goes up to 6.66. The angle is
/// reduced to [-pi/4, pi/4] in integers, exactly; the values are within 4 ulp of the formula in
/// double.
HOST_DEVICE inline NormalPair box_muller(std::uint32_t word0, std::uint32_t word1) {
  using math::fma;
  using math::polynomial;
  const float u =
      fma(static_cast<float>(static_cast<std::int32_t>(word0 >> 1)), 0x1p-31f, 0x1p-32f);
  const float r = std::sqrt(-2.0f * math::log_normal_range(u));

  constexpr float kRadians = 0x1.921fb6p-30f;  // 2 pi / 2^32
  const std::uint32_t quadrant = (word1 + (1u << 29)) >> 30;
  const float t =
      kRadians * static_cast<float>(static_cast<std::int32_t>(word1 - (quadrant << 30)));
  const float square = t * t;
  const float sin = fma(
      t * square,
      polynomial(square, -0x1.555556p-3f, 0x1.111108p-7f, -0x1.a00f9ep-13f, 0x1.6cd87ap-19f), t);
  const float cos =
      fma(square,
          fma(square, polynomial(square, 0x1.55554ap-5f, -0x1.6c0c34p-10f, 0x1.99eb9cp-16f), -0.5f),
          1.0f);

  const bool odd = quadrant & 1;
  const std::uint32_t flip_sin = (quadrant & 2) << 30, flip_cos = ((quadrant + 1) & 2) << 30;
  const float x = math::float_of(math::bits_of(math::select(odd, sin, cos)) ^ flip_cos);
  const float y = math::float_of(math::bits_of(math::select(odd, cos, sin)) ^ flip_sin);
  return {r * x, r * y};
}

}  // namespace etude
