#include "models/music_gpt/prompts.h"

#include <algorithm>
#include <span>

#include "engine/error.h"
#include "models/midi_music.h"
#include "models/music_gpt/generate.h"

namespace etude::music_gpt {
namespace {

namespace fs = std::filesystem;

Prompt prompt_of(const Piece& piece, std::int64_t bars, const MidiTokTokenizer& tokenizer) {
  const auto without_eos = std::span(piece.ids).first(piece.ids.size() - 1);
  return {.name = piece.name,
          .ids = with_full_bars(tokenizer, first_bars(tokenizer, without_eos, bars), bars)};
}

}  // namespace

Prompt read_prompt(const fs::path& file, std::int64_t bars, const Config& config,
                   const MidiTokTokenizer& tokenizer) {
  const Piece piece = read_piece(file, config, tokenizer);
  try {
    return prompt_of(piece, bars, tokenizer);
  } catch (const Error& error) {
    fail(file.string(), ": ", error.what());
  }
}

std::vector<Prompt> prompts(const Config& config, const MidiTokTokenizer& tokenizer,
                            const Music& music, const fs::path& data_dir) {
  constexpr const char* kSongs = "prompt_songs";
  constexpr std::size_t kHeldOut = 3;
  require(config.prompt_bars < config.bars, "prompt_bars=", config.prompt_bars,
          ": leaves nothing of bars=", config.bars, " to generate");
  std::vector<Prompt> result;
  if (config.prompts == "auto" && !fs::is_directory(data_dir / kSongs)) {
    for (const Piece& piece : music.held_out) {
      const bool known = std::ranges::count(result, piece.name, &Prompt::name) > 0;
      const bool suits = tokenizer.bars(piece.ids).back() + 1 >= config.prompt_bars && !known;
      if (suits && result.size() < kHeldOut) {
        result.push_back(prompt_of(piece, config.prompt_bars, tokenizer));
      }
    }
    require(!result.empty(), "prompts: no held-out piece has ", config.prompt_bars,
            " bars: ask for less with prompt_bars, or name a folder of other pieces with prompts");
    return result;
  }
  require(config.prompts == "auto" || fs::exists(config.prompts), "prompts=", config.prompts,
          ": there is no such folder");
  const MidiSource source =
      config.prompts == "auto" ? midi_data_set(kSongs, data_dir) : own_midi(config.prompts, "auto");
  for (const fs::path& file : source.files) {
    Prompt prompt = read_prompt(file, config.prompt_bars, config, tokenizer);
    require(std::ranges::count(result, prompt.name, &Prompt::name) == 0, file.string(),
            ": another of the prompts has this name, too");
    result.push_back(std::move(prompt));
  }
  return result;
}

}  // namespace etude::music_gpt
