#pragma once
// Text the figures and the report page share: escaping, short numbers, base64.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace etude {

/// `text` made safe inside HTML and SVG, in content and in quoted attributes. Control characters
/// other than tab and line feed, which XML forbids, are left out.
std::string escape_html(std::string_view text);

/// `value` with at most `digits` significant digits and no trailing zeros: "0.25", "12k", "1.5M",
/// "2e-4"; "nan", "inf", "-inf". Thousands are shortened from 10,000 on.
std::string format_number(double value, int digits = 3);

/// `value` with exactly `decimals` digits after the point; "nan", "inf", "-inf".
std::string format_fixed(double value, int decimals);

/// "0.65 ± 0.02", both with `decimals`; only the mean where `sd` is not finite (a single run).
std::string format_mean_sd(double mean, double sd, int decimals);

/// Standard base64 with padding (RFC 4648, section 4).
std::string encode_base64(std::span<const std::uint8_t> bytes);

}  // namespace etude
