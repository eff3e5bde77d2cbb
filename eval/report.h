#pragma once
// The report of a run: one HTML page that needs nothing but itself.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etude {

/// Rows of cells under column names. A column whose cells are all numbers (units, "±" and empty
/// cells allowed) is aligned right.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  std::string caption = {};
};

/// Collects text, tables, figures and sounds in the order of the calls and writes them as one
/// self-contained page: it works from disk, offline, in any browser, on paper. All text is plain
/// text and is escaped; a blank line in it begins a new paragraph.
class Report {
 public:
  explicit Report(std::string title);

  /// The result in a few sentences, set apart below the title.
  void summary(std::string_view text);
  /// Begins a section: a heading that the table of contents links to.
  void section(std::string_view heading);
  void text(std::string_view text);
  /// Error: a row whose length is not the number of columns.
  void table(const Table& table);
  /// `svg`: what draw() returned. Error: no SVG element.
  void figure(std::string_view svg, std::string_view caption);
  /// `png`: a PNG file in memory. `pixelated`: enlarged to up to 4 times, at most 480 px wide,
  /// without smoothing. Small images stand side by side. Error: not a PNG.
  void image(std::span<const std::uint8_t> png, std::string_view caption, bool pixelated = true);
  /// `wav`: a WAV file in memory. Error: not a WAV.
  void audio(std::span<const std::uint8_t> wav, std::string_view caption);
  /// Text in fixed pitch that opens on a click, e.g. a config.
  void details(std::string_view summary, std::string_view preformatted);

  /// The whole page.
  std::string html() const;
  /// Writes html() to `path`, all or nothing.
  void write(const std::filesystem::path& path) const;

 private:
  std::string title_;
  std::string summary_;
  std::string body_;
  std::vector<std::string> headings_;
};

}  // namespace etude
