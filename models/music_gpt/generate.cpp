#include "models/music_gpt/generate.h"

#include <algorithm>
#include <limits>

#include "engine/ops/elementwise.h"
#include "engine/ops/sampling.h"

namespace etude::music_gpt {
namespace {

using miditok::Type;

/// -inf for the tokens that may not be drawn, else 0. Never the special ones; a time signature only
/// right after a Bar, for within one it would begin another.
Tensor mask_of(const MidiTokTokenizer& tokenizer, bool after_bar, Device device) {
  std::vector<float> mask;
  for (std::int32_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
    const Type type = tokenizer.vocabulary().token(id).type;
    const bool out = type == Type::special || (type == Type::time_signature && !after_bar);
    mask.push_back(out ? -std::numeric_limits<float>::infinity() : 0);
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

std::int64_t last_bar(const MidiTokTokenizer& tokenizer, std::span<const std::int32_t> ids) {
  return ids.empty() ? -1 : tokenizer.bars(ids).back();
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
  const std::int64_t bars = std::max<std::int64_t>(last_bar(tokenizer, o.prompt), 0);
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

Ids with_full_bars(const MidiTokTokenizer& tokenizer, std::span<const std::int32_t> given,
                   std::int64_t bars) {
  Ids ids(given.begin(), given.end());
  require(last_bar(tokenizer, ids) <= bars, "the piece has more than ", bars, " bars");
  const miditok::Vocabulary& vocabulary = tokenizer.vocabulary();
  const auto reaches = [&](std::int32_t time) {
    ids.push_back(time);
    const bool result = last_bar(tokenizer, ids) >= bars;
    ids.pop_back();
    return result;
  };
  constexpr int kFineBeats = 4;  // up to which lengths of time are as fine as the positions
  while (last_bar(tokenizer, ids) < bars) {
    std::int32_t next = -1;
    if (tokenizer.layout() == miditok::Layout::remi) next = vocabulary.id(Type::bar, 0);
    for (std::size_t i = 0; next < 0; ++i) {
      const std::int32_t time = vocabulary.id(Type::time_shift, static_cast<int>(i));
      if (vocabulary.durations[i].beats >= kFineBeats || reaches(time)) next = time;
    }
    ids.push_back(next);
  }
  return ids;
}

Ids generate(Gpt& gpt, const MidiTokTokenizer& tokenizer, const GenerateOptions& o,
             Generator& random, const std::function<void(std::int64_t)>& done) {
  check(o, tokenizer, gpt);
  const NoGrad none;
  const Device device = gpt.parameters()[0].second.device();
  const Tensor masks[] = {mask_of(tokenizer, false, device), mask_of(tokenizer, true, device)};
  const std::vector<bool> moves = moving(tokenizer);
  const SamplingParams how{.temperature = o.temperature,
                           .top_k = o.top_k,
                           .top_p = o.top_p,
                           .repetition_penalty = o.repetition_penalty};
  const std::int64_t drawn_bars = o.bars - std::max<std::int64_t>(last_bar(tokenizer, o.prompt), 0);
  const std::size_t most =
      o.prompt.size() + static_cast<std::size_t>(drawn_bars * o.most_tokens_per_bar);
  const auto context = static_cast<std::size_t>(gpt.shape().context);
  Ids ids(o.prompt.begin(), o.prompt.end());
  if (ids.empty()) ids.push_back(bos_of(tokenizer));
  Gpt::Cache cache = gpt.empty_cache(1);
  for (std::size_t read = 0;;) {  // ids that the network has read
    if (static_cast<std::size_t>(cache[0].length) + ids.size() - read > context) {
      read = forget(tokenizer, ids, std::min(ids.size(), context / 2));
      for (KeyValueCache& layer : cache) layer.length = 0;
    }
    const Tensor logits = gpt.next_logits(row_of(std::span(ids).subspan(read), device), cache);
    read = ids.size();
    const Tensor history = row_of(ids, device);
    const bool after_bar = tokenizer.vocabulary().token(ids.back()).type == Type::bar;
    const Tensor drawn = sample(logits + masks[after_bar], how, random, history).id;
    ids.push_back(drawn.to_vector<std::int32_t>()[0]);
    require(ids.back() >= 0, "music_gpt: the network's outputs after ", read,
            " tokens are not finite: its training has failed");
    if (done) done(static_cast<std::int64_t>(ids.size()));
    if (moves[ids.back()] && tokenizer.bars(ids).back() >= o.bars) {
      return first_bars(tokenizer, ids, o.bars);
    }
    if (ids.size() < most) continue;
    fail("music_gpt: after ", ids.size(), " tokens the piece has only ",
         std::max<std::int64_t>(last_bar(tokenizer, ids), 0), " of ", o.bars,
         " full bars: the network has learned too little of them; train it longer, or draw at a ",
         "lower temperature and without a repetition penalty");
  }
}

}  // namespace etude::music_gpt
