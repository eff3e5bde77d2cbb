#include "models/performance_lstm/measure.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "engine/run/console.h"
#include "tokenizers/performance/performance.h"

namespace etude::performance_lstm {
namespace {

constexpr std::int64_t kCorpusEvents = 2000;
constexpr std::uint64_t kMeasureStream = 9;

const HistogramDistances& of(const NoteDistances& d, NoteProperty property) {
  return property == NoteProperty::pitch      ? d.pitch
         : property == NoteProperty::duration ? d.duration
                                              : d.velocity;
}

void append(Json& distances, const NoteDistances& d) {
  for (const auto& [name, property] : kProperties) {
    const HistogramDistances& h = of(d, property);
    distances[name]["l1"].push_back(h.l1);
    distances[name]["l2"].push_back(h.l2);
    distances[name]["kl_pq"].push_back(h.kl_pq);
    distances[name]["kl_qp"].push_back(h.kl_qp);
    distances[name]["average"].push_back(h.average());
  }
  distances["overall"].push_back(d.average());
}

Json distances_of(std::span<const Note> notes, std::span<const Note> truth) {
  Json row;
  for (const int bins : kBins) append(row[bins_name(bins)], note_distances(notes, truth, bins));
  return row;
}

Json histograms_of(const std::vector<Note>& notes, const std::vector<Note>& truth) {
  Json result;
  for (const auto& [name, property] : kProperties) {
    const HistogramPair pair = note_histograms(property, notes, truth);
    result[name] = {{"edges", pair.edges}, {"generated", pair.generated}, {"truth", pair.truth}};
  }
  return result;
}

}  // namespace

std::string bins_name(int bins) {
  return bins == full_resolution ? "full" : "bins_" + std::to_string(bins);
}

std::string file_name(const std::string& setting) {
  std::string name = setting;
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::vector<Setting> settings(const Config& config, const Music& music, const Piece& piece) {
  const auto ids = piece.own_ids();
  const auto length = static_cast<std::int64_t>(ids.size());
  const std::int64_t count =
      std::max<std::int64_t>(2, music.corpus() ? std::min(length, kCorpusEvents) : length);
  std::vector<Setting> result;
  for (const double temperature : config.temperature_list()) {
    std::ostringstream name;
    name << "tau " << temperature;
    result.push_back({name.str(), {.count = count, .temperature = temperature}});
  }
  if (result.size() > 1) {
    const std::int64_t primer = std::min(config.primer, count / 2);
    result.push_back(
        {"primed", {.count = count, .primer = ids.first(static_cast<std::size_t>(primer))}});
  }
  if (config.conditioning == "factor") {
    for (const double tempo : {0.8, 1.2}) {
      std::ostringstream name;
      name << "tempo " << tempo;
      result.push_back({name.str(), {.count = count, .tempo = tempo}});
    }
  }
  return result;
}

const std::vector<Piece>& true_pieces(const Music& music) {
  return music.corpus() ? music.held_out : music.train;
}

std::vector<Note> true_notes(const Music& music) {
  std::vector<Note> notes;
  for (const Piece& piece : true_pieces(music)) {
    const std::vector<Note> more = playable_notes(piece.score);
    notes.insert(notes.end(), more.begin(), more.end());
  }
  return notes;
}

const Piece& primer_piece(const Music& music) { return true_pieces(music)[0]; }

std::vector<Note> notes_of(const Config& config, std::span<const std::int32_t> ids) {
  return playable_notes(
      PerformanceTokenizer({.carry_residual = config.carry_residual}).decode(ids));
}

namespace {

/// FNV-1a of a run that starts at `at` of ids that follow each other in a circle.
std::uint64_t hash_of_run(std::span<const std::int32_t> ids, std::size_t at) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (std::size_t i = at; i < at + TrainingRuns::length; ++i) {
    hash = (hash ^ static_cast<std::uint64_t>(ids[i % ids.size()])) * 0x100000001b3;
  }
  return hash;
}

std::size_t num_runs(std::span<const std::int32_t> ids) {
  return ids.size() < TrainingRuns::length ? 0 : ids.size() - TrainingRuns::length + 1;
}

}  // namespace

TrainingRuns::TrainingRuns(const std::vector<Piece>& pieces, bool loop) {
  for (const Piece& piece : pieces) {
    for (const auto& ids : piece.ids) {
      const std::size_t runs = loop ? ids.size() : num_runs(ids);
      for (std::size_t i = 0; i < runs; ++i) hashes_.insert(hash_of_run(ids, i));
    }
  }
}

double TrainingRuns::share(std::span<const std::int32_t> ids) const {
  const std::size_t runs = num_runs(ids);
  std::size_t copied = 0;
  for (std::size_t i = 0; i < runs; ++i) copied += hashes_.count(hash_of_run(ids, i));
  return runs == 0 ? 0 : static_cast<double>(copied) / static_cast<double>(runs);
}

Json measure(Trainer& trainer, const Music& music, std::uint64_t seed) {
  PerformanceLstm& model = trainer.model();
  const Config& config = trainer.config();
  const std::vector<Note> truth = true_notes(music);
  Json result{{"train_bits", bits_per_event(model, music.train)},
              {"held_out_bits", nullptr},
              {"train_events", 0},
              {"held_out_events", 0}};
  if (music.corpus()) result["held_out_bits"] = bits_per_event(model, music.held_out);
  for (const auto& [key, part] :
       {std::pair{"train_events", &music.train}, std::pair{"held_out_events", &music.held_out}}) {
    std::size_t events = 0;
    for (const Piece& piece : *part) events += piece.own_ids().size();
    result[key] = events;
  }
  result["true_notes"] = truth.size();
  std::vector<Note> tokenised;
  for (const Piece& piece : true_pieces(music)) {
    const std::vector<Note> more = notes_of(config, piece.own_ids());
    tokenised.insert(tokenised.end(), more.begin(), more.end());
  }
  result["settings"][kTrueNotes] = distances_of(tokenised, truth);
  const TrainingRuns known(music.train, config.loop);
  for (const Setting& setting : settings(config, music, primer_piece(music))) {
    leave_if_stopped();
    Generator random(seed, kMeasureStream);
    Json row{{"events", setting.options.count}, {"empty", 0}};
    std::vector<Note> all;
    for (const auto& ids : generate(model, config.pieces, setting.options, random)) {
      const std::vector<Note> notes = notes_of(config, ids);
      if (notes.empty()) {
        row["empty"] = row["empty"].get<int>() + 1;
        continue;
      }
      all.insert(all.end(), notes.begin(), notes.end());
      for (const int bins : kBins) append(row[bins_name(bins)], note_distances(notes, truth, bins));
      double end = 0;
      for (const Note& note : notes) end = std::max(end, note.start + note.duration);
      row["seconds"].push_back(end);
      row["notes"].push_back(notes.size());
      row["copied"].push_back(known.share(std::span(ids).subspan(setting.options.primer.size())));
    }
    result["settings"][setting.name] = row;
    if (!all.empty()) result["histograms"][setting.name] = histograms_of(all, truth);
  }
  return result;
}

}  // namespace etude::performance_lstm
