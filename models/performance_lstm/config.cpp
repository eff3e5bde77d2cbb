#include "models/performance_lstm/config.h"

#include <charconv>
#include <cmath>
#include <sstream>

#include "engine/error.h"

namespace etude::performance_lstm {

void Config::choose_variant(const std::string& name) {
  if (name == "corpus") {
    data = corpus;
    iterations = corpus_iterations;
    dropout = corpus_dropout;
    lr_schedule = "cosine";
    loop = false;
    temperatures = "0.8,1";
    return;
  }
  require(name == "baseline" || name == "both" || name == "conditioning" ||
              name == "augmentation" || name == "tempo",
          "unknown variant ", name,
          "; the variants are baseline, both, conditioning, augmentation, tempo, corpus");
  if (name != "baseline") temperatures = "1";
  conditioning = name == "both" || name == "conditioning" ? "random"
                 : name == "tempo"                        ? "factor"
                                                          : conditioning;
  augmentation |= name == "both" || name == "augmentation" || name == "tempo";
}

namespace {

std::vector<std::string> by_commas(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
  return words;
}

}  // namespace

std::vector<double> Config::temperature_list() const {
  std::vector<double> list;
  for (const std::string& word : by_commas(temperatures)) {
    double value = -1;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    require(error == std::errc() && end == word.data() + word.size() && value >= 0 &&
                std::isfinite(value),
            "temperatures: ", word, " is no number from 0 up");
    list.push_back(value);
  }
  require(!list.empty(), "temperatures: name at least one, e.g. 1");
  return list;
}

std::vector<std::string> Config::variant_list() const {
  const std::vector<std::string> list = by_commas(variants);
  for (const std::string& name : list) Config().choose_variant(name);
  require(!list.empty(), "variants: name at least one, e.g. baseline");
  return list;
}

}  // namespace etude::performance_lstm
