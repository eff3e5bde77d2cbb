#pragma once
// MIDI files written by hand, for the tests.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/error_text.h"

namespace etude::midi {

using Bytes = std::vector<std::uint8_t>;

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// `length`: what it declares, where that is not the truth.
inline Bytes chunk(const std::string& id, const Bytes& content, int length = -1) {
  const auto n = static_cast<std::uint32_t>(length < 0 ? content.size() : length);
  Bytes bytes(id.begin(), id.end());
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<std::uint8_t>(n >> shift));
  return bytes + content;
}

inline Bytes header(int format, int num_tracks, int division = 0x0060) {
  const auto low = [](int value) { return static_cast<std::uint8_t>(value); };
  return chunk("MThd", {0, low(format), low(num_tracks >> 8), low(num_tracks), low(division >> 8),
                        low(division)});
}

inline const Bytes end_of_track = {0, 0xff, 0x2f, 0};

/// A file of format 0 with the events `content`, closed by end-of-track.
inline Bytes one_track(const Bytes& content) {
  return header(0, 1) + chunk("MTrk", content + end_of_track);
}

/// Two tracks that use every feature; format 1.
inline Bytes rich_file() {
  const Bytes conductor = {0, 0xff, 0x51, 3,    7,    0xa1, 0x20,              // tempo
                           0, 0xff, 0x58, 4,    3,    2,    24,   8,           // 3/4
                           0, 0xff, 0x59, 2,    0xfd, 1,                       // C minor
                           0, 0xf0, 3,    0x43, 0x12, 0,                       // sysex
                           9, 0xf7, 2,    0x43, 0xf7,                          // its rest
                           0, 0xf7, 1,    0xf8, 0x83, 0,    0xff, 6, 1, 'A'};  // marker
  const Bytes notes = {0,    0xff, 3,    4,    'd',  'r',  'u',  'm',          // name
                       0,    0xc9, 8,    0,    0x99, 36,   100,  0,   42, 90,  // two notes
                       48,   36,   0,    48,   0x89, 42,   64,                 // their ends
                       0,    0xb9, 0x40, 127,  0,    0xe9, 1,    64,           // pedal, bend
                       0x8f, 0xff, 0x7f, 0xd9, 5,    0,    0xa9, 36,  1};      // pressure
  return header(1, 2, 480) + chunk("MTrk", conductor + end_of_track) + chunk("XYZ ", {1, 2, 3}) +
         chunk("MTrk", notes + end_of_track);
}

}  // namespace etude::midi
