#pragma once
// The latent space of a trained generator: codes of given letters, ways between codes, and whether
// one code gives one style.

#include <filesystem>

#include "models/font_gan/gan.h"
#include "models/font_gan/judge.h"

namespace etude::font_gan {

/// A latent for each letter.
struct Codes {
  Tensor z;                       // [26, 100]
  std::vector<float> confidence;  // [26] of the judge that it shows that letter
};

/// Codes found by optimisation: from several random latents per letter, Adam lowers the judge's
/// cross entropy of the letter while each latent keeps the length that random ones have, sqrt(100);
/// of each letter the code the judge is surest of is kept. In a conditional network the letter is
/// given too. Deterministic in `seed`.
Codes find_codes(Gan& gan, Judge& judge, std::uint64_t seed, int updates = 60);

/// [steps, 100] from a to b [100] near the sphere that random latents lie near: turning, at equal
/// angles if they are equally long. For opposite ones, in a straight line.
/// Source: White, "Sampling generative networks", 2016, section 2.1.
Tensor spherical_path(const Tensor& a, const Tensor& b, std::int64_t steps);

/// A picture of 26 columns: the images at the codes of A to Z; the way from A's code to Z's; four
/// ways between random latents. A conditional network is told, of a way's two letters, less and
/// less of the first and more and more of the second.
void write_interpolation(const std::filesystem::path& path, Gan& gan, const Codes& codes,
                         std::uint64_t seed);

/// Whether a conditional generator draws all letters of one latent in one face.
struct StyleConsistency {
  double share = 0;   // of a latent's letters in its commonest face, mean over the latents
  double chance = 0;  // the same when each letter's latents are shuffled
  double judge = 0;   // share of the validation images whose face is recognised in this way
};
/// The face of an image is that of the nearest training image of its letter, pixel by pixel.
/// Writes the picture: a row for each of eight latents, a column for each letter. Error: the
/// network is not conditional.
StyleConsistency style_consistency(Gan& gan, const FontData& data, std::uint64_t seed,
                                   const std::filesystem::path& picture);

}  // namespace etude::font_gan
