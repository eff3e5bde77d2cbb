#include "eval/text.h"

#include <doctest/doctest.h>

#include <limits>

namespace etude {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string base64_of(std::string_view text) {
  return encode_base64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

TEST_CASE("escape_html leaves nothing that could end a text or an attribute") {
  CHECK(escape_html("a<b>&\"'c") == "a&lt;b&gt;&amp;&quot;&#39;c");
  CHECK(escape_html("tab\tline\n\x01\x1f") == "tab\tline\n");
  CHECK(escape_html("± é") == "± é");
}

TEST_CASE("format_number is short") {
  CHECK(format_number(0) == "0");
  CHECK(format_number(-0.0) == "0");
  CHECK(format_number(0.25) == "0.25");
  CHECK(format_number(2.0 / 3) == "0.667");
  CHECK(format_number(1234) == "1234");
  CHECK(format_number(-9999) == "-9999");
  CHECK(format_number(12000) == "12k");
  CHECK(format_number(999999) == "1M");
  CHECK(format_number(1.5e6) == "1.5M");
  CHECK(format_number(2e-5) == "2e-5");
  CHECK(format_number(1e300).find('e') != std::string::npos);
  CHECK(format_number(nan) == "nan");
  CHECK(format_number(-inf) == "-inf");
}

TEST_CASE("format_fixed and format_mean_sd keep the decimals asked for") {
  CHECK(format_fixed(1.005, 1) == "1.0");
  CHECK(format_fixed(-0.001, 2) == "0.00");
  CHECK(format_fixed(inf, 2) == "inf");
  CHECK(format_mean_sd(24.2, 0.449, 1) == "24.2 ± 0.4");
  CHECK(format_mean_sd(24.2, nan, 1) == "24.2");
}

TEST_CASE("encode_base64: the test vectors of RFC 4648") {
  CHECK(base64_of("") == "");
  CHECK(base64_of("f") == "Zg==");
  CHECK(base64_of("fo") == "Zm8=");
  CHECK(base64_of("foo") == "Zm9v");
  CHECK(base64_of("foobar") == "Zm9vYmFy");
  CHECK(base64_of("\xff\xff\xfe") == "///+");
}

}  // namespace
}  // namespace etude
