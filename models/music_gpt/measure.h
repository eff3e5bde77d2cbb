#pragma once
// How like the corpus generated music is, in numbers.

#include <filesystem>
#include <string>
#include <vector>

#include "models/driver.h"
#include "models/music_gpt/generate.h"
#include "models/music_gpt/prompts.h"
#include "models/music_gpt/train.h"

namespace etude::music_gpt {

/// One way to generate. "default", "balanced", "creative" and "conservative" are the report's;
/// "plain" is the network's own distribution, "nucleus" that without its tail (top-p 0.95).
struct Setting {
  std::string name;
  GenerateOptions options;
};
/// config.settings, of config.bars. Error lists the names.
std::vector<Setting> settings(const Config& config);

/// The measures of one piece of `bars` bars, eval/music_structure.h and eval/structureness.h; drums
/// are not counted.
struct Measures {
  double h1 = 0, h4 = 0, gs_16 = 0, gs_32 = 0, gs_64 = 0;
  double si_short = 0, si_mid = 0, si_long = 0;  // NaN without sound
};
/// Bars are the score's own. Error for a piece without notes, and for fewer than two bars.
Measures measures_of(const midi::Score& score, std::int64_t bars, bool with_sound);

/// The real music as measured, as JSON: "whole": of every piece of the corpus h1, h4, gs_16, gs_32,
/// gs_64 and bars, lists; "excerpts": of config.pieces held-out pieces, config.bars bars of each
/// from a random bar on, all measures. Pieces shorter than that are left out there. `pieces` of
/// each counts; `failed` names those that cannot be measured, and why.
Json measure_real(const Config& config, const Music& music, std::uint64_t seed);

/// What is known of a trained network, as JSON:
///   held_out        tokens, notes, nats_per_token, nats_per_note: CrossEntropy of the network
///   settings[name]  of each of settings(), lists over config.pieces pieces: h1, h4, gs_16, gs_32,
///                   gs_64, si_short, si_mid, si_long (null without sound), notes, tokens, seconds
///                   (of music, to the end of its bars); `failed`: pieces that the network never
///                   brought to config.bars bars, or left without a note, and why, a list
///   prompts[song][setting]  of the four settings of the report, or those of them asked for: the
///                   same, of the one continuation
/// A piece depends on the seed and its number alone, not on how many there are. Into `figures`, if
/// it is not empty, go what can be heard and seen of it: of each setting's first piece SETTING.mid,
/// .png (piano roll) and .wav, of each continuation SONG-SETTING.mid, .png and .wav, and of the
/// first piece of the first setting SETTING-scape.png, the fitness scape plot of segments of up to
/// 128 s, where there is sound. What `kept` holds is taken from there, and its figures are not
/// made.
Json measure(Trainer& trainer, const Music& music, const std::vector<Prompt>& prompts,
             std::uint64_t seed, const std::filesystem::path& figures = {},
             KeptResults kept = KeptResults());

/// measure()'s "settings" alone, of the settings "default" and "plain" if asked for: of a
/// milestone.
Json measure_milestone(Trainer& trainer, std::uint64_t seed);

}  // namespace etude::music_gpt
