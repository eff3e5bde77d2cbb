#include "models/music_gpt/config.h"

#include <charconv>

#include "engine/error.h"

namespace etude::music_gpt {

void Config::choose_variant(const std::string& name) {
  constexpr std::string_view kText = "_text";
  const bool text = name.ends_with(kText);
  tokenizer = text ? name.substr(0, name.size() - kText.size()) : name;
  require(tokenizer == "remi" || tokenizer == "remi_plus" || tokenizer == "midilike",
          "unknown variant ", name,
          "; the variants are remi, remi_plus, midilike, and each with _text after it");
  require(!text || start_from != "none", "variant ", name,
          ": set start_from to the folder of a GPT-2 that was trained on text");
  if (!text) start_from = "none";
}

std::vector<std::string> Config::variant_list() const {
  const std::vector<std::string> list = list_of("variants", variants);
  for (const std::string& name : list) Config(*this).choose_variant(name);
  return list;
}

std::vector<std::int64_t> Config::milestone_list() const {
  std::vector<std::int64_t> list;
  for (const std::string& word : list_of("milestones", milestones)) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    require(error == std::errc() && end == word.data() + word.size() && value >= 1 &&
                value <= 100 && (list.empty() || list.back() < value),
            "milestones: ", milestones, " are no ascending percentages from 1 to 100");
    list.push_back(value);
  }
  return list;
}

std::unique_ptr<const MidiTokTokenizer> Config::make_tokenizer() const {
  const auto text = [](bool value) { return value ? "true" : "false"; };
  std::vector<std::string> settings = {
      "num_velocities=" + std::to_string(velocities), std::string("use_chords=") + text(chords),
      std::string("use_tempos=") + text(tempos), std::string("use_rests=") + text(rests),
      std::string("use_programs=") + text(programs)};
  if (tokenizer == "midilike") settings.emplace_back("max_duration=[12,0,4]");
  return make_miditok(tokenizer, settings);
}

GptShape Config::shape(std::int64_t vocabulary) const {
  return {.vocabulary = vocabulary,
          .context = context,
          .layers = layers,
          .heads = heads,
          .width = width,
          .rotary = positions == "rotary"};
}

GptOptions Config::options(Device device) const {
  const bool bf16 = compute == "bf16" || (compute == "auto" && device == Device::gpu);
  return {.dropout = dropout, .compute = bf16 ? DType::bf16 : DType::f32, .recompute = recompute};
}

}  // namespace etude::music_gpt
