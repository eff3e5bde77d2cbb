#pragma once
// New music from a trained network, token by token, counted in bars.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/random.h"
#include "models/music_gpt/model.h"
#include "tokenizers/miditok/miditok.h"

namespace etude::music_gpt {

using Ids = std::vector<std::int32_t>;

struct GenerateOptions {
  std::int64_t bars = 32;  // with the prompt's
  /// In Hugging Face's order: each distinct token of the piece is made less likely once, then
  /// temperature, top-k with its ties, top-p.
  double repetition_penalty = 1.2, temperature = 1.2, top_p = 1;
  std::int64_t top_k = 5;
  /// Begins the piece; without it, the tokenizer's BOS. with_full_bars() makes one whose last bar
  /// is closed; else music goes on where its time stands.
  std::span<const std::int32_t> prompt = {};
  /// On average over the drawn bars: a network that needs more has not learned to end bars, and
  /// the generation ends with an Error.
  std::int64_t most_tokens_per_bar = 256;
};

/// The first `bars` bars of a piece; Error if it has fewer.
Ids first_bars(const MidiTokTokenizer& tokenizer, std::span<const std::int32_t> ids,
               std::int64_t bars);

/// `ids` with tokens of time after them up to the start of bar `bars` (from 0): what follows cannot
/// come into the bars before it. Notes of MIDILike that have no end yet sound on. Error if the
/// music is past it.
Ids with_full_bars(const MidiTokTokenizer& tokenizer, std::span<const std::int32_t> ids,
                   std::int64_t bars);

/// A piece of exactly `options.bars` full bars; special tokens are not drawn. Past the network's
/// context the oldest bars are forgotten, so that what is left, at most half of the context, begins
/// with a bar. `done`, if given, is called after each token with the number of tokens so far.
/// Throws Error for a prompt that is as long or holds numbers that are no ids, for more tokens than
/// allowed, for a tokenizer of note ends without max_duration (the last notes would be lost), and
/// for a network whose outputs are no numbers.
Ids generate(Gpt& gpt, const MidiTokTokenizer& tokenizer, const GenerateOptions& options,
             Generator& random, const std::function<void(std::int64_t)>& done = {});

}  // namespace etude::music_gpt
