#pragma once
// What drum patterns look and sound like: MIDI files, sound, piano rolls.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "eval/image.h"
#include "eval/wav.h"
#include "models/drum_vae/patterns.h"

namespace etude::drum_vae {

/// General MIDI's drum notes by column: bass drum 1, acoustic snare, closed and open hi-hat, low
/// and high tom, crash 1, ride 1, hand clap. groove.h's instrument_of_note() maps each back to its
/// column, but for the clap's: that kit has no pad for it, so 39 has no entry there.
inline constexpr std::array<std::uint8_t, kInstruments> kDrumNotes = {36, 38, 42, 46, 45,
                                                                      50, 49, 51, 39};

struct MusicOptions {
  double bpm = 120;  // quarter notes per minute, 20 to 400
  int repeats = 0;   // times that all bars are played; 0: once, but a single bar four times (8 s)
  double humanise = 0;     // 0 to 1: how far time and velocity of the hits stray, see to_midi()
  std::uint64_t seed = 1;  // of what humanise draws
};

/// The bars one after the other as a Standard MIDI File: 480 ticks per quarter, 4/4, standard kit
/// on channel 10, each hit half a step (60 ticks) long; it ends with its last bar. Velocities are
/// 112 on the first step of a bar, 104 on the other beats, 92 on the eighths between them, 80 on
/// the sixteenths between those. `humanise` adds normal deviations of its own to each hit that is
/// played, with standard deviations of a tenth of a step (12.5 ms at 120 bpm) in time and of 12 in
/// velocity, times `humanise`. They end at a quarter of a step, so that the nearest sixteenth is
/// still the hit's own step and hits of one instrument do not overlap, and at velocities 1 and 127;
/// nothing is played before the start. Same bars and options, same bytes.
/// Errors: no bars, more than 10,000 to play, options out of range.
std::vector<std::uint8_t> to_midi(std::span<const Pattern> bars, const MusicOptions& options = {});

/// Whether to_audio() and to_wav() can work: this build has the libraries, and there is a
/// soundfont.
bool sound_available();

/// Sound goes on for so long after the end of the file: the last hits ring, then they are faded.
inline constexpr double kRingSeconds = 1;

/// The MIDI file as sound (eval/synth.h): stereo, 44100 frames per second, exactly the file's
/// duration (2 s per bar at 120 bpm) and kRingSeconds long, to the nearest frame, with a peak of at
/// most -1 dBFS, so that nothing clips.
/// Errors: as render_midi(), also where sound_available() is false; a broken MIDI file.
Audio to_audio(std::span<const std::uint8_t> midi_bytes);

/// to_audio() as a WAV file of 16-bit PCM.
std::vector<std::uint8_t> to_wav(std::span<const std::uint8_t> midi_bytes);

struct RollOptions {
  int columns = 5;  // rolls side by side; the last row may be short
  int cell = 8;     // pixels of a cell's side; between cells is a line of one pixel
};

/// The patterns as piano rolls, one channel: time from left to right in 16 steps, the instruments
/// by column from the bottom (the kick) up, hits black on white; lines are light grey, those
/// between beats and around a roll darker. Each roll has 16 (cell + 1) + 1 by 9 (cell + 1) + 1
/// pixels. Errors: no patterns, options < 1.
Image piano_roll(std::span<const Pattern> patterns, const RollOptions& options = {});

/// The same for probabilities of hits, [N, 16, 9]: 0 is white, 1 black.
/// Errors: also a size that is no multiple of 144, a value outside [0, 1].
Image piano_roll(std::span<const float> probabilities, const RollOptions& options = {});

}  // namespace etude::drum_vae
