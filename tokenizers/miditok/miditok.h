#pragma once
// What REMI and MIDILike share: scores to ids and back as MidiTok 3.0.4 does it, id for id. They
// differ in how they say the time, and in durations or note-offs. Source: config.h.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tokenizers/miditok/events.h"
#include "tokenizers/miditok/preprocess.h"
#include "tokenizers/tokenizer.h"

namespace etude {

class MidiTokTokenizer : public Tokenizer {
 public:
  using Ids = std::vector<std::int32_t>;

  std::string name() const override { return name_; }
  /// The settings that are not the tokenizer's default.
  std::string options() const override;
  std::int32_t vocabulary_size() const override { return vocabulary_.size(); }
  /// MidiTok's name of a token, e.g. "Pitch_60".
  std::string describe(std::int32_t id) const override { return vocabulary_.name(id); }

  /// The ids of a score that gives one sequence. Throws Error for one that gives several: a score
  /// of several tracks, unless its programs are in the vocabulary; and as preprocess().
  Ids encode(const midi::Score& score) const override;

  /// A sequence for each track that has notes, in their order (one if there is none); all in one
  /// where programs are in the vocabulary, unless that is switched off.
  std::vector<Ids> encode_tracks(const midi::Score& score) const;

  /// A score with the piece's ticks, positions, and channel 9 for drums. Tokens that make no sense
  /// where they stand are skipped: that is MidiTok's rule for most, here it is for all.
  midi::Score decode(std::span<const std::int32_t> ids) const override;

  /// Tempos and time signatures are the first sequence's. `programs`: a program for each (-1 for
  /// drums); without it that of the first Program token, else drums if the first note is one, else
  /// 0.
  midi::Score decode_tracks(std::span<const Ids> sequences,
                            std::span<const int> programs = {}) const;

  /// What remains of a score in ids: decode(encode(s)) has its notes, tempos and time signatures
  /// (MIDILike: notes of one pitch and program end in the order of their starts), in more ticks per
  /// quarter note where the vocabulary has shorter beats than the score.
  midi::Score preprocess(const midi::Score& score) const;

  /// For each id the bar, from 0, in which the music is after it; -1 before the first. The music
  /// has n complete bars when the last of them is n or more, and the ids below n are its first n
  /// bars.
  std::vector<std::int64_t> bars(std::span<const std::int32_t> ids) const;

  /// Notes that decode() makes of the ids.
  std::int64_t num_notes(std::span<const std::int32_t> ids) const;

  /// The file that MidiTok reads as this tokenizer.
  miditok::Json to_json() const { return miditok::to_json(config_, tokenization()); }

  const miditok::Config& config() const { return config_; }
  const miditok::Vocabulary& vocabulary() const { return vocabulary_; }
  miditok::Layout layout() const { return layout_; }

 protected:
  /// `base`: the settings that `name` has by default.
  MidiTokTokenizer(std::string name, miditok::Config config, miditok::Config base,
                   miditok::Layout layout);

  struct ReadNote {
    int program = 0;    // of the last Program token; 0 without
    bool drum = false;  // by the type of its token
    miditok::Note note;
  };
  /// Ids as music, in vocabulary().ticks_per_quarter().
  struct Reading {
    std::vector<ReadNote> notes;
    std::vector<miditok::TempoChange> tempos;
    std::vector<miditok::MeterChange> meters;
    std::vector<std::int64_t> bars;    // as bars()
    int program = 0;                   // of the last Program token
    std::optional<int> first_program;  // of the first
    void set_program(int next) {
      program = next;
      if (!first_program) first_program = next;
    }
  };
  static constexpr int kDefaultVelocity = 100;
  /// At which the clock of decoding stops, in ticks.
  static constexpr std::int64_t kLastTick = std::int64_t{1} << 30;

  /// MidiTok's class.
  virtual const char* tokenization() const = 0;
  virtual Ids with_time(const std::vector<miditok::Event>& events,
                        std::int64_t ticks_per_quarter) const = 0;
  virtual Reading read(std::span<const std::int32_t> ids) const = 0;

  /// The velocity that follows the note at `at`; 0 if none does.
  int velocity_after(std::span<const std::int32_t> ids, std::size_t at) const;
  /// Drums outside of the pitch range are read as nothing, as in MidiTok; the
  /// pitch after its last is not.
  bool is_sounding(int pitch) const {
    return pitch >= config_.pitch_range[0] && pitch <= config_.pitch_range[1];
  }
  std::int64_t ticks_per_beat(const miditok::Meter& meter) const {
    return miditok::ticks_per_beat(meter, vocabulary_.ticks_per_quarter());
  }
  std::int64_t ticks_per_bar(const miditok::Meter& meter) const {
    return miditok::ticks_per_bar(meter, vocabulary_.ticks_per_quarter());
  }

 private:
  miditok::Piece assemble(std::span<const Reading> readings, std::span<const int> programs) const;

  std::string name_;
  miditok::Config config_, base_;
  miditok::Layout layout_;
  miditok::Vocabulary vocabulary_;
};

/// "remi", "remi_plus" or "midilike" with settings "key=value" (config.h), of which "config=FILE"
/// is MidiTok's JSON; the later ones win.
std::unique_ptr<const MidiTokTokenizer> make_miditok(const std::string& name,
                                                     const std::vector<std::string>& settings = {});

}  // namespace etude
