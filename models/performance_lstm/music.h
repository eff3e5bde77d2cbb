#pragma once
// Generated ids as files to look at and to listen to.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "models/performance_lstm/data.h"

namespace etude::performance_lstm {

/// Sound and picture of a piece end here, seconds; its MIDI file is whole.
inline constexpr double kExcerpt = 30;

/// Writes NAME.mid, NAME.png (the piano roll, below that of `truth` if given) and, where the build
/// can, NAME.wav (mono, 22,050 frames per second).
void write_music(const std::filesystem::path& folder, const std::string& name,
                 const midi::Score& score, std::span<const Note> truth = {});

}  // namespace etude::performance_lstm
