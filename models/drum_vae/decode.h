#pragma once
// From the decoder's logits to patterns.

#include <vector>

#include "engine/random.h"
#include "models/drum_vae/patterns.h"

namespace etude::drum_vae {

/// How logits l become hits.
///   temperature  0: a hit where the probability sigmoid(l) is over a half. Above 0: a draw of each
///                cell on its own, with probability sigmoid(l / temperature); 1 is the model's own
///                distribution, less is tidier, more is wilder.
///   complexity   above 0: all logits of a pattern are moved by the one constant that multiplies
///                its expected number of hits, the sum of those probabilities, by `complexity` (up
///                to all 144). The order of the cells stays, so fewer hits are the likeliest ones
///                and more of them come where they were next likely. At temperature 0 the sum is
///                that of temperature 1, and the number of cells over a half follows it only
///                roughly, but never falls when complexity rises. 1 changes nothing, exactly.
struct DecodeOptions {
  double temperature = 0;
  double complexity = 1;
};

/// The patterns of logits [N, 16, 9]. `draws` is needed for a temperature above 0, and not used
/// (nor advanced) at 0. Errors: another shape, logits that are not finite, options out of range, a
/// temperature without `draws`.
std::vector<Pattern> to_patterns(const Tensor& logits, const DecodeOptions& options = {},
                                 Generator* draws = nullptr);

}  // namespace etude::drum_vae
