#include "models/drum_vae/groove.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <string_view>

#include "engine/error.h"
#include "engine/io/content_hash.h"
#include "engine/run/config.h"
#include "tokenizers/midi/score.h"

namespace etude::drum_vae {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGet = "; fetch the data with: etude data get groove";

/// One line of info.csv.
struct Take {
  std::string drummer, style, kind, signature, file;
  std::string place;  // "FILE:LINE" for messages
};

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(line);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  if (line.ends_with(separator)) parts.emplace_back();
  return parts;
}

/// The files that info.csv lists. None of its values holds a comma or a quote.
std::vector<Take> read_info(const fs::path& path) {
  require(fs::exists(path), path.string(), ": is missing", kGet);
  std::vector<std::string> lines = split(read_text_file(path), '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  require(!lines.empty(), path.string(), ": is empty", kGet);
  const auto fields_of = [](std::string line) {
    if (line.ends_with('\r')) line.pop_back();
    return split(line, ',');
  };
  const std::vector<std::string> columns = fields_of(lines[0]);
  const auto column = [&](const char* name) {
    const auto found = std::ranges::find(columns, name);
    require(found != columns.end(), path.string(), ":1: there is no column ", name, kGet);
    return static_cast<std::size_t>(found - columns.begin());
  };
  const std::size_t drummer = column("drummer"), style = column("style"),
                    kind = column("beat_type"), signature = column("time_signature"),
                    file = column("midi_filename");
  std::vector<Take> takes;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::string place = path.string() + ":" + std::to_string(i + 1);
    const std::vector<std::string> fields = fields_of(lines[i]);
    require(fields.size() == columns.size(), place, ": has ", fields.size(), " fields instead of ",
            columns.size(), kGet);
    Take take{fields[drummer], fields[style], fields[kind], fields[signature], fields[file], place};
    require(!take.drummer.empty() && !take.style.empty() && !take.file.empty(), place,
            ": drummer, style or midi_filename is empty", kGet);
    require(take.kind == "beat" || take.kind == "fill", place, ": beat_type is ", take.kind,
            ", neither beat nor fill", kGet);
    takes.push_back(std::move(take));
  }
  require(!takes.empty(), path.string(), ": lists no file", kGet);
  return takes;
}

/// -1 for a style that has no number here. "rock/halftime" is rock.
int style_of(const Take& take) {
  const std::string primary = take.style.substr(0, take.style.find('/'));
  const std::string_view name = primary == "dance" ? "electronic" : std::string_view(primary);
  const auto* const found = std::ranges::find(kStyleNames, name);
  return found == std::end(kStyleNames) ? -1 : static_cast<int>(found - std::begin(kStyleNames));
}

/// The bars of one file that hold a hit, in the order of time; adds the drum notes that have no
/// column to `unknown`.
std::vector<Pattern> read_bars(const fs::path& path, const Take& take, std::int64_t& unknown) {
  require(fs::exists(path), take.place, ": ", path.string(), " is missing", kGet);
  const midi::Score score = midi::read_score(path);
  for (const midi::TimeSignature& signature : score.time_signatures) {
    require(signature.numerator == 4 && signature.denominator == 4, take.place, ": says 4-4, but ",
            path.string(), " has ", int{signature.numerator}, "/", signature.denominator,
            " at tick ", signature.tick);
  }
  const midi::TimeMap time(score);
  std::map<std::int64_t, Pattern> bars;
  for (const midi::Note& note : score.notes) {
    if (note.channel != midi::drum_channel) continue;
    const int instrument = instrument_of_note(note.pitch);
    if (instrument < 0) {
      ++unknown;
      continue;
    }
    const midi::Position at = time.position(note.tick);
    const auto step = static_cast<int>(std::nearbyint(at.beat * (kSteps / 4)));
    Pattern& bar = bars[at.bar + step / kSteps];
    bar[step % kSteps * kInstruments + instrument] = 1;
  }
  std::vector<Pattern> hits;
  for (const auto& [number, bar] : bars) hits.push_back(bar);
  return hits;
}

std::string hash_of(const GrooveData& data) {
  ContentHash hash;
  for (const Patterns* part : {&data.train, &data.validation}) {
    hash.add(std::to_string(part->size()) + ":");
    for (std::size_t i = 0; i < part->hits.size(); ++i) {
      hash.add({reinterpret_cast<const char*>(part->hits[i].data()), part->hits[i].size()});
      hash.add(kStyleNames[part->styles[i]]);
    }
  }
  return hash.hex();
}

}  // namespace

int instrument_of_note(int note) {
  switch (note) {
    case 36:
      return kick;
    case 37:
    case 38:
    case 40:
      return snare;
    case 22:
    case 42:
    case 44:
      return hihat_closed;
    case 26:
    case 46:
      return hihat_open;
    case 43:
    case 45:
    case 58:
      return tom_low;
    case 47:
    case 48:
    case 50:
      return tom_high;
    case 49:
    case 52:
    case 55:
    case 57:
      return crash;
    case 51:
    case 53:
    case 59:
      return ride;
    default:
      return -1;
  }
}

GrooveData load_groove(const fs::path& folder) {
  require(fs::is_directory(folder), "groove: there is no folder ", folder.string(), kGet);
  GrooveData data;
  std::array<std::set<Pattern>, kStyles> train, validation;
  std::int64_t num_files = 0, num_bars = 0, other_style = 0, unknown = 0;
  for (const Take& take : read_info(folder / "info.csv")) {
    if (take.kind != "beat" || take.signature != "4-4") continue;
    const int style = style_of(take);
    if (style < 0) {
      ++other_style;
      continue;
    }
    const bool held_out =
        std::ranges::find(kHeldOutDrummers, take.drummer) != kHeldOutDrummers.end();
    Patterns& part = held_out ? data.validation : data.train;
    std::set<Pattern>& seen = (held_out ? validation : train)[style];
    ++num_files;
    for (const Pattern& bar : read_bars(folder / take.file, take, unknown)) {
      ++num_bars;
      if (!seen.insert(bar).second) continue;
      part.hits.push_back(bar);
      part.styles.push_back(style);
    }
  }
  require(data.train.size() > 0 && data.validation.size() > 0, folder.string(),
          ": there are no bars ",
          data.train.size() > 0 ? "of the held-out drummers" : "to train on", kGet);
  std::int64_t shared = 0;
  for (int style = 0; style < kStyles; ++style) {
    shared += std::ranges::count_if(validation[style],
                                    [&](const Pattern& bar) { return train[style].contains(bar); });
    train[style].merge(validation[style]);
    data.unique_bars[style] = static_cast<std::int64_t>(train[style].size());
  }
  const auto note = [&](const auto&... parts) {
    std::ostringstream text;
    (text << ... << parts);
    data.notes.push_back(text.str());
  };
  note(num_bars, " bars with a hit in ", num_files, " files; ", data.train.size(),
       " different to train on, ", data.validation.size(),
       " of drummers 8 and 10 to validate, of which ", shared, " were also played in training.");
  note(other_style, " 4/4 beats are left out: their style is none of the five.");
  if (unknown > 0) note(unknown, " notes are left out: they belong to no instrument.");
  data.hash = hash_of(data);
  return data;
}

}  // namespace etude::drum_vae
