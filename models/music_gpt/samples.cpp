#include "models/music_gpt/samples.h"

#include <algorithm>
#include <chrono>

#include "engine/run/console.h"
#include "eval/text.h"
#include "models/music_files.h"
#include "models/music_gpt/bars.h"
#include "models/music_gpt/prompts.h"

namespace etude::music_gpt {
namespace {

constexpr std::uint64_t kSampleStream = 1;

Ids prompt_of(const SampleConfig& config, const Trainer& trainer) {
  if (config.prompt == "none") {
    require(config.prompt_bars == SampleConfig().prompt_bars, "--prompt_bars says something of a ",
            "prompt: name its MIDI file with --prompt");
    return {};
  }
  require(config.prompt_bars < config.bars, "--bars ", config.bars, ": the prompt alone has ",
          config.prompt_bars, "; ask for more, or less of the prompt with --prompt_bars");
  return read_prompt(config.prompt, config.prompt_bars, trainer.config(), trainer.tokenizer()).ids;
}

}  // namespace

void write_piece(const std::filesystem::path& folder, const std::string& name,
                 const midi::Score& score, std::int64_t bars) {
  const midi::TimeMap time(score);
  const double end = std::max(time.tick(midi::Position{bars, 0}), static_cast<double>(score.end));
  write_music(folder, name, score, time.seconds(end));
}

void write_samples(Trainer& trainer, const SampleConfig& config, std::uint64_t seed,
                   const std::filesystem::path& folder) {
  const Ids prompt = prompt_of(config, trainer);
  const GenerateOptions options{.bars = config.bars,
                                .repetition_penalty = config.repetition_penalty,
                                .temperature = config.temperature,
                                .top_p = config.top_p,
                                .top_k = config.top_k,
                                .prompt = prompt};
  Progress progress("pieces", config.count);
  std::int64_t tokens = 0;  // drawn
  double seconds = 0;       // of drawing them
  const auto speed = [&] {
    return format_fixed(tokens / std::max(seconds, 1e-9), 0) + " tokens/s";
  };
  for (std::int64_t i = 0; i < config.count; ++i) {
    Generator random(seed, kSampleStream + static_cast<std::uint64_t>(i));
    const std::int64_t tokens_before = tokens;
    const double seconds_before = seconds;
    const auto begin = std::chrono::steady_clock::now();
    const Ids ids =
        generate(trainer.model(), trainer.tokenizer(), options, random, [&](std::int64_t length) {
          tokens = tokens_before + length - std::max<std::int64_t>(std::ssize(prompt), 1);
          seconds = seconds_before + seconds_since(begin);
          progress.update(i, std::to_string(length) + " tokens, " + speed());
        });
    write_piece(folder, "piece-" + std::to_string(i + 1),
                bars_of(trainer.tokenizer().decode(ids), 0, config.bars), config.bars);
  }
  progress.update(config.count, speed());
  note(std::to_string(config.count) + " x " + std::to_string(config.bars) + " bars, " +
       std::to_string(tokens) + " tokens drawn: " + speed());
}

}  // namespace etude::music_gpt
