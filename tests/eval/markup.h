#pragma once
// What tests ask of the markup that eval writes.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace etude {

/// How often `needle` occurs in `text`.
inline int count_of(std::string_view text, std::string_view needle) {
  int count = 0;
  for (size_t at = text.find(needle); at != std::string_view::npos;
       at = text.find(needle, at + 1)) {
    ++count;
  }
  return count;
}

/// "" if every element that is opened is closed in order, else the first offence. Elements that
/// HTML never closes are skipped; what stands in <style> is not looked at.
inline std::string unbalanced_tag(std::string_view text) {
  const std::vector<std::string_view> never_closed = {"meta", "img", "!DOCTYPE"};
  std::vector<std::string_view> open;
  for (size_t at = 0; (at = text.find('<', at)) != std::string_view::npos;) {
    const size_t end = text.find('>', at);
    if (end == std::string_view::npos) return "a tag without end";
    const std::string_view tag = text.substr(at + 1, end - at - 1);
    at = end;
    if (tag.starts_with('/')) {
      const std::string_view name = tag.substr(1);
      if (open.empty() || open.back() != name) return "</" + std::string(name) + ">";
      open.pop_back();
      continue;
    }
    const std::string_view name = tag.substr(0, tag.find(' '));
    if (tag.ends_with('/') || std::count(never_closed.begin(), never_closed.end(), name) > 0)
      continue;
    open.push_back(name);
    if (name == "style") at = std::min(text.find("</style>", at), text.size());
  }
  return open.empty() ? "" : "<" + std::string(open.back()) + "> is never closed";
}

}  // namespace etude
