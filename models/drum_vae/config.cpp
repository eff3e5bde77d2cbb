#include "models/drum_vae/config.h"

#include <algorithm>

#include "engine/error.h"

namespace etude::drum_vae {

void Config::choose_strategy(const std::string& name) {
  if (name == "best") return;
  constexpr const char* kFreeBits = "+free_bits";
  const std::size_t plus = name.find('+');
  const std::string schedule = name.substr(0, plus);
  const std::string schedules[] = {"constant", "linear", "cyclical", "sigmoid"};
  require(std::ranges::count(schedules, schedule) &&
              (plus == std::string::npos || name.substr(plus) == kFreeBits),
          "unknown strategy ", name,
          "; the strategies are best, constant, linear, cyclical, sigmoid, ",
          "each but the first also with ", kFreeBits);
  // The reports' model and training.
  beta = schedule;
  free_bits = plus == std::string::npos ? 0 : 0.1;
  high_from = "low";
  prior = "standard";
  epochs = std::min<std::int64_t>(epochs, 100);
  lr = 1e-3;
  lr_schedule = "constant";
  weight_decay = dropout = input_noise = spread_penalty = average = 0;
  low_weight = 1;
}

std::vector<std::string> Config::strategy_list() const {
  const std::vector<std::string> list = list_of("strategies", strategies);
  for (const std::string& name : list) Config().choose_strategy(name);
  return list;
}

}  // namespace etude::drum_vae
