#include "models/font_gan/config.h"

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
  for (const std::string& part : split(variant, '+')) {
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

std::string Config::variant() const {
  std::string name;
  for (const Switch& s : kSwitches) {
    if (this->*s.flag) name += (name.empty() ? "" : "+") + std::string(s.name);
  }
  return name.empty() ? "vanilla" : name;
}

}  // namespace etude::font_gan
