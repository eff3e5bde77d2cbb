#include "models/font_gan/config.h"

#include <algorithm>
#include <charconv>
#include <span>
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
  bool (*on)(const Config&);
  void (*set)(Config&, bool);
};
template <bool Config::*flag>
constexpr Switch plain(const char* name) {
  return {name, [](const Config& c) { return c.*flag; }, [](Config& c, bool on) { c.*flag = on; }};
}
template <bool gradient>
constexpr Switch unrolling(const char* name) {
  return {name, [](const Config& c) { return c.unrolled && c.unroll_gradient == gradient; },
          [](Config& c, bool on) {
            c.unrolled = on;
            c.unroll_gradient = !on || gradient;
          }};
}
constexpr Switch kSwitches[] = {
    plain<&Config::feature_matching>("feature_matching"),
    plain<&Config::conditional>("conditional"),
    plain<&Config::projection>("projection"),
    plain<&Config::minibatch_discrimination>("minibatch_discrimination"),
    unrolling<true>("unrolled"),
    unrolling<false>("unrolled_values"),
    plain<&Config::packing>("packing"),
    plain<&Config::r1_r2>("r1_r2"),
    plain<&Config::wgan_gp>("wgan_gp"),
    plain<&Config::spectral_norm>("spectral_norm"),
    {"residual", [](const Config& c) { return c.networks == "residual"; },
     [](Config& c, bool on) { c.networks = on ? "residual" : "reference"; }},
    plain<&Config::average>("average"),
    plain<&Config::augment>("augment"),
};
constexpr const char* kBest = "best";
const std::vector<std::string> kBestParts = {"conditional", "projection", "r1_r2", "residual",
                                             "average"};

bool is_best_part(const std::string& name) {
  return std::find(kBestParts.begin(), kBestParts.end(), name) != kBestParts.end();
}

const Switch& find_switch(const std::string& name) {
  std::string known = "vanilla";
  for (const Switch& s : kSwitches) {
    if (name == s.name) return s;
    known += std::string(", ") + s.name;
  }
  fail("variants: unknown variant ", name, "; they are ", known, ", ", kBest, ", joined by +");
}

struct Exclusion {
  const char *a, *b, *why;
};
constexpr const char* kOneLoss = "each sets the generator's loss";
constexpr const char* kByItself =
    "a gradient penalty takes each image by itself, minibatch discrimination compares them";
constexpr Exclusion kExclusions[] = {
    {"feature_matching", "r1_r2", kOneLoss},
    {"feature_matching", "wgan_gp", kOneLoss},
    {"r1_r2", "wgan_gp", kOneLoss},
    {"minibatch_discrimination", "r1_r2", kByItself},
    {"minibatch_discrimination", "wgan_gp", kByItself},
    {"spectral_norm", "residual", "residual branches begin at zero, which has no spectral norm"},
};

}  // namespace

void Config::choose_variant(const std::string& variant) {
  for (const Switch& s : kSwitches) s.set(*this, false);
  if (variant == "vanilla") return;
  std::vector<std::string> chosen;
  for (const std::string& part : split(variant + "+", '+')) {
    if (part == kBest) {
      chosen.insert(chosen.end(), kBestParts.begin(), kBestParts.end());
    } else {
      chosen.push_back(part);
    }
  }
  for (const std::string& name : chosen) find_switch(name).set(*this, true);
  for (const std::string& name : chosen) {
    require(find_switch(name).on(*this), "variants: ", variant, ": ", name,
            " and another of them exclude each other");
  }
  check();
}

void Config::check() const {
  for (const Exclusion& e : kExclusions) {
    require(!find_switch(e.a).on(*this) || !find_switch(e.b).on(*this), "font_gan: ", e.a, " and ",
            e.b, " exclude each other (", e.why, "): leave one of them out");
  }
  require(!projection || conditional,
          "font_gan: projection gives each letter its own weights: switch conditional on too");
  require(!projection || !feature_matching || adversarial_weight > 0,
          "font_gan: feature matching alone asks the generator for no letter: set "
          "adversarial_weight, or leave projection out");
  require(!packing || batch % pack_size == 0, "font_gan: a batch of ", batch,
          " images is no whole number of packs of ", pack_size, ": set batch to a multiple of it");
}

Config::Variants Config::variant_lists() const {
  const auto spelled = [&](const std::string& names, std::span<const std::string> taken) {
    std::vector<std::string> list;
    for (const std::string& name : split(names + ",", ',')) {
      Config config = *this;
      config.choose_variant(name);
      const std::string spelling = config.variant();
      require(std::ranges::find(list, spelling) == list.end() &&
                  std::ranges::find(taken, spelling) == taken.end(),
              "variants: ", spelling, " is named twice");
      list.push_back(spelling);
    }
    return list;
  };
  Variants lists;
  lists.main = spelled(variants, {});
  if (!others.empty()) lists.others = spelled(others, lists.main);
  if (!ee641_variants.empty()) lists.ee641 = spelled(ee641_variants, {});
  return lists;
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
  const bool best = std::all_of(kBestParts.begin(), kBestParts.end(), [&](const std::string& name) {
    return find_switch(name).on(*this);
  });
  std::string name = best ? kBest : "";
  for (const Switch& s : kSwitches) {
    if (!s.on(*this) || (best && is_best_part(s.name))) continue;
    name += (name.empty() ? "" : "+") + std::string(s.name);
  }
  return name.empty() ? "vanilla" : name;
}

}  // namespace etude::font_gan
