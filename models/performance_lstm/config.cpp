#include "models/performance_lstm/config.h"

#include <charconv>
#include <cmath>

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

std::vector<double> Config::temperature_list() const {
  std::vector<double> list;
  for (const std::string& word : list_of("temperatures", temperatures)) {
    double value = -1;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    require(error == std::errc() && end == word.data() + word.size() && value >= 0 &&
                std::isfinite(value),
            "temperatures: ", word, " is no number from 0 up");
    list.push_back(value);
  }
  return list;
}

std::vector<std::string> Config::variant_list() const {
  const std::vector<std::string> list = list_of("variants", variants);
  for (const std::string& name : list) Config().choose_variant(name);
  return list;
}

}  // namespace etude::performance_lstm
