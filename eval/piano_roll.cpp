#include "eval/piano_roll.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/error.h"
#include "eval/frame.h"
#include "eval/svg.h"
#include "eval/text.h"

namespace etude {
namespace {

constexpr int shades = 16;  // of the SVG
constexpr int velocities_per_shade = 128 / shades;
constexpr size_t most_tooltips = 300;
constexpr double semitone_height = 4;  // of the SVG
constexpr double least_width = 0.8;    // of a note in the SVG
constexpr int separator = 3;           // pixels between the panels of an image

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

/// "C4" is 60.
std::string pitch_name(int pitch) {
  constexpr std::array<std::string_view, 12> names = {"C",  "C#", "D",  "D#", "E",  "F",
                                                      "F#", "G",  "G#", "A",  "A#", "B"};
  return std::string(names[pitch % 12]) + std::to_string(pitch / 12 - 1);
}

Axis pitch_axis(const View& view) {
  Axis axis{view.low - 0.5, view.high + 0.5, false, {}, {}};
  for (int c = (view.low + 11) / 12 * 12; c <= view.high; c += 12) {
    axis.ticks.push_back(c - 0.5);
    axis.labels.push_back(pitch_name(c));
  }
  return axis;
}

int shade_of(int velocity) { return velocity / velocities_per_shade; }

/// The quietest is still seen.
double shade_opacity(int shade) { return 0.25 + 0.75 * shade / (shades - 1); }

double draw_velocity_scale(Svg& svg, double y) {
  constexpr double box = 8;
  double x = 0;
  for (const std::string_view label : {"velocity", "1"}) {
    svg.text(x, y + 12, label, "muted");
    x += text_width(label) + 6;
  }
  for (int shade = 0; shade < shades; ++shade, x += box) {
    svg.rect(x, y + 2, box, 12, "f0", "", shade_opacity(shade));
  }
  svg.text(x + 6, y + 12, "127", "muted");
  return y + 24;
}

struct Bar {
  double x, y, width, height;
};

/// A small part is left free at the end and above, so that notes beside each other stay apart.
Bar bar_of(const Note& note, const Frame& frame) {
  const double left = frame.at_x(std::max(note.start, frame.x.low));
  const double right = frame.at_x(std::min(note.start + note.duration, frame.x.high));
  const double part = right - left > 4 ? 0.6 : 0;
  return {left, frame.at_y(note.pitch + 0.5) + 0.4, std::max(right - left - part, least_width),
          semitone_height - 0.4};
}

void draw_notes(Svg& svg, const Frame& frame, std::span<const Note* const> notes, bool tooltips) {
  std::array<std::string, shades> paths;
  for (const Note* note : notes) {
    const Bar bar = bar_of(*note, frame);
    const int shade = shade_of(note->velocity);
    if (tooltips) {
      svg.rect(bar.x, bar.y, bar.width, bar.height, "f0",
               pitch_name(note->pitch) + " at " + format_number(note->start, 5) + " s, " +
                   format_number(note->duration) + " s, velocity " + std::to_string(note->velocity),
               shade_opacity(shade));
    } else {
      const std::string width = coordinate(bar.width);
      paths[shade] += "M" + coordinate(bar.x) + " " + coordinate(bar.y) + "h" + width + "v" +
                      coordinate(bar.height) + "h-" + width + "z";
    }
  }
  for (int shade = 0; shade < shades; ++shade) {
    if (!paths[shade].empty()) svg.path(paths[shade], "f0", shade_opacity(shade));
  }
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

std::string draw(const PianoRoll& roll) {
  const View view = view_of(roll);
  size_t shown = 0;
  for (const auto& notes : view.notes) shown += notes.size();
  Svg svg;
  double top = draw_velocity_scale(svg, draw_header(svg, roll.title, {}));
  Frame frame;
  for (size_t p = 0; p < roll.panels.size(); ++p) {
    frame = begin_frame(svg, top, linear_axis(view.from, view.to, 7, Range::exact),
                        pitch_axis(view), roll.panels[p].name, 0, semitone_height * view.pitches());
    for (const double tick : frame.x.ticks) {
      svg.line(frame.at_x(tick), frame.top, frame.at_x(tick), frame.bottom, "grid");
    }
    draw_notes(svg, frame, view.notes[p], shown <= most_tooltips);
    if (p + 1 < roll.panels.size()) {
      svg.line(frame.left, frame.bottom, frame.right, frame.bottom, "axis");
    }
    top = frame.bottom + 8;
  }
  return svg.finish(draw_x_axis(svg, frame, "time (s)"), roll.title);
}

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
