#include "tokenizers/tokenizer.h"

#include <charconv>
#include <sstream>

#include "engine/error.h"
#include "engine/run/config.h"
#include "tokenizers/miditok/midilike.h"
#include "tokenizers/miditok/remi.h"
#include "tokenizers/performance/performance.h"

namespace etude {
namespace {

constexpr const char* kMagic = "etude-ids";
constexpr std::size_t kIdsPerLine = 16;

using Settings = std::vector<std::string>;

std::unique_ptr<const Tokenizer> make_performance(const std::string&, const Settings& settings) {
  PerformanceOptions options;
  Fields fields;
  fields("carry_residual", &options.carry_residual, "keep what time shifts leave over");
  for (const std::string& setting : settings) fields.set(setting);
  return std::make_unique<PerformanceTokenizer>(options);
}

/// What follows "config=", the name of a file.
miditok::Config read_config(const std::string& path, const std::string& tokenization,
                            const miditok::Config& base) {
  const miditok::Json json = miditok::Json::parse(read_text_file(path), nullptr, false);
  require(!json.is_discarded(), path, ": is no JSON");
  try {
    return miditok::from_json(json, tokenization, base);
  } catch (const Error& error) {
    fail(path, ": ", error.what());
  }
}

std::unique_ptr<const Tokenizer> make_compatible(const std::string& name,
                                                 const Settings& settings) {
  return make_miditok(name, settings);
}

struct Entry {
  const char* name;
  std::unique_ptr<const Tokenizer> (*make)(const std::string& name, const Settings& settings);
};
constexpr Entry kTokenizers[] = {{"performance", make_performance},
                                 {"remi", make_compatible},
                                 {"remi_plus", make_compatible},
                                 {"midilike", make_compatible}};

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

}  // namespace

std::unique_ptr<const Tokenizer> find_tokenizer(const std::string& name,
                                                const std::vector<std::string>& settings) {
  std::string names;
  for (const Entry& entry : kTokenizers) {
    if (name == entry.name) return entry.make(name, settings);
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  fail("there is no tokenizer ", name, "; the tokenizers are: ", names);
}

std::unique_ptr<const MidiTokTokenizer> make_miditok(const std::string& name,
                                                     const Settings& settings) {
  constexpr std::string_view file = "config=";
  const bool remi = name != "midilike";
  require(!remi || name == "remi" || name == "remi_plus", "make_miditok: there is no tokenizer ",
          name, "; they are remi, remi_plus, midilike");
  miditok::Config base;
  if (name == "remi_plus") base.use_programs = base.use_time_signatures = true;
  miditok::Config config = base;
  for (const std::string& setting : settings)
    config = setting.starts_with(file)
                 ? read_config(setting.substr(file.size()), remi ? "REMI" : "MIDILike", config)
                 : miditok::with_settings(std::move(config), {setting});
  if (remi) return std::make_unique<RemiTokenizer>(name, std::move(config), std::move(base));
  return std::make_unique<MidiLikeTokenizer>(name, std::move(config), std::move(base));
}

std::string format_ids(const Tokenizer& tokenizer, std::span<const std::int32_t> ids) {
  std::string text = std::string(kMagic) + " " + tokenizer.name();
  if (!tokenizer.options().empty()) text += " " + tokenizer.options();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    text += i % kIdsPerLine == 0 ? '\n' : ' ';
    text += std::to_string(ids[i]);
  }
  return text + "\n";
}

TokenText parse_ids(const std::string& text, const std::string& source) {
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  const std::vector<std::string> head = words_of(line);
  require(head.size() >= 2 && head[0] == kMagic, source, ":1: must be \"", kMagic,
          " TOKENIZER [key=value ...]\", as `etude tokenize` writes it");
  TokenText result;
  try {
    result.tokenizer = find_tokenizer(head[1], {head.begin() + 2, head.end()});
  } catch (const Error& error) {
    fail(source, ":1: ", error.what());
  }
  const std::int32_t size = result.tokenizer->vocabulary_size();
  for (std::size_t number = 2; std::getline(lines, line); ++number) {
    for (const std::string& word : words_of(line)) {
      std::int32_t id = -1;
      const char* const end = word.data() + word.size();
      const auto [stop, error] = std::from_chars(word.data(), end, id);
      require(error == std::errc() && stop == end && id >= 0 && id < size, source, ":", number,
              ": ", word, " is no id; those of ", head[1], " are whole numbers from 0 to ",
              size - 1);
      result.ids.push_back(id);
    }
  }
  return result;
}

}  // namespace etude
