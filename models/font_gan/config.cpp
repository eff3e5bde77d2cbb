#include "models/font_gan/config.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "engine/error.h"

namespace etude::font_gan {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

namespace {

struct Switch {
  const char* name;
  bool Config::*flag;
};
constexpr Switch kSwitches[] = {{"feature_matching", &Config::feature_matching},
                                {"conditional", &Config::conditional}};

}  // namespace

void Config::choose_variant(const std::string& variant) {
  for (const Switch& s : kSwitches) this->*s.flag = false;
  if (variant == "vanilla") return;
  for (const std::string& part : split(variant + "+", '+')) {
    const Switch* found = nullptr;
    std::string known = "vanilla";
    for (const Switch& s : kSwitches) {
      if (part == s.name) found = &s;
      known += std::string(", ") + s.name;
    }
    require(found != nullptr, "variants: unknown variant ", part, "; they are ", known,
            ", joined by +");
    this->*found->flag = true;
  }
}

std::vector<std::string> Config::variant_list() const {
  std::vector<std::string> list;
  for (const std::string& name : split(variants + ",", ',')) {
    Config config;
    config.choose_variant(name);
    const std::string spelling = config.variant();
    require(std::find(list.begin(), list.end(), spelling) == list.end(), "variants: ", spelling,
            " is named twice");
    list.push_back(spelling);
  }
  return list;
}

std::vector<std::int64_t> Config::image_epoch_list() const {
  std::vector<std::int64_t> list;
  for (const std::string& text : split(image_epochs, ',')) {
    const std::size_t begin = text.find_first_not_of(' ');
    const std::string digits = begin == std::string::npos ? "" : text.substr(begin);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    require(error == std::errc() && end == digits.data() + digits.size(),
            "image_epochs: ", image_epochs, " is not a list of whole numbers such as 10,30,50");
    list.push_back(value);
  }
  return list;
}

std::string Config::variant() const {
  std::string name;
  for (const Switch& s : kSwitches) {
    if (this->*s.flag) name += (name.empty() ? "" : "+") + std::string(s.name);
  }
  return name.empty() ? "vanilla" : name;
}

}  // namespace etude::font_gan
