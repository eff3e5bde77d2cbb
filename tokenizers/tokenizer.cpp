#include "tokenizers/tokenizer.h"

#include <charconv>
#include <sstream>

#include "engine/error.h"
#include "engine/run/config.h"
#include "tokenizers/performance/performance.h"

namespace etude {
namespace {

constexpr const char* kMagic = "etude-ids";
constexpr std::size_t kIdsPerLine = 16;

std::unique_ptr<const Tokenizer> make_performance(const std::vector<std::string>& settings) {
  PerformanceOptions options;
  Fields fields;
  fields("carry_residual", &options.carry_residual, "keep what time shifts leave over");
  for (const std::string& setting : settings) fields.set(setting);
  return std::make_unique<PerformanceTokenizer>(options);
}

struct Entry {
  const char* name;
  std::unique_ptr<const Tokenizer> (*make)(const std::vector<std::string>& settings);
};
constexpr Entry kTokenizers[] = {{"performance", make_performance}};

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
    if (name == entry.name) return entry.make(settings);
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  fail("there is no tokenizer ", name, "; the tokenizers are: ", names);
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
