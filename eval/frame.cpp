#include "eval/frame.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace etude {
namespace {

constexpr double slant_degrees = -40;
const double slant_cos = std::cos(40 * 3.14159265358979 / 180);
const double slant_sin = std::sin(40 * 3.14159265358979 / 180);

double widest(std::span<const std::string> labels) {
  double width = 0;
  for (const std::string& label : labels) width = std::max(width, text_width(label));
  return width;
}

bool is_number(const std::string& label) {
  return label.find_first_not_of("0123456789.,+-ekM") == std::string::npos;
}

/// Every how many labels, `spacing` apart, one has room: 1, 2, 5, 10, 20, ...
size_t label_stride(std::span<const std::string> labels, double spacing) {
  const double least = (widest(labels) + 4) / spacing;
  for (size_t power = 1;; power *= 10) {
    for (const size_t stride : {power, 2 * power, 5 * power}) {
      if (static_cast<double>(stride) >= least || stride >= labels.size()) return stride;
    }
  }
}

bool slanted(double slot, std::span<const std::string> labels) {
  return widest(labels) + 4 > slot && slot >= text_size + 2 &&
         !std::all_of(labels.begin(), labels.end(), is_number);
}

}  // namespace

void Extent::add(double value) {
  if (!std::isfinite(value)) return;
  if (empty()) {
    low = high = value;
  } else {
    low = std::min(low, value);
    high = std::max(high, value);
  }
}

Frame begin_frame(Svg& svg, double top, Axis x, Axis y, std::string_view y_label, double left_room,
                  double height) {
  if (!y_label.empty()) {
    svg.text(0, top + text_size, y_label, "muted");
    top += 20;
  }
  Frame frame;
  frame.left = std::max(widest(y.labels) + 8, left_room);
  frame.right = svg_width - 14;
  frame.top = top + 4;
  frame.bottom = frame.top + height;
  frame.x = std::move(x);
  frame.y = std::move(y);
  for (size_t i = 0; i < frame.y.ticks.size(); ++i) {
    const double at = frame.at_y(frame.y.ticks[i]);
    svg.line(frame.left, at, frame.right, at, "grid");
    svg.text(frame.left - 6, at + 4, frame.y.labels[i], "muted", Anchor::end);
  }
  return frame;
}

double draw_x_axis(Svg& svg, const Frame& frame, std::string_view x_label) {
  svg.line(frame.left, frame.bottom, frame.right, frame.bottom, "axis");
  const std::vector<double>& ticks = frame.x.ticks;
  const double spacing = ticks.size() < 2 ? svg_width : frame.at_x(ticks[1]) - frame.at_x(ticks[0]);
  const size_t stride = label_stride(frame.x.labels, spacing);
  for (size_t i = 0; i < ticks.size(); ++i) {
    const double at = frame.at_x(ticks[i]);
    svg.line(at, frame.bottom, at, frame.bottom + 4, "axis");
    if (i % stride != 0) continue;
    // Labels stay inside the figure: the outermost may not be centred on its tick.
    const double half = text_width(frame.x.labels[i]) / 2;
    svg.text(std::clamp(at, half, svg_width - half), frame.bottom + 17, frame.x.labels[i], "muted",
             Anchor::middle);
  }
  return draw_x_label(svg, frame, frame.bottom + 22, x_label);
}

double draw_x_label(Svg& svg, const Frame& frame, double y, std::string_view x_label) {
  if (x_label.empty()) return y + 2;
  svg.text((frame.left + frame.right) / 2, y + text_size, x_label, "muted", Anchor::middle);
  return y + text_size + 6;
}

double draw_slot_labels(Svg& svg, double left, double top, double slot,
                        std::span<const std::string> labels) {
  if (labels.empty()) return top;
  if (slanted(slot, labels)) {
    for (size_t i = 0; i < labels.size(); ++i) {
      svg.text(left + (i + 0.5) * slot + 4, top + 12, labels[i], "muted", Anchor::end,
               slant_degrees);
    }
    return top + 14 + widest(labels) * slant_sin;
  }
  // Counted from the last, which is labelled: it is the result, and epochs end at a round number.
  const size_t stride = label_stride(labels, slot);
  for (size_t i = (labels.size() - 1) % stride; i < labels.size(); i += stride) {
    svg.text(left + (i + 0.5) * slot, top + 13, labels[i], "muted", Anchor::middle);
  }
  return top + 18;
}

double slot_label_overhang(double slot, std::span<const std::string> labels) {
  if (!slanted(slot, labels)) return 0;
  double overhang = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    overhang = std::max(overhang, text_width(labels[i]) * slant_cos - (i + 0.5) * slot);
  }
  return overhang;
}

std::vector<LegendItem> reference_legend(std::span<const Reference> references) {
  std::vector<LegendItem> items;
  for (size_t i = 0; i < references.size(); ++i) {
    items.push_back({references[i].name, reference_style(i)});
  }
  return items;
}

std::string reference_style(size_t i) { return "sk dash" + std::to_string(i % 3 + 1); }

}  // namespace etude
