#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <map>
#include <queue>
#include <tuple>
#include <utility>

#include "engine/error.h"
#include "tokenizers/midi/score.h"

namespace etude::midi {
namespace {

/// The notes of one track, by their note-ons; the oldest of a channel and pitch ends first.
class NotePairing {
 public:
  NotePairing(std::vector<Note>& notes, std::uint16_t track) : notes_(notes), track_(track) {}

  void on(const Event& event) {
    sounding_[{event.channel, event.data1}].push(notes_.size());
    notes_.push_back({.tick = event.tick,
                      .pitch = event.data1,
                      .velocity = event.data2,
                      .channel = event.channel,
                      .program = program[event.channel],
                      .track = track_});
  }

  void off(const Event& event) {
    const auto found = sounding_.find({event.channel, event.data1});
    if (found == sounding_.end() || found->second.empty()) return;
    end_oldest(found->second, event.tick);
  }

  void end_all(std::uint32_t tick) {
    for (auto& [key, notes] : sounding_)
      while (!notes.empty()) end_oldest(notes, tick);
  }

  std::array<std::uint8_t, 16> program = {};

 private:
  void end_oldest(std::queue<std::size_t>& sounding, std::uint32_t tick) {
    Note& note = notes_[sounding.front()];
    note.duration = tick - note.tick;
    sounding.pop();
  }

  std::vector<Note>& notes_;
  std::uint16_t track_;
  std::map<std::pair<int, int>, std::queue<std::size_t>> sounding_;
};

void add_meta(Score& score, const Event& event, std::uint16_t track) {
  const std::vector<std::uint8_t>& bytes = event.payload;
  const std::uint32_t tick = event.tick;
  if (event.data1 == meta_tempo && bytes.size() >= 3) {
    const std::uint32_t tempo = bytes[0] << 16 | bytes[1] << 8 | bytes[2];
    if (tempo != 0) score.tempos.push_back({tick, tempo});
  } else if (event.data1 == meta_time_signature && bytes.size() >= 2) {
    if (bytes[0] != 0 && bytes[1] < 16)
      score.time_signatures.push_back({tick, bytes[0], static_cast<std::uint16_t>(1u << bytes[1])});
  } else if (event.data1 == meta_key_signature && bytes.size() >= 2) {
    const auto sharps = static_cast<std::int8_t>(bytes[0]);
    if (sharps >= -7 && sharps <= 7 && bytes[1] <= 1)
      score.key_signatures.push_back({tick, sharps, bytes[1] == 1});
  } else if (event.data1 == meta_track_name) {
    std::string& name = score.track_names[track];
    if (name.empty()) name.assign(bytes.begin(), bytes.end());
  } else if (event.data1 >= 1 && event.data1 <= 15) {
    score.texts.push_back({tick, event.data1, track, {bytes.begin(), bytes.end()}});
  }
}

void add_track(Score& score, const Track& track, std::uint16_t index) {
  NotePairing pairing(score.notes, index);
  for (const Event& event : track.events) {
    const auto& [tick, kind, channel, data1, data2, payload] = event;
    if (kind == Kind::note_on && data2 != 0) pairing.on(event);
    if (kind == Kind::note_off || (kind == Kind::note_on && data2 == 0)) pairing.off(event);
    if (kind == Kind::program) pairing.program[channel] = data1;
    if (kind == Kind::control) score.controls.push_back({tick, data1, data2, channel, index});
    if (kind == Kind::pitch_bend) {
      const int value = data2 << 7 | data1;
      score.pitch_bends.push_back({tick, static_cast<std::int16_t>(value - 8192), channel, index});
    }
    if (kind == Kind::meta) add_meta(score, event, index);
  }
  const std::uint32_t last = track.events.empty() ? 0 : track.events.back().tick;
  const std::uint32_t end = std::max(track.end, last);
  pairing.end_all(end);
  score.end = std::max(score.end, end);
}

template <class T, class Key>
void sort_by(std::vector<T>& values, Key key) {
  std::stable_sort(values.begin(), values.end(),
                   [&](const T& a, const T& b) { return key(a) < key(b); });
}

/// Sorted by tick, of several at one tick only the last.
template <class T>
void settle(std::vector<T>& changes) {
  sort_by(changes, [](const T& change) { return change.tick; });
  std::vector<T> settled;
  for (const T& change : changes) {
    if (!settled.empty() && settled.back().tick == change.tick) settled.pop_back();
    settled.push_back(change);
  }
  changes = std::move(settled);
}

/// The default at tick 0, unless there is something.
template <class T>
void start_at_zero(std::vector<T>& changes) {
  if (changes.empty() || changes.front().tick != 0) changes.insert(changes.begin(), T{});
}

const auto channel_order = [](const auto& event) {
  return std::tuple(event.tick, event.track, event.channel);
};

}  // namespace

Score score(const File& file) {
  require(file.tracks.size() <= 0x10000, "midi: a score has at most 65536 tracks, not ",
          file.tracks.size());
  require(file.format != 2 || file.tracks.size() <= 1,
          "midi: a file of format 2 holds independent patterns, here ", file.tracks.size(),
          "; save the one that is meant as a file of its own");
  Score score{.division = file.division};
  score.track_names.resize(file.tracks.size());
  for (std::size_t i = 0; i < file.tracks.size(); ++i)
    add_track(score, file.tracks[i], static_cast<std::uint16_t>(i));

  sort_by(score.notes, [](const Note& note) {
    return std::tuple(note.tick, note.track, note.channel, note.pitch);
  });
  sort_by(score.controls, channel_order);
  sort_by(score.pitch_bends, channel_order);
  sort_by(score.texts, [](const Text& text) { return std::tuple(text.tick, text.track); });
  settle(score.tempos);
  settle(score.time_signatures);
  settle(score.key_signatures);
  start_at_zero(score.tempos);
  start_at_zero(score.time_signatures);
  return score;
}

Score read_score(const std::filesystem::path& path) {
  const File file = read(path);
  try {
    return score(file);
  } catch (const Error& error) {
    fail(path.string(), ": ", error.what());
  }
}

namespace {

void check_notes(const Score& score) {
  for (const Note& note : score.notes) {
    require(note.pitch < 128 && note.channel < 16 && note.program < 128 && note.velocity >= 1 &&
                note.velocity < 128,
            "midi: note at tick ", note.tick,
            ": pitch and program go to 127, channel to 15, velocity ",
            "from 1 to 127; here they are ", int{note.pitch}, ", ", int{note.program}, ", ",
            int{note.channel}, ", ", int{note.velocity});
    require(note.duration <= std::numeric_limits<std::uint32_t>::max() - note.tick,
            "midi: note at tick ", note.tick, ": its duration ", note.duration,
            " ends past tick 2^32 - 1");
  }
}

template <class T>
void check_ascending(const std::vector<T>& changes, const char* what) {
  const auto found = std::adjacent_find(changes.begin(), changes.end(),
                                        [](const T& a, const T& b) { return a.tick >= b.tick; });
  require(found == changes.end(), "midi: ", what,
          " have one per tick, by ascending tick; here tick ",
          found == changes.end() ? 0 : (found + 1)->tick, " follows another at or after it");
}

}  // namespace

void check(const Score& score) {
  check(score.division);
  check_notes(score);
  for (const Control& control : score.controls)
    require(control.number < 128 && control.value < 128 && control.channel < 16,
            "midi: control at tick ", control.tick, ": number and value go to 127, channel to 15");
  for (const PitchBend& bend : score.pitch_bends)
    require(bend.value >= -8192 && bend.value < 8192 && bend.channel < 16, "midi: bend at tick ",
            bend.tick, ": it goes from -8192 to 8191, channel to 15");
  for (const Tempo& tempo : score.tempos)
    require(tempo.microseconds_per_quarter >= 1 && tempo.microseconds_per_quarter < 1u << 24,
            "midi: tempo at tick ", tempo.tick,
            ": 1 to 16777215 microseconds per quarter note, not ", tempo.microseconds_per_quarter);
  for (const TimeSignature& signature : score.time_signatures)
    require(signature.numerator >= 1 && std::has_single_bit(signature.denominator),
            "midi: time signature at tick ", signature.tick,
            ": at least 1 beat of a power of two, not ", int{signature.numerator}, "/",
            signature.denominator);
  for (const KeySignature& key : score.key_signatures)
    require(key.sharps >= -7 && key.sharps <= 7, "midi: key signature at tick ", key.tick,
            ": -7 to 7 sharps, not ", int{key.sharps});
  for (const Text& text : score.texts)
    require(text.type >= 1 && text.type <= 15 && text.type != meta_track_name,
            "midi: text at tick ", text.tick, ": types are 1 to 15 without 3, not ",
            int{text.type});
  check_ascending(score.tempos, "tempos");
  check_ascending(score.time_signatures, "time signatures");
  check_ascending(score.key_signatures, "key signatures");
}

}  // namespace etude::midi
