#pragma once
// Scores as files to look at and to listen to.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "eval/note_histograms.h"
#include "eval/wav.h"
#include "tokenizers/midi/score.h"

namespace etude {

/// The notes of all channels but the drums, with times in seconds.
std::vector<Note> pitched_notes(const midi::Score& score);

/// Mono, 22,050 frames per second, up to a second longer than the score. Errors of render_midi().
Audio to_sound(const midi::Score& score);

/// Writes NAME.mid, NAME.png (the piano roll without drums, below that of `truth` if given) and,
/// where the build can, NAME.wav (to_sound()). Sound and picture end after `seconds`; the MIDI file
/// is whole.
void write_music(const std::filesystem::path& folder, const std::string& name,
                 const midi::Score& score, double seconds, std::span<const Note> truth = {});

}  // namespace etude
