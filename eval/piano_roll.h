#pragma once
// Piano rolls as images: notes as bars, pitch over time.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/image.h"
#include "eval/note_histograms.h"

namespace etude {

/// The notes must outlive the roll.
struct PianoRollPanel {
  std::string name;  // in errors: "truth", "generated"
  std::span<const Note> notes;
};

/// Panels one above the other, the first on top, with one time axis and one range of pitches: that
/// of the notes shown and a semitone around, at least two octaves. Notes are cut at `from` and
/// `to`; one too short to be seen is drawn as short as can be seen. Of notes that cover each other
/// the loudest lies on top. A line lies below each C.
struct PianoRoll {
  std::string title;  // in errors
  std::vector<PianoRollPanel> panels;
  double from = 0;                // seconds
  std::optional<double> to = {};  // seconds; otherwise where the last note ends
};

struct PianoRollPixels {
  int width = 1200;
  int semitone = 6;  // height of one pitch
};

/// As an RGB image on white: no text, the panels parted by a thin dark line. Quiet notes are light
/// blue, loud ones dark. Errors: no panels, a time that is not finite, to <= from, check_notes,
/// width outside [1, 16384], semitone outside [1, 64].
Image piano_roll_image(const PianoRoll& roll, const PianoRollPixels& pixels = {});

}  // namespace etude
