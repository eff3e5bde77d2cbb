#include "eval/synth.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "engine/error.h"
#include "eval/wav.h"

#ifdef ETUDE_HAVE_FLUIDSYNTH
#include <fluidsynth.h>
#endif

namespace etude {
namespace {

constexpr std::array kSoundfonts = {
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/sounds/sf2/TimGM6mb.sf2",
    "/usr/share/sounds/sf2/default-GM.sf2",
    "/usr/share/soundfonts/default.sf2",
};

}  // namespace

std::filesystem::path find_soundfont() {
  const char* chosen = std::getenv("ETUDE_SOUNDFONT");
  if (chosen != nullptr && *chosen != '\0') {
    require(std::filesystem::is_regular_file(chosen), "ETUDE_SOUNDFONT: there is no file ", chosen);
    return chosen;
  }
  const auto found = std::ranges::find_if(
      kSoundfonts, [](const char* path) { return std::filesystem::is_regular_file(path); });
  require(found != kSoundfonts.end(), "render MIDI: there is no soundfont; install ",
          "timgm6mb-soundfont (tools/setup does), or set ETUDE_SOUNDFONT to an SF2 file");
  return *found;
}

#ifdef ETUDE_HAVE_FLUIDSYNTH

namespace {

/// Collects what fluidsynth reports as an error on this thread, from its construction on. The
/// library has one log for the whole process; nothing of it reaches the terminal.
class ErrorLog {
 public:
  ErrorLog() {
    static const bool installed = [] {
      for (const int level : {FLUID_WARN, FLUID_INFO, FLUID_DBG})
        fluid_set_log_function(level, nullptr, nullptr);
      for (const int level : {FLUID_PANIC, FLUID_ERR})
        fluid_set_log_function(level, append, nullptr);
      return true;
    }();
    static_cast<void>(installed);
    messages_.clear();
  }

  const std::string& messages() const { return messages_; }
  /// Throws if there is any.
  void check() const { require(messages_.empty(), "render MIDI: fluidsynth: ", messages_); }

 private:
  static void append(int, const char* message, void*) {
    if (messages_.size() > 300) return;  // one line, however broken the file is
    if (!messages_.empty()) messages_ += "; ";
    messages_ += message;
  }

  static inline thread_local std::string messages_;
};

/// The soundfont to take. fluidsynth hands a file that it cannot read to another library, which
/// complains on the terminal: what is plainly wrong is found here.
std::string checked_soundfont(const std::filesystem::path& named) {
  const std::filesystem::path path = named.empty() ? find_soundfont() : named;
  require(std::filesystem::is_regular_file(path), "render MIDI: there is no soundfont ",
          path.string());
  std::array<char, 12> header{};
  std::ifstream(path, std::ios::binary).read(header.data(), header.size());
  require(std::string_view(header.data(), 4) == "RIFF" &&
              std::string_view(header.data() + 8, 4) == "sfbk",
          "render MIDI: ", path.string(), " is no soundfont (SF2 or SF3)");
  std::uint64_t size = 8;  // of the file, by its header
  for (int i = 0; i < 4; ++i)
    size += static_cast<std::uint64_t>(static_cast<std::uint8_t>(header[4 + i])) << (8 * i);
  require(std::filesystem::file_size(path) >= size, "render MIDI: the soundfont ", path.string(),
          " is cut: it has ", std::filesystem::file_size(path), " of ", size, " bytes");
  return path.string();
}

/// Errors: the header is not a MIDI file's, or a track is missing or cut, all of which fluidsynth
/// may pass over in silence.
void check_chunks(std::span<const std::uint8_t> smf) {
  const auto is = [&](std::size_t at, std::string_view type) {
    return at + 8 <= smf.size() && std::equal(type.begin(), type.end(), smf.begin() + at);
  };
  require(is(0, "MThd") && smf.size() >= 14, "render MIDI: these ", smf.size(),
          " bytes are no MIDI file");
  const int declared = smf[10] << 8 | smf[11];
  int tracks = 0;
  for (std::size_t at = 0; at + 8 <= smf.size();) {
    const std::size_t length =
        std::size_t{smf[at + 4]} << 24 | smf[at + 5] << 16 | smf[at + 6] << 8 | smf[at + 7];
    if (length > smf.size() - at - 8) break;
    tracks += is(at, "MTrk");
    at += 8 + length;
  }
  require(tracks >= declared, "render MIDI: the file is cut: ", tracks, " of ", declared,
          " tracks are complete");
}

template <auto function>
struct Delete {
  template <class T>
  void operator()(T* object) const {
    function(object);
  }
};
using Settings = std::unique_ptr<fluid_settings_t, Delete<delete_fluid_settings>>;
using Synth = std::unique_ptr<fluid_synth_t, Delete<delete_fluid_synth>>;
using Player = std::unique_ptr<fluid_player_t, Delete<delete_fluid_player>>;

Settings make_settings(const RenderOptions& options) {
  const ErrorLog audio_drivers;  // they are asked for settings too, and are not needed here
  Settings settings(new_fluid_settings());
  require(settings != nullptr, "render MIDI: fluidsynth has no memory for its settings");
  const auto set = [&](const char* name, auto value) {
    const int status = [&] {
      if constexpr (std::is_same_v<decltype(value), int>)
        return fluid_settings_setint(settings.get(), name, value);
      else if constexpr (std::is_same_v<decltype(value), double>)
        return fluid_settings_setnum(settings.get(), name, value);
      else
        return fluid_settings_setstr(settings.get(), name, value);
    }();
    require(status == FLUID_OK, "render MIDI: fluidsynth refuses ", name, " = ", value);
  };
  set("synth.sample-rate", static_cast<double>(options.rate));
  set("synth.gain", options.gain);
  set("synth.cpu-cores", 1);
  set("synth.polyphony", 1024);  // notes under a pedal are never stolen
  set("synth.reverb.active", 1);
  set("synth.chorus.active", 0);
  set("synth.lock-memory", 0);
  set("synth.dynamic-sample-loading", 1);  // of a large soundfont, only what is played
  set("player.timing-source", "sample");   // the time is what was rendered, not the clock
  set("player.reset-synth", 0);            // before 2.3.1 the end cuts the last notes
  return settings;
}

constexpr std::size_t kBlock = 64;  // frames: fluidsynth's own step, so ends are exact
constexpr float kSilence = 1e-4f;   // -80 dBFS
constexpr double kMaxSeconds = 3600;
constexpr double kQuietSeconds = 0.05;  // reverberation may pause for less
constexpr double kFadeSeconds = 0.01;

/// Appends one block to `samples`.
void render_block(fluid_synth_t* synth, std::vector<float>& samples) {
  const std::size_t old_size = samples.size();
  samples.resize(old_size + 2 * kBlock);
  float* block = samples.data() + old_size;
  require(fluid_synth_write_float(synth, kBlock, block, 0, 2, block, 1, 2) == FLUID_OK,
          "render MIDI: fluidsynth failed");
}

/// Renders up to the last event of the file. The player's own end comes only seconds after the last
/// sound, however long that takes.
void render_file(fluid_synth_t* synth, fluid_player_t* player, const RenderOptions& options,
                 const ErrorLog& log, std::vector<float>& samples) {
  const std::size_t max_size = 2 * static_cast<std::size_t>(kMaxSeconds * options.rate);
  require(fluid_player_play(player) == FLUID_OK, "render MIDI: fluidsynth's player does not start");
  do {
    render_block(synth, samples);  // the first one reads the file
    log.check();
    require(samples.size() <= max_size, "render MIDI: the file is longer than ", kMaxSeconds, " s");
  } while (fluid_player_get_status(player) == FLUID_PLAYER_PLAYING &&
           fluid_player_get_current_tick(player) < fluid_player_get_total_ticks(player));
}

/// Renders what is left once the file is over. (Before 2.3.1 the player leaves the pedals as they
/// are.)
void render_tail(fluid_synth_t* synth, const RenderOptions& options, std::vector<float>& samples) {
  constexpr int sustain = 64, sostenuto = 66, all_channels = -1;
  for (int channel = 0; channel < fluid_synth_count_midi_channels(synth); ++channel)
    for (const int pedal : {sustain, sostenuto}) fluid_synth_cc(synth, channel, pedal, 0);
  fluid_synth_all_notes_off(synth, all_channels);

  const std::size_t file_size = samples.size();
  const auto tail_size = 2 * static_cast<std::size_t>(options.tail_seconds * options.rate);
  const auto quiet_size = 2 * static_cast<std::size_t>(kQuietSeconds * options.rate);
  std::size_t loud_size = file_size;
  while (samples.size() < file_size + tail_size) {
    render_block(synth, samples);
    if (peak(std::span(samples).last(2 * kBlock)) > kSilence) loud_size = samples.size();
    if (samples.size() >= loud_size + quiet_size && fluid_synth_get_active_voice_count(synth) == 0)
      break;
  }
  samples.resize(std::min(loud_size, file_size + tail_size));
}

/// No click where a sound was cut.
void fade_out(std::vector<float>& samples, int rate) {
  const auto length = static_cast<std::size_t>(kFadeSeconds * rate);
  const std::size_t frames = std::min(length, samples.size() / 2);
  for (std::size_t i = 0; i < 2 * frames; ++i)
    samples[samples.size() - 1 - i] *= static_cast<float>(i / 2) / static_cast<float>(length);
}

void limit_peak(std::vector<float>& samples) {
  const float limit = std::pow(10.0f, -1.0f / 20);  // -1 dBFS
  const float largest = peak(samples);
  if (largest <= limit) return;
  for (float& sample : samples) sample *= limit / largest;
}

}  // namespace

bool synth_available() {
  try {
    find_soundfont();
  } catch (const Error&) {
    return false;
  }
  return true;
}

std::vector<float> render_midi(std::span<const std::uint8_t> smf_bytes,
                               const RenderOptions& options) {
  require(options.rate >= 8000 && options.rate <= 96000,
          "render MIDI: the rate is 8000 to 96000 Hz, not ", options.rate);
  require(options.gain > 0 && options.gain <= 10,
          "render MIDI: the gain is above 0 and at most 10, not ", options.gain);
  require(options.tail_seconds >= 0 && options.tail_seconds <= kMaxSeconds,
          "render MIDI: the tail is 0 to ", kMaxSeconds, " s, not ", options.tail_seconds);
  check_chunks(smf_bytes);
  const std::string soundfont = checked_soundfont(options.soundfont);

  const Settings settings = make_settings(options);
  const ErrorLog log;
  const Synth synth(new_fluid_synth(settings.get()));
  require(synth != nullptr, "render MIDI: fluidsynth does not start: ", log.messages());
  require(fluid_synth_sfload(synth.get(), soundfont.c_str(), 1) != FLUID_FAILED,
          "render MIDI: the soundfont ", soundfont, " is damaged: ", log.messages());
  const Player player(new_fluid_player(synth.get()));
  require(player != nullptr &&
              fluid_player_add_mem(player.get(), smf_bytes.data(), smf_bytes.size()) == FLUID_OK,
          "render MIDI: fluidsynth's player does not start: ", log.messages());

  std::vector<float> samples;
  render_file(synth.get(), player.get(), options, log, samples);
  render_tail(synth.get(), options, samples);
  fade_out(samples, options.rate);
  limit_peak(samples);
  return samples;
}

#else

bool synth_available() { return false; }

std::vector<float> render_midi(std::span<const std::uint8_t>, const RenderOptions&) {
  fail("render MIDI: this build has no fluidsynth; install libfluidsynth-dev and ",
       "timgm6mb-soundfont (tools/setup does) and configure again");
}

#endif

}  // namespace etude
