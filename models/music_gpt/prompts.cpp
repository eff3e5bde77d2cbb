#include "models/music_gpt/prompts.h"

#include <set>
#include <span>

#include "engine/error.h"
#include "models/midi_music.h"
#include "models/music_gpt/generate.h"

namespace etude::music_gpt {
namespace {

namespace fs = std::filesystem;

Prompt prompt_of(const Piece& piece, std::int64_t bars, const MidiTokTokenizer& tokenizer) {
  const auto without_eos = std::span(piece.ids).first(piece.ids.size() - 1);
  return {.name = piece.name, .ids = first_bars(tokenizer, without_eos, bars)};
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
      if (result.size() < kHeldOut && tokenizer.bars(piece.ids).back() + 1 >= config.prompt_bars) {
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
  std::set<std::string> names;
  for (const fs::path& file : source.files) {
    result.push_back(read_prompt(file, config.prompt_bars, config, tokenizer));
    require(names.insert(result.back().name).second, file.string(),
            ": another of the prompts has this name, too");
  }
  return result;
}

}  // namespace etude::music_gpt
