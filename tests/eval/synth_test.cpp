#include "eval/synth.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "eval/wav.h"
#include "tests/error_text.h"

namespace etude {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// A MIDI file of one track at 120 beats of 480 ticks per minute; `events` are written as they are,
/// up to the end of the track.
Bytes midi_file(const Bytes& events) {
  const Bytes end = {0x00, 0xff, 0x2f, 0x00};
  const size_t length = events.size() + end.size();
  Bytes file = {'M', 'T', 'h', 'd', 0, 0, 0, 6, 0, 0, 0, 1, 0x01, 0xe0, 'M', 'T', 'r', 'k', 0, 0};
  file.push_back(static_cast<std::uint8_t>(length >> 8));
  file.push_back(static_cast<std::uint8_t>(length));
  file.insert(file.end(), events.begin(), events.end());
  file.insert(file.end(), end.begin(), end.end());
  return file;
}

/// One bar of 2 s: kick, snare, closed hi-hat, kick on the second half of each beat, each released
/// after a quarter of a beat.
constexpr std::array hit_seconds = {0.25, 0.75, 1.25, 1.75};
Bytes drum_bar() {
  return midi_file({0x81, 0x70, 0x99, 36, 100, 0x78, 0x89, 36, 0,  // after 240 ticks, for 120
                    0x82, 0x68, 0x99, 38, 100, 0x78, 0x89, 38, 0,  // after 360
                    0x82, 0x68, 0x99, 42, 100, 0x78, 0x89, 42, 0,  //
                    0x82, 0x68, 0x99, 36, 100, 0x78, 0x89, 36, 0,  //
                    0x78, 0xb9, 7,    100});
}

Audio render(const Bytes& midi, const RenderOptions& options = {}) {
  return {render_midi(midi, options), 2, options.rate};
}

/// The root mean square of both channels over [begin, end) seconds.
double level(const Audio& audio, double begin, double end) {
  const auto at = [&](double seconds) { return 2 * static_cast<size_t>(seconds * audio.rate); };
  return rms(std::span(audio.samples).subspan(at(begin), at(end) - at(begin)));
}

/// Sets an environment variable for a scope.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    setenv(name, value.c_str(), 1);
  }
  ~Environment() {
    if (old_)
      setenv(name_, old_->c_str(), 1);
    else
      unsetenv(name_);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

struct TemporaryFile {
  std::filesystem::path path = std::filesystem::temp_directory_path() / "etude_synth_test.sf2";
  ~TemporaryFile() { std::filesystem::remove(path); }
};

const auto no_synth = doctest::skip(!synth_available());

TEST_CASE("synth: a bar of drums sounds when it is hit, and ends when it has decayed" * no_synth) {
  const Audio audio = render(drum_bar());
  CHECK(level(audio, 0, 0.24) < 1e-6);
  for (const double hit : hit_seconds) {
    CAPTURE(hit);
    const double before = level(audio, hit - 0.01, hit - 0.001);
    const double after = level(audio, hit, hit + 0.02);
    CHECK(after > 0.005);
    CHECK(after > 10 * before);
  }
  CHECK(audio.seconds() > 2);
  CHECK(audio.seconds() < 4);  // reverberation, but not the whole tail
  CHECK(peak(audio.samples) > 0.1f);
  CHECK(peak(audio.samples) < 0.8913f);
  CHECK(dbfs(rms(audio.samples)) > -40);
  CHECK(audio.samples.back() == 0);
}

TEST_CASE("synth: two renders are equal in every bit, also at once" * no_synth) {
  const Bytes midi = drum_bar();
  const std::vector<float> first = render_midi(midi);
  std::vector<float> second;
  std::thread other([&] { second = render_midi(midi); });
  const std::vector<float> third = render_midi(midi);
  other.join();
  CHECK(first == second);
  CHECK(first == third);
}

TEST_CASE("synth: loud music is scaled down to -1 dBFS, quiet music is left" * no_synth) {
  const Audio quiet = render(drum_bar(), {.gain = 0.1});
  const Audio twice = render(drum_bar(), {.gain = 0.2});
  CHECK(peak(twice.samples) == doctest::Approx(2 * peak(quiet.samples)).epsilon(1e-3));
  const Audio loud = render(drum_bar(), {.gain = 10});
  CHECK(dbfs(peak(loud.samples)) == doctest::Approx(-1).epsilon(1e-4));
}

TEST_CASE("synth: the end of the file releases what is held, the tail's end fades it" * no_synth) {
  // A pedal and a piano chord that nobody releases, for half a second.
  const Bytes midi = midi_file({0x00, 0xb0, 64,   127, 0x00, 0x90, 48,   100,  0x00, 0x90, 55,
                                100,  0x00, 0x90, 64,  100,  0x83, 0x60, 0xb0, 7,    100});
  const Audio whole = render(midi, {.tail_seconds = 20});
  CHECK(whole.seconds() > 0.6);
  CHECK(whole.seconds() < 5);
  CHECK(level(whole, 0.4, 0.5) > 20 * level(whole, whole.seconds() - 0.1, whole.seconds()));
  const Audio cut = render(midi, {.tail_seconds = 0.1});
  CHECK(cut.seconds() == doctest::Approx(0.6).epsilon(0.01));
  CHECK(cut.samples.back() == 0);
  const Audio loop = render(midi, {.tail_seconds = 0});
  CHECK(loop.seconds() == doctest::Approx(0.5).epsilon(0.01));
}

TEST_CASE("synth: tempo and rate hold" * no_synth) {
  // 1 s per beat from the start, 0.25 s from the first beat on; hi-hats at 1 s and 1.25 s.
  const Bytes midi =
      midi_file({0x00, 0xff, 0x51, 3,    0x0f, 0x42, 0x40, 0x83, 0x60, 0xff, 0x51, 3,
                 0x03, 0xd0, 0x90, 0x00, 0x99, 42,   100,  0x83, 0x60, 0x99, 42,   100});
  const Audio audio = render(midi, {.rate = 16000, .tail_seconds = 0.5});
  CHECK(audio.seconds() < 1.76);
  CHECK(level(audio, 0, 0.99) < 1e-6);
  CHECK(level(audio, 1, 1.02) > 0.005);
  CHECK(level(audio, 1.25, 1.27) > 5 * level(audio, 1.23, 1.249));
}

TEST_CASE("synth: a file without notes is silence of its length" * no_synth) {
  const Audio audio = render(midi_file({0x83, 0x60, 0xb0, 7, 100}));
  CHECK(audio.seconds() == doctest::Approx(0.5).epsilon(0.01));
  CHECK(peak(audio.samples) < 1e-6f);
}

TEST_CASE("synth: a MIDI file cut anywhere or damaged is an error" * no_synth) {
  const Bytes midi = drum_bar();
  for (size_t size = 0; size < midi.size(); ++size) {
    CAPTURE(size);
    const std::string error = message_of([&] { render_midi(std::span(midi).first(size)); });
    CHECK(contains(error, size < 14 ? "are no MIDI file" : "0 of 1 tracks are complete"));
  }
  // A tempo of five bytes; the message is fluidsynth's.
  CHECK(contains(message_of([] {
                   render_midi(midi_file({0x00, 0xff, 0x51, 5, 1, 2, 3, 4, 5}));
                 }),
                 "render MIDI: fluidsynth: "));
}

TEST_CASE("synth: options out of range and files that are no soundfont are errors" * no_synth) {
  const auto error = [](const RenderOptions& options) {
    return message_of([&] { render_midi(drum_bar(), options); });
  };
  CHECK(contains(error({.rate = 1000}), "not 1000"));
  CHECK(contains(error({.tail_seconds = -1}), "not -1"));
  CHECK(contains(error({.tail_seconds = std::nan("")}), "not nan"));
  CHECK(contains(error({.gain = 0}), "not 0"));
  CHECK(contains(error({.soundfont = "/nowhere.sf2"}), "there is no soundfont /nowhere.sf2"));

  const TemporaryFile file;
  std::ofstream(file.path) << "MThd, not what its name says";
  CHECK(contains(error({.soundfont = file.path}), "is no soundfont"));
  std::filesystem::copy_file(find_soundfont(), file.path,
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::resize_file(file.path, 1000);
  CHECK(contains(error({.soundfont = file.path}), "is cut: it has 1000 of "));
}

TEST_CASE("synth: the soundfont is the environment's, a named one comes first" * no_synth) {
  const std::filesystem::path found = find_soundfont();
  CHECK(std::filesystem::is_regular_file(found));
  const Environment environment("ETUDE_SOUNDFONT", "/nowhere.sf2");
  CHECK(message_of([] { render_midi(drum_bar()); }) ==
        "ETUDE_SOUNDFONT: there is no file /nowhere.sf2");
  CHECK(!synth_available());
  CHECK(render(drum_bar(), {.soundfont = found, .tail_seconds = 0}).seconds() > 1.9);
}

TEST_CASE("synth: a machine that cannot render names a package" *
          doctest::skip(synth_available() || std::getenv("ETUDE_SOUNDFONT") != nullptr)) {
  CHECK(contains(message_of([] { render_midi(drum_bar()); }), "timgm6mb-soundfont"));
}

}  // namespace
}  // namespace etude
