#include "eval/text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

#include "engine/error.h"

namespace etude {
namespace {

std::string print(double value, std::chars_format format, int precision) {
  std::array<char, 400>
      buffer;  // the longest double in fixed format has 309 digits before the point
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format, precision);
  require(error == std::errc(), "format number: ", precision, " digits do not fit");
  return {buffer.data(), end};
}

std::string not_finite(double value) {
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') out += c;
    }
  }
  return out;
}

std::string format_number(double value, int digits) {
  if (!std::isfinite(value)) return not_finite(value);
  if (value == 0) return "0";
  constexpr std::array<std::string_view, 5> suffixes = {"", "k", "M", "G", "T"};
  size_t thousands = 0;
  double scaled = value;
  if (std::abs(value) >= 9999.5) {
    // 999.5 and not 1000: "1e+3k" must not appear where rounding carries.
    while (std::abs(scaled) >= 999.5 && thousands + 1 < suffixes.size()) {
      scaled /= 1000;
      ++thousands;
    }
  } else if (std::abs(value) >= std::pow(10.0, digits)) {
    return print(value, std::chars_format::fixed, 0);
  }
  std::string text = print(scaled, std::chars_format::general, digits);
  if (const size_t e = text.find('e'); e != std::string::npos) {  // 1e-05 -> 1e-5, 1e+05 -> 1e5
    const bool negative = text[e + 1] == '-';
    const size_t digit = text.find_first_not_of('0', e + 2);
    text = text.substr(0, e + 1) + (negative ? "-" : "") + text.substr(digit);
  }
  return text.append(suffixes[thousands]);
}

std::string format_fixed(double value, int decimals) {
  if (!std::isfinite(value)) return not_finite(value);
  std::string text = print(value, std::chars_format::fixed, decimals);
  if (text[0] == '-' && text.find_first_of("123456789") == std::string::npos) text.erase(0, 1);
  return text;
}

std::string format_mean_sd(double mean, double sd, int decimals) {
  std::string text = format_fixed(mean, decimals);
  if (std::isfinite(sd)) text += " ± " + format_fixed(sd, decimals);
  return text;
}

std::string encode_base64(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (j < count ? bytes[i + j] : 0);
    for (size_t j = 0; j < 4; ++j) {
      out += j <= count ? alphabet[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return out;
}

}  // namespace etude
