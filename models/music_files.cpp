#include "models/music_files.h"

#include <algorithm>

#include "eval/piano_roll.h"
#include "eval/png.h"
#include "eval/synth.h"

namespace etude {
namespace {

/// What happens before `seconds`; notes end there.
midi::Score beginning(midi::Score score, double seconds) {
  const auto end = static_cast<std::uint32_t>(midi::TimeMap(score).tick(seconds));
  const auto cut = [end](auto& events) {
    std::erase_if(events, [end](const auto& event) { return event.tick >= end; });
  };
  cut(score.controls);
  cut(score.pitch_bends);
  cut(score.texts);
  cut(score.tempos);
  cut(score.time_signatures);
  cut(score.key_signatures);
  cut(score.notes);
  for (midi::Note& note : score.notes) note.duration = std::min(note.duration, end - note.tick);
  score.end = std::min(score.end, end);
  return score;
}

}  // namespace

std::vector<Note> pitched_notes(const midi::Score& score) {
  const midi::TimeMap time(score);
  std::vector<Note> notes;
  for (const midi::Note& note : score.notes) {
    if (note.channel == midi::drum_channel) continue;
    const double start = time.seconds(note.tick);
    notes.push_back(
        {.start = start,
         .duration = time.seconds(static_cast<double>(note.tick) + note.duration) - start,
         .pitch = note.pitch,
         .velocity = note.velocity});
  }
  return notes;
}

Audio to_sound(const midi::Score& score) {
  const RenderOptions options{.rate = 22050, .tail_seconds = 1};
  const std::vector<float> stereo = render_midi(midi::serialise(midi::to_file(score)), options);
  Audio mono{.samples = std::vector<float>(stereo.size() / 2), .channels = 1, .rate = options.rate};
  for (std::size_t i = 0; i < mono.samples.size(); ++i) {
    mono.samples[i] = 0.5F * (stereo[2 * i] + stereo[2 * i + 1]);
  }
  return mono;
}

void write_music(const std::filesystem::path& folder, const std::string& name,
                 const midi::Score& score, double seconds, std::span<const Note> truth) {
  midi::write(midi::to_file(score), folder / (name + ".mid"));
  const std::vector<Note> notes = pitched_notes(score);
  PianoRoll roll{.title = name, .panels = {}, .to = seconds};
  if (!truth.empty()) roll.panels.push_back({"truth", truth});
  roll.panels.push_back({"generated", notes});
  write_png(folder / (name + ".png"), piano_roll_image(roll));
  if (!synth_available() || !wav_available()) return;
  // Nothing clips: the synthesiser keeps a margin, and the mean of two channels is within both.
  static_cast<void>(write_wav(folder / (name + ".wav"), to_sound(beginning(score, seconds))));
}

}  // namespace etude
