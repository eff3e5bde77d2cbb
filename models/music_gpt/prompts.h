#pragma once
// What generated pieces begin with: the first bars of others.

#include <filesystem>
#include <string>
#include <vector>

#include "models/music_gpt/data.h"

namespace etude::music_gpt {

/// A piece whose first bars are given to be continued.
struct Prompt {
  std::string name;
  std::vector<std::int32_t> ids;  // BOS, its first full bars, and the time up to their end
};
/// The first `bars` of a file. Error names it, also where it has fewer.
Prompt read_prompt(const std::filesystem::path& file, std::int64_t bars, const Config& config,
                   const MidiTokTokenizer& tokenizer);
/// Of config.prompts, config.prompt_bars each. Error as read_prompt(), for prompts that leave
/// nothing of config.bars, and for two of one name.
std::vector<Prompt> prompts(const Config& config, const MidiTokTokenizer& tokenizer,
                            const Music& music, const std::filesystem::path& data_dir);

}  // namespace etude::music_gpt
