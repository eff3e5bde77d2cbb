#include "eval/report.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/error.h"
#include "eval/plot.h"
#include "eval/png.h"
#include "tests/eval/markup.h"

namespace etude {
namespace {

const std::vector<std::uint8_t> wav = {'R', 'I', 'F', 'F', 4, 0, 0, 0, 'W', 'A', 'V', 'E'};

Report full_report() {
  Report page("A & <B>");
  page.summary("It did not collapse.\n\nSecond <paragraph>.");
  page.section("Results \"quoted\"");
  page.text("one\n\n\n\ntwo");
  page.table({{"name", "value"}, {{"<x>", "1"}, {"y", "0.5 ± 0.1"}, {"z", "–"}}, "A <caption>."});
  page.section("Figures");
  page.figure(draw(LinePlot{"t", "x", "y", {{"s", {0, 1}, {0, 1}, {}}}}), "c > d");
  page.image(encode_png({2, 3, 1, {0, 1, 2, 3, 4, 5}}), "\"><script>alert(1)</script>");
  page.audio(wav, "sound");
  page.details("config", "a = \"<b>\"\n  c = 1\n");
  return page;
}

TEST_CASE("report: balanced, escaped, and nothing comes from elsewhere") {
  const std::string html = full_report().html();
  CHECK(unbalanced_tag(html) == "");
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("<link") == std::string::npos);
  CHECK(html.find("@import") == std::string::npos);
  CHECK(html.find("url(") == std::string::npos);
  for (const char* attribute : {"src=\"", "href=\""}) {
    for (size_t at = html.find(attribute); at != std::string::npos;
         at = html.find(attribute, at + 1)) {
      const std::string value = html.substr(html.find('"', at) + 1, 5);
      CHECK((value == "data:" || value.starts_with('#')));
    }
  }
  CHECK(html.find("<title>A &amp; &lt;B&gt;</title>") != std::string::npos);
  CHECK(html.find("<p>Second &lt;paragraph&gt;.</p>") != std::string::npos);
  CHECK(html.find("<pre>a = &quot;&lt;b&gt;&quot;\n  c = 1\n</pre>") != std::string::npos);
  CHECK(count_of(html, "<p>") == 4);
}

TEST_CASE("report: the contents link to the sections") {
  const std::string html = full_report().html();
  CHECK(html.find("<a href=\"#section-2\">Figures</a>") != std::string::npos);
  CHECK(html.find("<h2 id=\"section-2\">Figures</h2>") != std::string::npos);
  Report short_page("t");
  short_page.section("only");
  CHECK(short_page.html().find("<nav") == std::string::npos);
}

TEST_CASE("report: columns of numbers are aligned right, others are not") {
  Report page("t");
  page.table(
      {{"words", "numbers", "mixed", "empty", "letters"},
       {{"a", "-1e-4", "1", "", "B G N"}, {"b", "98 %", "one", "–", "17/26 of all letters"}}});
  const std::string html = page.html();
  CHECK(html.find("<th>words</th><th class=\"number\">numbers</th><th>mixed</th><th>empty</th>"
                  "<th>letters</th>") != std::string::npos);
  CHECK(html.find("<td class=\"number\">98 %</td>") != std::string::npos);
  CHECK_THROWS_AS(page.table({{"a", "b"}, {{"1"}}}), Error);
}

TEST_CASE("report: small pixelated images are enlarged by a whole factor") {
  Report page("t");
  const std::vector<std::uint8_t> png = encode_png({2, 200, 1, std::vector<std::uint8_t>(400)});
  page.image(png, "", true);
  page.image(png, "", false);
  const std::string html = page.html();
  CHECK(html.find("width=\"400\" height=\"4\"") != std::string::npos);
  CHECK(html.find("width=\"200\" height=\"2\"") != std::string::npos);
}

TEST_CASE("report: what is no figure, image or sound is refused") {
  Report page("t");
  CHECK_THROWS_AS(page.figure("<div></div>", ""), Error);
  CHECK_THROWS_AS(page.image(wav, ""), Error);
  CHECK_THROWS_AS(page.audio(std::vector<std::uint8_t>{1, 2}, ""), Error);
}

TEST_CASE("report: write makes the file and says where it could not") {
  const auto path = std::filesystem::temp_directory_path() / "etude_report_test.html";
  const Report page = full_report();
  page.write(path);
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  std::filesystem::remove(path);
  CHECK(content == page.html());
  CHECK_THROWS_AS(page.write("/nowhere/report.html"), Error);
}

}  // namespace
}  // namespace etude
