#pragma once
// MIDI files as sound: fluidsynth with a General MIDI soundfont, faster than real time and without
// a sound card. In a build without fluidsynth rendering raises an Error that names the package.

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace etude {

struct RenderOptions {
  int rate = 44100;                      ///< frames per second, 8000 to 96000
  std::filesystem::path soundfont = {};  ///< an SF2 or SF3 file; empty: find_soundfont()
  double tail_seconds = 4;               ///< at most so long after the end of the file
  double gain = 2;                       ///< of fluidsynth, above 0 to 10; its own default is 0.2
};

/// The soundfont that render_midi() takes where none is named: the file in the environment's
/// ETUDE_SOUNDFONT, else FluidR3 (Debian's fluid-soundfont-gm) or TimGM6mb (timgm6mb-soundfont),
/// the first that is installed. Error: none is, or ETUDE_SOUNDFONT is no file.
std::filesystem::path find_soundfont();

/// Whether render_midi() can work without naming a soundfont: this build has fluidsynth, and
/// find_soundfont() finds one.
bool synth_available();

/// The Standard MIDI File `smf_bytes` as interleaved stereo. Its end releases pedals and keys; then
/// the sound ends once it has decayed below -80 dBFS, or faded out when the tail is over, never
/// before the file's end. A peak above -1 dBFS scales the whole sound down to it. Events are heard
/// within 64 frames and 1 ms of their time, the steps in which fluidsynth counts. One thread,
/// reverb on, chorus off: the same bytes, options and soundfont give the same bits. Errors: a
/// broken MIDI file, no soundfont or a broken one, each with what is wrong or what fluidsynth says
/// of it; options out of range; more than an hour of sound.
std::vector<float> render_midi(std::span<const std::uint8_t> smf_bytes,
                               const RenderOptions& options = {});

}  // namespace etude
