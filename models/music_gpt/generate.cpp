#include "models/music_gpt/generate.h"

#include <algorithm>
#include <limits>

#include "engine/ops/elementwise.h"
#include "engine/ops/sampling.h"

namespace etude::music_gpt {
namespace {

using miditok::Type;

/// -inf for the special tokens, else 0.
Tensor without_specials(const MidiTokTokenizer& tokenizer, Device device) {
  std::vector<float> mask;
  for (std::int32_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
    const bool special = tokenizer.vocabulary().token(id).type == Type::special;
    mask.push_back(special ? -std::numeric_limits<float>::infinity() : 0);
  }
  return Tensor::from(mask, {tokenizer.vocabulary_size()}, device);
}

/// What a piece begins with that has no prompt.
std::int32_t bos_of(const MidiTokTokenizer& tokenizer) {
  for (std::int32_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
    if (tokenizer.describe(id) == "BOS_None") return id;
  }
  fail(
      "generate: the tokenizer has no token BOS_None for a piece to begin with: put BOS into its "
      "special_tokens, or give a prompt");
}

/// Whether the music can be in another bar after a token: all others need no counting.
std::vector<bool> moving(const MidiTokTokenizer& tokenizer) {
  std::vector<bool> result;
  for (std::int32_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
    const Type type = tokenizer.vocabulary().token(id).type;
    result.push_back(type == Type::bar || type == Type::time_shift || type == Type::rest ||
                     type == Type::time_signature);
  }
  return result;
}

Tensor row_of(std::span<const std::int32_t> ids, Device device) {
  return Tensor::from(ids, {1, static_cast<std::int64_t>(ids.size())}, device);
}

/// Where the network goes on reading when its context is full: at the first id of a bar of which
/// at most `most` ids are left; in the midst of one that is longer.
std::size_t forget(const MidiTokTokenizer& tokenizer, const Ids& ids, std::size_t most) {
  const std::vector<std::int64_t> bars = tokenizer.bars(ids);
  for (std::size_t i = ids.size() - most; i < ids.size(); ++i) {
    if (i > 0 && bars[i] != bars[i - 1]) return i;
  }
  return ids.size() - most;
}

/// Full bars of a prompt: where bars have tokens, the last one too, since generate() closes it.
std::int64_t full_bars(const MidiTokTokenizer& tokenizer, std::span<const std::int32_t> ids) {
  if (ids.empty()) return 0;
  const std::int64_t last = tokenizer.bars(ids).back();
  return tokenizer.layout() == miditok::Layout::remi ? last + 1 : last;
}

void check(const GenerateOptions& o, const MidiTokTokenizer& tokenizer, const Gpt& gpt) {
  require(tokenizer.vocabulary_size() == gpt.shape().vocabulary, "generate: the network knows ",
          gpt.shape().vocabulary, " tokens, the tokenizer has ", tokenizer.vocabulary_size());
  require(o.bars >= 1, "generate: ", o.bars, " bars");
  require(tokenizer.layout() == miditok::Layout::remi || tokenizer.config().max_duration,
          "generate: where the last bar ends, notes of ", tokenizer.name(),
          " still sound: give the tokenizer a max_duration, which ends them");
  for (const std::int32_t id : o.prompt) {
    require(id >= 0 && id < tokenizer.vocabulary_size(), "generate: the prompt holds ", id,
            ", which is no id");
  }
  const std::int64_t bars = full_bars(tokenizer, o.prompt);
  require(bars < o.bars, "generate: the prompt of ", bars, " full bars leaves none of ", o.bars,
          " to generate");
}

}  // namespace

Ids first_bars(const MidiTokTokenizer& tokenizer, std::span<const std::int32_t> ids,
               std::int64_t bars) {
  const std::vector<std::int64_t> bar = tokenizer.bars(ids);
  const auto end = std::ranges::find_if(bar, [&](std::int64_t b) { return b >= bars; });
  // The last bar of a piece is full although nothing comes after it.
  require(end != bar.end() || (!bar.empty() && bar.back() + 1 == bars), "the piece has ",
          bar.empty() ? 0 : bar.back() + 1, " bars, not ", bars);
  return {ids.begin(), ids.begin() + (end - bar.begin())};
}

Ids generate(Gpt& gpt, const MidiTokTokenizer& tokenizer, const GenerateOptions& o,
             Generator& random, const std::function<void(std::int64_t)>& done) {
  check(o, tokenizer, gpt);
  const NoGrad none;
  const Device device = gpt.parameters()[0].second.device();
  const Tensor mask = without_specials(tokenizer, device);
  const std::vector<bool> moves = moving(tokenizer);
  const SamplingParams how{.temperature = o.temperature,
                           .top_k = o.top_k,
                           .top_p = o.top_p,
                           .repetition_penalty = o.repetition_penalty};
  const std::int64_t drawn_bars = o.bars - full_bars(tokenizer, o.prompt);
  const std::size_t most =
      o.prompt.size() + static_cast<std::size_t>(drawn_bars * o.most_tokens_per_bar);
  const auto context = static_cast<std::size_t>(gpt.shape().context);
  Ids ids(o.prompt.begin(), o.prompt.end());
  if (ids.empty()) {
    ids.push_back(bos_of(tokenizer));
  } else if (tokenizer.layout() == miditok::Layout::remi) {
    ids.push_back(
        tokenizer.vocabulary().id(Type::bar, 0));  // or notes could join the prompt's last
  }
  Gpt::Cache cache = gpt.empty_cache(1);
  for (std::size_t read = 0;;) {  // ids that the network has read
    if (static_cast<std::size_t>(cache[0].length) + ids.size() - read > context) {
      read = forget(tokenizer, ids, std::min(ids.size(), context / 2));
      for (KeyValueCache& layer : cache) layer.length = 0;
    }
    const Tensor logits = gpt.next_logits(row_of(std::span(ids).subspan(read), device), cache);
    read = ids.size();
    const Tensor history = row_of(ids, device);
    const Tensor drawn = sample(logits + mask, how, random, history).id;
    ids.push_back(drawn.to_vector<std::int32_t>()[0]);
    require(ids.back() >= 0, "music_gpt: the network's outputs after ", read,
            " tokens are not finite: its training has failed");
    if (done) done(static_cast<std::int64_t>(ids.size()));
    if (moves[ids.back()] && tokenizer.bars(ids).back() >= o.bars) {
      return first_bars(tokenizer, ids, o.bars);
    }
    if (ids.size() < most) continue;
    fail("music_gpt: after ", ids.size(), " tokens the piece has only ", tokenizer.bars(ids).back(),
         " of ", o.bars, " full bars: the network has learned too ",
         "little of them, or most_tokens_per_bar is too small");
  }
}

}  // namespace etude::music_gpt
