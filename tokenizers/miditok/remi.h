#pragma once
// REMI: notes as Pitch, Velocity, Duration at a Position of a Bar; REMI+ is REMI with programs and
// time signatures.
// Source: Huang and Yang, "Pop Music Transformer", ACM Multimedia 2020, as MidiTok 3.0.4 has it;
// REMI+: von Rütte et al., "FIGARO", ICLR 2023.

#include "tokenizers/miditok/miditok.h"

namespace etude {

/// A Bar token for each bar that is entered, empty ones included, none after the last event; with
/// time signatures each followed by its own. A Position for each distinct tick. With rests, silence
/// of a rest or more is said by Rest tokens, and bars that they pass have no Bar token.
class RemiTokenizer final : public MidiTokTokenizer {
 public:
  RemiTokenizer(std::string name, miditok::Config config, miditok::Config base)
      : MidiTokTokenizer(std::move(name), std::move(config), std::move(base),
                         miditok::Layout::remi) {}

 private:
  const char* tokenization() const override { return "REMI"; }
  Ids with_time(const std::vector<miditok::Event>& events,
                std::int64_t ticks_per_quarter) const override;
  /// A note needs its pitch, velocity and duration one after the other, else it is skipped.
  Reading read(std::span<const std::int32_t> ids) const override;

  miditok::Meter first_meter(std::span<const std::int32_t> ids) const;
  std::int64_t duration_after(std::span<const std::int32_t> ids, std::size_t at,
                              std::int64_t beat) const;
};

}  // namespace etude
