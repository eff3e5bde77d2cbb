#include "eval/svg.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/error.h"
#include "eval/text.h"

namespace etude {
namespace {

// The palette is Okabe and Ito's ("Color Universal Design", 2008) without yellow, in an order that
// puts the most distant colours first; the dark variants are lightened for contrast.
constexpr std::string_view style_sheet =
    ".etude{--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b8578f;--c4:#c98a00;--c5:#3a9bd5;"
    "--paper:#fff;color:#1c2024;font:12px system-ui,-apple-system,'Segoe UI',sans-serif}"
    "@media screen and (prefers-color-scheme:dark){.etude{--c0:#58aee8;--c1:#f5894a;--c2:#35c79b;"
    "--c3:#e08fc0;--c4:#e8b339;--c5:#9ad3f7;--paper:#15181c;color:#e4e7ea}}"
    ".etude text{fill:currentColor}.etude .title{font-size:15px;font-weight:600}"
    ".etude .small{font-size:9px}.etude .muted{fill-opacity:.72}.etude "
    "text.on-dark{fill:var(--paper)}"
    ".etude .grid{stroke:currentColor;stroke-opacity:.13}"
    ".etude .axis{stroke:currentColor;stroke-opacity:.55;fill:none}"
    ".etude .f0{fill:var(--c0)}.etude .f1{fill:var(--c1)}.etude .f2{fill:var(--c2)}"
    ".etude .f3{fill:var(--c3)}.etude .f4{fill:var(--c4)}.etude .f5{fill:var(--c5)}"
    ".etude .s0{stroke:var(--c0)}.etude .s1{stroke:var(--c1)}.etude .s2{stroke:var(--c2)}"
    ".etude .s3{stroke:var(--c3)}.etude .s4{stroke:var(--c4)}.etude .s5{stroke:var(--c5)}"
    ".etude .fk{fill:currentColor}.etude .sk{stroke:currentColor;stroke-opacity:.85}"
    ".etude .band{fill-opacity:.2}"
    ".etude .curve{fill:none;stroke-width:1.75;stroke-linejoin:round;stroke-linecap:round}"
    ".etude .fine{stroke-width:1}.etude .dash1{stroke-dasharray:6 4}.etude "
    ".dash2{stroke-dasharray:2 4}"
    ".etude .dash3{stroke-dasharray:9 3 2 3}";

std::string attribute(std::string_view name, double value) {
  return " " + std::string(name) + "=\"" + coordinate(value) + "\"";
}

std::string class_attribute(std::string_view style) {
  return style.empty() ? "" : " class=\"" + std::string(style) + "\"";
}

std::string closed(std::string_view tag, std::string_view tooltip) {
  if (tooltip.empty()) return "/>";
  return "><title>" + escape_html(tooltip) + "</title></" + std::string(tag) + ">";
}

std::vector<std::string> wrap(std::string_view text, double size, double width) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string word(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (text_width(line + " " + word, size) <= width) {
      line += " " + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

}  // namespace

double text_width(std::string_view text, double size) {
  double ems = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) == 0x80) continue;  // a later byte of one UTF-8 character
    if (byte >= 0xe3) {
      ems += 1;  // east Asian scripts and symbols
    } else if (std::string_view("il.,:;|'!()[]fjtrI -").find(c) != std::string_view::npos) {
      ems += 0.36;
    } else if (std::string_view("mwMW@%").find(c) != std::string_view::npos) {
      ems += 0.9;
    } else {
      ems += c >= 'A' && c <= 'Z' ? 0.7 : 0.58;
    }
  }
  return ems * size;
}

std::string coordinate(double value) {
  require(std::isfinite(value), "svg: coordinate ", value);
  std::string text = format_fixed(value, 1);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

void Svg::text(double x, double y, std::string_view content, std::string_view style, Anchor anchor,
               double rotate_degrees) {
  constexpr std::array<std::string_view, 3> anchors = {"", " text-anchor=\"middle\"",
                                                       " text-anchor=\"end\""};
  body_ += "<text" + attribute("x", x) + attribute("y", y) + class_attribute(style);
  body_ += anchors[static_cast<size_t>(anchor)];
  if (rotate_degrees != 0) {
    body_ += " transform=\"rotate(" + coordinate(rotate_degrees) + " " + coordinate(x) + " " +
             coordinate(y) + ")\"";
  }
  body_ += ">" + escape_html(content) + "</text>\n";
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view style) {
  body_ += "<line" + attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) +
           attribute("y2", y2) + class_attribute(style) + "/>\n";
}

void Svg::rect(double x, double y, double width, double height, std::string_view style,
               std::string_view tooltip) {
  body_ += "<rect" + attribute("x", x) + attribute("y", y) + attribute("width", width) +
           attribute("height", height) + class_attribute(style) + closed("rect", tooltip) + "\n";
}

void Svg::circle(double x, double y, double radius, std::string_view style,
                 std::string_view tooltip) {
  body_ += "<circle" + attribute("cx", x) + attribute("cy", y) + attribute("r", radius) +
           class_attribute(style) + closed("circle", tooltip) + "\n";
}

void Svg::path(std::string_view d, std::string_view style, double opacity) {
  body_ += "<path" + class_attribute(style);
  if (opacity < 1) body_ += " opacity=\"" + format_fixed(opacity, 3) + "\"";
  body_.append(" d=\"").append(d).append("\"/>\n");
}

void Svg::begin_clip(double x, double y, double width, double height) {
  // A nested svg cuts at its edge and, unlike a clip path, needs no id that is unique in the page.
  body_ += "<svg" + attribute("x", x) + attribute("y", y) + attribute("width", width) +
           attribute("height", height) + " viewBox=\"" + coordinate(x) + " " + coordinate(y) + " " +
           coordinate(width) + " " + coordinate(height) + "\">\n";
}

void Svg::end_clip() { body_ += "</svg>\n"; }

std::string Svg::finish(double height, std::string_view label) const {
  const std::string size = coordinate(svg_width) + " " + coordinate(height);
  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"etude\" viewBox=\"0 0 " +
                    size + "\" role=\"img\" aria-label=\"" + escape_html(label) + "\">\n<style>";
  return out.append(style_sheet).append("</style>\n").append(body_).append("</svg>\n");
}

double draw_header(Svg& svg, std::string_view title, std::span<const LegendItem> legend) {
  constexpr double row = 18, mark_width = 20, gap = 18;
  double y = 4;
  if (!title.empty()) {
    for (const std::string& line : wrap(title, title_size, svg_width)) {
      y += title_size + 2;
      svg.text(0, y, line, "title");
    }
    y += 6;
  }
  double x = 0;
  bool any = false;
  for (const LegendItem& item : legend) {
    if (item.name.empty()) continue;
    const double width = mark_width + 6 + text_width(item.name);
    if (any && x + width > svg_width) {
      x = 0;
      y += row;
    }
    any = true;
    if (item.mark == Mark::line) {
      svg.line(x, y + 9, x + mark_width, y + 9, item.style + " curve");
    } else {
      svg.path("M" + coordinate(x + 4) + " " + coordinate(y + 3) + "h12v12h-12z", item.style,
               item.opacity);
    }
    svg.text(x + mark_width + 6, y + 13, item.name);
    x += width + gap;
  }
  return any ? y + row + 6 : y;
}

std::string stroke_style(size_t i) {
  std::string style = "s" + std::to_string(i % palette_size);
  if (const size_t dash = i / palette_size % 4; dash > 0) style += " dash" + std::to_string(dash);
  return style;
}

std::string fill_style(size_t i) { return "f" + std::to_string(i % palette_size); }

}  // namespace etude
