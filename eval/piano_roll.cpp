#include "eval/piano_roll.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/error.h"

namespace etude {
namespace {

constexpr int separator = 3;  // pixels between the panels

/// What of a roll is shown.
struct View {
  double from, to;
  int low, high;                                // pitches, both included
  std::vector<std::vector<const Note*>> notes;  // per panel, the loudest last

  int pitches() const { return high - low + 1; }
};

bool is_shown(const Note& note, double from, double to) {
  return note.start < to && (note.start >= from || note.start + note.duration > from);
}

double end_of(const PianoRoll& roll) {
  if (roll.to) return *roll.to;
  double end = roll.from;
  for (const PianoRollPanel& panel : roll.panels) {
    for (const Note& note : panel.notes) end = std::max(end, note.start + note.duration);
  }
  return end > roll.from ? end : roll.from + 1;
}

View view_of(const PianoRoll& roll) {
  const std::string who = "piano roll \"" + roll.title + "\"";
  require(!roll.panels.empty(), who, ": no panels");
  for (const PianoRollPanel& panel : roll.panels) {
    check_notes((who + ": \"" + panel.name + "\"").c_str(), panel.notes);
  }
  View view{roll.from, end_of(roll), 128, -1, {}};
  require(std::isfinite(view.to - view.from) && view.from < view.to, who, ": from ", view.from,
          " to ", view.to, " s");
  for (const PianoRollPanel& panel : roll.panels) {
    std::vector<const Note*>& shown = view.notes.emplace_back();
    for (const Note& note : panel.notes) {
      if (!is_shown(note, view.from, view.to)) continue;
      shown.push_back(&note);
      view.low = std::min(view.low, note.pitch);
      view.high = std::max(view.high, note.pitch);
    }
    std::stable_sort(shown.begin(), shown.end(),
                     [](const Note* a, const Note* b) { return a->velocity < b->velocity; });
  }
  // Without a note this is the middle of the keyboard.
  const int middle = (view.low + view.high) / 2;
  view.low = std::max(0, std::min(view.low - 1, middle - 12));
  view.high = std::min(127, std::max(view.high + 1, middle + 12));
  return view;
}

using Colour = std::array<std::uint8_t, 3>;

/// From light blue by the palette's blue to nearly black.
Colour velocity_colour(int velocity) {
  constexpr std::array<std::array<double, 3>, 3> stops = {
      {{176, 216, 240}, {0, 114, 178}, {8, 16, 60}}};
  const double at = std::clamp((velocity - 1) / 63.0, 0.0, 2.0);
  const int stop = std::min(static_cast<int>(at), 1);
  Colour colour;
  for (int c = 0; c < 3; ++c) {
    const double value = std::lerp(stops[stop][c], stops[stop + 1][c], at - stop);
    colour[c] = static_cast<std::uint8_t>(std::lround(value));
  }
  return colour;
}

/// Rows [top, bottom), columns [left, right).
void fill(Image& image, int top, int bottom, int left, int right, const Colour& colour) {
  for (int y = top; y < bottom; ++y) {
    for (int x = left; x < right; ++x) {
      const size_t at = (static_cast<size_t>(y) * image.width + x) * 3;
      std::copy(colour.begin(), colour.end(), image.bytes.begin() + at);
    }
  }
}

/// `top` is the first row of the panel.
void paint_note(Image& image, const View& view, const Note& note, int top, int semitone) {
  const double pixels = image.width / (view.to - view.from);
  auto column = [&](double time) {
    const double at = std::floor((time - view.from) * pixels);
    return static_cast<int>(std::clamp(at, 0.0, static_cast<double>(image.width)));
  };
  const int left = std::min(column(note.start), image.width - 1);
  int right = column(note.start + note.duration);
  if (right - left > 4) --right;  // notes that follow each other stay apart
  const int y = top + (view.high - note.pitch) * semitone;
  fill(image, y + (semitone > 2 ? 1 : 0), y + semitone, left, std::max(right, left + 1),
       velocity_colour(note.velocity));
}

}  // namespace

Image piano_roll_image(const PianoRoll& roll, const PianoRollPixels& pixels) {
  const auto [width, semitone] = pixels;
  require(width >= 1 && width <= 16384, "piano roll \"", roll.title, "\": ", width,
          " pixels wide, which is not in [1, 16384]");
  require(semitone >= 1 && semitone <= 64, "piano roll \"", roll.title, "\": ", semitone,
          " pixels per semitone, which is not in [1, 64]");
  const View view = view_of(roll);
  const int panels = static_cast<int>(roll.panels.size());
  const int panel_height = view.pitches() * semitone;
  Image image{panels * (panel_height + separator) - separator, width, 3, {}};
  image.bytes.assign(static_cast<size_t>(image.height) * width * 3, 255);
  for (int p = 0; p < panels; ++p) {
    const int top = p * (panel_height + separator);
    if (p > 0) fill(image, top - separator, top, 0, width, {96, 96, 96});
    for (int c = (view.low + 11) / 12 * 12; c <= view.high; c += 12) {
      const int line = top + (view.high - c + 1) * semitone - 1;
      fill(image, line, line + 1, 0, width, {208, 208, 208});
    }
    for (const Note* note : view.notes[p]) paint_note(image, view, *note, top, semitone);
  }
  return image;
}

}  // namespace etude
