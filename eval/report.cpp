#include "eval/report.h"

#include <algorithm>
#include <utility>

#include "engine/error.h"
#include "engine/io/atomic_file.h"
#include "eval/text.h"

namespace etude {
namespace {

constexpr std::string_view style_sheet = R"(
:root{color-scheme:light dark;--paper:#fff;--ink:#1c2024;--muted:#5c646d;--rule:#d9dde1;
  --tint:#f5f7f9;--link:#0060a0}
@media screen and (prefers-color-scheme:dark){:root{--paper:#15181c;--ink:#e4e7ea;--muted:#a0a8b1;
  --rule:#343a41;--tint:#1d2126;--link:#7cc0f2}}
*{box-sizing:border-box}
html{scroll-padding-top:3.5rem;-webkit-text-size-adjust:100%}
body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:960px;background:var(--paper);
  color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .75rem}
h2{font-size:1.25rem;margin:2.5rem 0 .5rem}
h1,h2,p,figcaption,td,th,summary{overflow-wrap:break-word}
p{max-width:42rem;margin:.6rem 0}
.summary{margin:1rem 0;padding:.35rem 1rem;background:var(--tint);border-left:3px solid var(--link)}
nav{position:sticky;top:0;z-index:1;margin:1rem -1rem 0;padding:.5rem 1rem;display:flex;
  gap:1.1rem;overflow-x:auto;white-space:nowrap;font-size:.85rem;background:var(--paper);
  border-bottom:1px solid var(--rule)}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.9rem}
caption,figcaption{color:var(--muted);font-size:.875rem;text-align:left}
caption{padding-bottom:.4rem}
th,td{padding:.3rem .9rem .3rem 0;text-align:left;vertical-align:top;
  border-bottom:1px solid var(--rule)}
th{vertical-align:bottom;border-bottom:2px solid var(--rule)}
.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
figure{margin:1.25rem 0}
figcaption{max-width:42rem;margin-top:.35rem}
.plot{margin:0}
.plot svg{display:block;width:100%;min-width:480px;max-width:760px;height:auto}
.inline{display:inline-block;vertical-align:top;margin-right:1.5rem;max-width:100%}
.inline figcaption{width:0;min-width:100%}
img{display:block;max-width:100%;height:auto}
.pixelated{image-rendering:pixelated}
.sound{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem 1rem;margin:.6rem 0}
audio{width:320px;max-width:100%}
details{margin:1rem 0;border:1px solid var(--rule);border-radius:4px;padding:.4rem .8rem}
summary{cursor:pointer}
pre{overflow-x:auto;margin:.6rem 0;font:.8rem/1.45 ui-monospace,Menlo,Consolas,monospace}
@media print{body{max-width:none;padding:0;font-size:11pt}nav{display:none}.wide{overflow:visible}
  figure,tr{break-inside:avoid}h2{break-after:avoid}.plot{margin:0}
.plot svg{min-width:0}pre{white-space:pre-wrap}}
)";

std::string paragraphs(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find("\n\n"), text.size());
    const std::string_view paragraph = text.substr(0, end);
    if (paragraph.find_first_not_of(" \t\n") != std::string_view::npos) {
      out += "<p>" + escape_html(paragraph) + "</p>\n";
    }
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return out;
}

std::string figcaption(std::string_view caption) {
  return caption.empty() ? "" : "<figcaption>" + escape_html(caption) + "</figcaption>";
}

/// "12", "-0.5", "1e-4", "0.65 ± 0.02", "17/26", "98 %", "1.5 s", "3x": begins like a number and
/// has at most one short word, its unit.
bool is_number(std::string_view cell) {
  const size_t digit = cell.find_first_not_of("+-.<>=~ ");
  if (digit == std::string_view::npos || cell[digit] < '0' || cell[digit] > '9') return false;
  size_t letters = 0;
  for (const char c : cell) letters += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letters <= 4;
}

bool is_blank(std::string_view cell) {
  return cell.find_first_not_of("- ") == std::string_view::npos || cell == "–" || cell == "—" ||
         cell == "nan" || cell == "n/a" || cell == "inf" || cell == "-inf";
}

std::vector<bool> number_columns(const Table& table) {
  std::vector<bool> number(table.columns.size());
  for (size_t c = 0; c < number.size(); ++c) {
    bool any = false, all = true;
    for (const std::vector<std::string>& row : table.rows) {
      any |= is_number(row[c]);
      all &= is_number(row[c]) || is_blank(row[c]);
    }
    number[c] = any && all;
  }
  return number;
}

std::string cell(std::string_view tag, std::string_view text, bool number) {
  const std::string name(tag);
  return "<" + name + (number ? " class=\"number\">" : ">") + escape_html(text) + "</" + name + ">";
}

bool begins_with(std::span<const std::uint8_t> bytes, size_t offset, std::string_view magic) {
  return bytes.size() >= offset + magic.size() &&
         std::equal(magic.begin(), magic.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

std::uint32_t big_endian(std::span<const std::uint8_t> bytes, size_t offset) {
  std::uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | bytes[offset + i];
  return value;
}

}  // namespace

Report::Report(std::string title) : title_(std::move(title)) {}

void Report::summary(std::string_view text) { summary_ += paragraphs(text); }

void Report::section(std::string_view heading) {
  headings_.emplace_back(heading);
  body_ += "<h2 id=\"section-" + std::to_string(headings_.size()) + "\">" + escape_html(heading) +
           "</h2>\n";
}

void Report::text(std::string_view text) { body_ += paragraphs(text); }

void Report::table(const Table& table) {
  for (const std::vector<std::string>& row : table.rows) {
    require(row.size() == table.columns.size(), "report: a table row has ", row.size(),
            " cells, the table ", table.columns.size(), " columns");
  }
  const std::vector<bool> number = number_columns(table);
  body_ += "<div class=\"wide\"><table>";
  if (!table.caption.empty()) body_ += "<caption>" + escape_html(table.caption) + "</caption>";
  body_ += "\n<thead><tr>";
  for (size_t c = 0; c < table.columns.size(); ++c) {
    body_ += cell("th", table.columns[c], number[c]);
  }
  body_ += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : table.rows) {
    body_ += "<tr>";
    for (size_t c = 0; c < row.size(); ++c) body_ += cell("td", row[c], number[c]);
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
}

void Report::figure(std::string_view svg, std::string_view caption) {
  require(svg.starts_with("<svg"), "report: a figure is an <svg> element, not \"",
          svg.substr(0, 20), "\"");
  body_.append("<figure><div class=\"wide plot\">").append(svg).append("</div>");
  body_ += figcaption(caption) + "</figure>\n";
}

void Report::image(std::span<const std::uint8_t> png, std::string_view caption, bool pixelated) {
  require(png.size() >= 24 && begins_with(png, 0, "\x89PNG\r\n\x1a\n"),
          "report: an image is a PNG file in memory; these ", png.size(), " bytes are not");
  const std::uint32_t width = big_endian(png, 16), height = big_endian(png, 20);
  std::uint32_t scale = 1;
  if (pixelated) scale = std::clamp<std::uint32_t>(480 / std::max(width, 1u), 1, 4);
  body_ += "<figure class=\"inline\"><img";
  if (pixelated) body_ += " class=\"pixelated\"";
  body_ += " width=\"" + std::to_string(width * scale) + "\" height=\"" +
           std::to_string(height * scale) + "\" alt=\"" + escape_html(caption) +
           "\" src=\"data:image/png;base64," + encode_base64(png) + "\">" + figcaption(caption) +
           "</figure>\n";
}

void Report::audio(std::span<const std::uint8_t> wav, std::string_view caption) {
  require(begins_with(wav, 0, "RIFF") && begins_with(wav, 8, "WAVE"),
          "report: audio is a WAV file in memory; these ", wav.size(), " bytes are not");
  body_ +=
      "<figure class=\"sound\"><audio controls preload=\"metadata\" src=\"data:audio/wav;base64," +
      encode_base64(wav) + "\"></audio>" + figcaption(caption) + "</figure>\n";
}

void Report::details(std::string_view summary, std::string_view preformatted) {
  body_ += "<details><summary>" + escape_html(summary) + "</summary><pre>" +
           escape_html(preformatted) + "</pre></details>\n";
}

std::string Report::html() const {
  const std::string title = escape_html(title_);
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
      title + "</title>\n<style>";
  out.append(style_sheet).append("</style>\n</head>\n<body>\n<h1>" + title + "</h1>\n");
  if (!summary_.empty()) out += "<div class=\"summary\">\n" + summary_ + "</div>\n";
  if (headings_.size() > 1) {
    out += "<nav aria-label=\"Contents\">";
    for (size_t i = 0; i < headings_.size(); ++i) {
      out += "<a href=\"#section-" + std::to_string(i + 1) + "\">" + escape_html(headings_[i]) +
             "</a>\n";
    }
    out += "</nav>\n";
  }
  return out + "<main>\n" + body_ + "</main>\n</body>\n</html>\n";
}

void Report::write(const std::filesystem::path& path) const { write_file_atomically(path, html()); }

}  // namespace etude
