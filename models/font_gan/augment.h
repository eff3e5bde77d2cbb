#pragma once
#include "engine/random.h"

namespace etude::font_gan {

/// Images [B, 1, H, W] in [-1, 1], paper -1, each shifted by up to an eighth of its height and
/// width, the rest paper, and with a rectangle of half of them erased, both at random. Linear in
/// the pixels up to a constant, so it can be differentiated any number of times: the generator
/// learns through it, and cannot gain by imitating it.
/// Source: Zhao et al., "Differentiable augmentation for data-efficient GAN training", 2020,
/// section 4 (translation and cutout, with their extents).
Tensor augmented(const Tensor& images, Generator& random);

}  // namespace etude::font_gan
