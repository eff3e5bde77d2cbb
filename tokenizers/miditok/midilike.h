#pragma once
// MIDILike: NoteOn, Velocity and NoteOff, and TimeShifts between them.
// Source: Oore et al., "This Time with Feeling", Neural Computing and Applications, 2018, as
// MidiTok 3.0.4 has it.

#include "tokenizers/miditok/miditok.h"

namespace etude {

/// Time in beats; a shift is the longest that fits, then the next. With time signatures each change
/// is a token. With rests, silence of a rest or more is said by Rest tokens, then shifts.
class MidiLikeTokenizer final : public MidiTokTokenizer {
 public:
  MidiLikeTokenizer(std::string name, miditok::Config config, miditok::Config base)
      : MidiTokTokenizer(std::move(name), std::move(config), std::move(base),
                         miditok::Layout::midi_like) {}

 private:
  const char* tokenization() const override { return "MIDILike"; }
  Ids with_time(const std::vector<miditok::Event>& events,
                std::int64_t ticks_per_quarter) const override;
  /// A NoteOff ends the oldest note of its pitch and program. Notes without one are dropped, unless
  /// Config::max_duration says how long they last; a NoteOn without its velocity is skipped.
  Reading read(std::span<const std::int32_t> ids) const override;
};

}  // namespace etude
