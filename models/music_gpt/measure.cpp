#include "models/music_gpt/measure.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "engine/run/console.h"
#include "eval/chroma.h"
#include "eval/music_structure.h"
#include "eval/png.h"
#include "eval/structureness.h"
#include "eval/synth.h"
#include "models/music_files.h"
#include "models/music_gpt/bars.h"
#include "models/music_gpt/samples.h"

namespace etude::music_gpt {
namespace {

namespace fs = std::filesystem;

// Streams of the seed; a piece's number is added.
enum : std::uint64_t { kExcerpts = 1'000'000, kPieces = 2'000'000, kContinuations = 3'000'000 };

struct NamedSetting {
  const char* name;
  bool reported;  // by the report, so prompts are continued with it
  std::int64_t top_k;
  double temperature, repetition_penalty, top_p = 1;
};
constexpr NamedSetting kSettings[] = {
    {"default", true, 5, 1.2, 1.2},    {"balanced", true, 50, 1, 1.2},
    {"creative", true, 100, 1.5, 1.1}, {"conservative", true, 20, 0.8, 1.3},
    {"plain", false, 0, 1, 1},         {"nucleus", false, 0, 1, 1, 0.95},
};

using NamedMeasure = std::pair<const char*, double Measures::*>;
constexpr NamedMeasure kMeasures[] = {
    {"h1", &Measures::h1},         {"h4", &Measures::h4},
    {"gs_16", &Measures::gs_16},   {"gs_32", &Measures::gs_32},
    {"gs_64", &Measures::gs_64},   {"si_short", &Measures::si_short},
    {"si_mid", &Measures::si_mid}, {"si_long", &Measures::si_long},
};
constexpr std::span<const NamedMeasure> kAll = kMeasures, kOfBars = kAll.first(5);

const NamedSetting& find_setting(const std::string& name) {
  std::string known;
  for (const NamedSetting& setting : kSettings) {
    if (setting.name == name) return setting;
    known += std::string(known.empty() ? "" : ", ") + setting.name;
  }
  fail("unknown setting ", name, "; the settings are ", known);
}

midi::Score without_drums(midi::Score score) {
  std::erase_if(score.notes,
                [](const midi::Note& note) { return note.channel == midi::drum_channel; });
  return score;
}

/// A row of the tables: a list of each value.
Json empty_row(std::span<const NamedMeasure> measures, std::initializer_list<const char*> more) {
  Json row;
  for (const auto& [name, value] : measures) row[name] = Json::array();
  for (const char* name : more) row[name] = Json::array();
  row["failed"] = Json::array();
  return row;
}

void append(Json& row, std::span<const NamedMeasure> measures, const Measures& m) {
  for (const auto& [name, value] : measures) {
    row[name].push_back(std::isnan(m.*value) ? Json() : Json(m.*value));
  }
}

/// add_to(row) adds a piece, last of all it does: one that cannot be measured is only told.
void add_piece(Json& row, const std::string& name, const auto& add_to) {
  leave_if_stopped();
  try {
    add_to(row);
  } catch (const Error& error) {
    row["failed"].push_back(name + ": " + error.what());
  }
}

}  // namespace

std::vector<Setting> settings(const Config& config) {
  std::vector<Setting> result;
  for (const std::string& name : list_of("settings", config.settings)) {
    const NamedSetting& setting = find_setting(name);
    result.push_back({name,
                      {.bars = config.bars,
                       .repetition_penalty = setting.repetition_penalty,
                       .temperature = setting.temperature,
                       .top_p = setting.top_p,
                       .top_k = setting.top_k}});
  }
  return result;
}

Measures measures_of(const midi::Score& score, std::int64_t bars, bool with_sound) {
  constexpr int kMusDr = 64;  // positions of a bar in MusDr's code
  midi::Score pitched = without_drums(score);
  const midi::TimeMap time(pitched);
  std::vector<double> lines;
  for (std::int64_t bar = 0; bar <= bars; ++bar) {
    lines.push_back(time.tick(midi::Position{bar, 0}));
  }
  std::vector<Onset> onsets;
  for (const midi::Note& note : pitched.notes) {
    onsets.push_back({static_cast<double>(note.tick), note.pitch});
  }
  const BarGrid grid = bar_grid(onsets, lines, kMusDr);
  const double none = std::numeric_limits<double>::quiet_NaN();
  Measures m{.h1 = pitch_class_entropy(grid, 1),
             .h4 = pitch_class_entropy(grid, 4),
             .gs_16 = grooving_similarity(bar_grid(onsets, lines, 16)),
             .gs_32 = grooving_similarity(bar_grid(onsets, lines, 32)),
             .gs_64 = grooving_similarity(grid),
             .si_short = none,
             .si_mid = none,
             .si_long = none};
  if (!with_sound) return m;
  pitched.end = std::max(pitched.end, static_cast<std::uint32_t>(std::ceil(lines.back())));
  const Structureness si = structureness(to_sound(pitched));
  m.si_short = si.short_term;
  m.si_mid = si.mid_term;
  m.si_long = si.long_term;
  return m;
}

Json measure_real(const Config& config, const Music& music, std::uint64_t seed) {
  Json whole = empty_row(kOfBars, {"bars"});
  for (const auto* part : {&music.train, &music.held_out}) {
    for (const Piece& piece : *part) {
      add_piece(whole, piece.name, [&](Json& row) {
        const std::int64_t bars = num_bars(piece.score);
        append(row, kOfBars, measures_of(piece.score, bars, false));
        row["bars"].push_back(bars);
      });
    }
  }
  whole["pieces"] = whole["bars"].size();
  Json excerpts = empty_row(kAll, {});
  std::vector<const Piece*> pieces;
  for (const Piece& piece : music.held_out) {
    if (num_bars(piece.score) >= config.bars) pieces.push_back(&piece);
  }
  Generator order(seed, kExcerpts);
  const auto shuffled = order.permutation(std::ssize(pieces));
  const std::int64_t count = std::min(config.pieces, std::ssize(pieces));
  Progress progress("real pieces", count);
  for (std::int64_t i = 0; i < count; ++i) {
    const Piece& piece = *pieces[shuffled[i]];
    Generator random(seed, kExcerpts + 1 + static_cast<std::uint64_t>(i));
    add_piece(excerpts, piece.name, [&](Json& row) {
      const auto starts = static_cast<std::uint64_t>(num_bars(piece.score) - config.bars + 1);
      const auto first = static_cast<std::int64_t>(random.below(starts));
      append(row, kAll,
             measures_of(bars_of(piece.score, first, config.bars), config.bars, synth_available()));
    });
    progress.update(i + 1);
  }
  excerpts["pieces"] = excerpts["h1"].size();
  return {{"whole", whole}, {"excerpts", excerpts}};
}

namespace {

void write_scape(const fs::path& file, const midi::Score& score) {
  const std::vector<double> features = structure_features(chroma(to_sound(without_drums(score))));
  const auto frames = static_cast<int>(features.size()) / chroma_bins;
  write_png(file, scape_image(scape_plot(self_similarity(features), frames, 128 * structure_rate)));
}

/// Generates pieces and measures them, with one line of progress.
class Generated {
 public:
  Generated(Trainer& trainer, std::uint64_t seed, fs::path figures, std::int64_t total)
      : trainer_(trainer),
        seed_(seed),
        figures_(std::move(figures)),
        progress_("generated pieces", total) {}

  /// The first piece of the row becomes figure NAME, with its scape plot if asked for.
  Json row(const GenerateOptions& options, std::int64_t pieces, std::uint64_t stream,
           const std::string& name, bool scape = false) {
    Json row = empty_row(kAll, {"notes", "tokens", "seconds"});
    for (std::int64_t i = 0; i < pieces; ++i) {
      std::optional<midi::Score> first;
      add_piece(row, "piece " + std::to_string(i + 1), [&](Json& to) {
        Generator random(seed_, stream + static_cast<std::uint64_t>(i));
        const Ids ids = generate(trainer_.model(), trainer_.tokenizer(), options, random);
        const midi::Score score = bars_of(trainer_.tokenizer().decode(ids), 0, options.bars);
        const midi::TimeMap time(score);
        append(to, kAll, measures_of(score, options.bars, synth_available()));
        to["notes"].push_back(score.notes.size());
        to["tokens"].push_back(ids.size());
        to["seconds"].push_back(time.seconds(time.tick(midi::Position{options.bars, 0})));
        if (to["notes"].size() == 1) first = score;
      });
      if (first && !figures_.empty()) {
        write_piece(figures_, name, *first, options.bars);
        if (scape && synth_available()) write_scape(figures_ / (name + "-scape.png"), *first);
      }
      progress_.update(++done_);
    }
    return row;
  }

 private:
  Trainer& trainer_;
  std::uint64_t seed_;
  fs::path figures_;
  Progress progress_;
  std::int64_t done_ = 0;
};

}  // namespace

Json measure(Trainer& trainer, const Music& music, const std::vector<Prompt>& prompts,
             std::uint64_t seed, const fs::path& figures, KeptResults kept) {
  const Config& config = trainer.config();
  using Place = Json::json_pointer;
  kept.entry(Place("/held_out"), [&] {
    const CrossEntropy held_out = cross_entropy_of(trainer, music.held_out);
    return Json{{"tokens", held_out.tokens},
                {"notes", held_out.notes},
                {"nats_per_token", held_out.per_token()},
                {"nats_per_note", held_out.per_note()}};
  });
  const std::vector<Setting> all = settings(config);
  std::vector<Setting> reported;
  std::ranges::copy_if(all, std::back_inserter(reported),
                       [](const Setting& s) { return find_setting(s.name).reported; });
  const auto place = [](const Setting& s) { return Place("/settings") / s.name; };
  const auto place_after = [](const Prompt& prompt, const Setting& s) {
    return Place("/prompts") / prompt.name / s.name;
  };
  std::int64_t missing = 0;
  for (const Setting& s : all) missing += kept.all().contains(place(s)) ? 0 : config.pieces;
  for (const Prompt& prompt : prompts) {
    for (const Setting& s : reported) missing += !kept.all().contains(place_after(prompt, s));
  }
  Generated generated(trainer, seed, figures, missing);
  for (const Setting& setting : all) {
    kept.entry(place(setting), [&] {
      return generated.row(setting.options, config.pieces, kPieces, setting.name,
                           setting.name == all[0].name);
    });
  }
  kept.entry(Place("/prompts"), [] { return Json::object(); });
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    for (Setting setting : reported) {
      setting.options.prompt = prompts[i].ids;
      kept.entry(place_after(prompts[i], setting), [&] {
        return generated.row(setting.options, 1, kContinuations + i,
                             prompts[i].name + "-" + setting.name);
      });
    }
  }
  return kept.all();
}

Json measure_milestone(Trainer& trainer, std::uint64_t seed) {
  std::vector<Setting> asked = settings(trainer.config());
  std::erase_if(asked, [](const Setting& s) { return s.name != "default" && s.name != "plain"; });
  const std::int64_t pieces = trainer.config().pieces;
  Generated generated(trainer, seed, {}, pieces * std::ssize(asked));
  Json result = Json::object();
  for (const Setting& setting : asked) {
    result[setting.name] = generated.row(setting.options, pieces, kPieces, setting.name);
  }
  return result;
}

}  // namespace etude::music_gpt
