#include "models/performance_lstm/samples.h"

#include <chrono>

#include "engine/run/console.h"
#include "eval/text.h"
#include "models/music_files.h"
#include "models/performance_lstm/generate.h"
#include "tokenizers/performance/performance.h"

namespace etude::performance_lstm {
namespace {

std::vector<std::int32_t> read_primer(const SampleConfig& config, const Tokenizer& tokenizer) {
  if (config.primer == "none") return {};
  const midi::Score score = midi::read_score(config.primer);
  std::vector<std::int32_t> ids = tokenizer.encode(score);
  require(!ids.empty(), config.primer, ": holds no note of a piano, so it cannot prime");
  if (static_cast<std::int64_t>(ids.size()) > config.primer_length) {
    ids.resize(static_cast<std::size_t>(config.primer_length));
  }
  require(static_cast<std::int64_t>(ids.size()) < config.length, "--length ", config.length,
          ": the primer alone has ", ids.size(), " events; ask for more, or less of the primer ",
          "with --primer_length");
  return ids;
}

}  // namespace

void write_samples(Trainer& trainer, const SampleConfig& config, std::uint64_t seed,
                   const std::filesystem::path& folder) {
  require(config.tempo == 1 || trainer.model().conditioned(), "--tempo ", config.tempo,
          ": this model was trained without tempo conditioning (conditioning = \"factor\")");
  const bool primed = config.primer != "none";
  require(
      primed || (config.primer_length == SampleConfig().primer_length && !config.refeed_last_token),
      "--primer_length and --refeed_last_token say something of a primer: name its MIDI file ",
      "with --primer");
  const PerformanceTokenizer tokenizer({.carry_residual = trainer.config().carry_residual});
  const std::vector<std::int32_t> primer = read_primer(config, tokenizer);
  Generator random(seed, 1);
  Progress progress("events", config.length, static_cast<std::int64_t>(primer.size()));
  const auto begin = std::chrono::steady_clock::now();
  const std::int64_t first = std::max<std::int64_t>(static_cast<std::int64_t>(primer.size()), 1);
  const auto speed = [&](std::int64_t done) {
    const double rate =
        static_cast<double>(config.count * (done - first)) / std::max(seconds_since(begin), 1e-9);
    return format_fixed(rate, 0) + " tokens/s";
  };
  const auto pieces =
      generate(trainer.model(), config.count,
               {.count = config.length,
                .temperature = config.temperature,
                .tempo = config.tempo,
                .top_k = config.top_k,
                .top_p = config.top_p,
                .primer = primer,
                .refeed_last_token = config.refeed_last_token},
               random, [&](std::int64_t done) { progress.update(done, speed(done)); });
  note(std::to_string(config.count) + " x " + std::to_string(config.length - first) +
       " events generated: " + speed(config.length));
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    write_music(folder, "piece-" + std::to_string(i + 1), tokenizer.decode(pieces[i]), kExcerpt);
  }
}

}  // namespace etude::performance_lstm
