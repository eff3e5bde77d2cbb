#pragma once
// Settings of an experiment: a plain struct that lists its fields once. The list reads TOML files
// and --set options, writes config.toml, and knows every key for the error messages.
//
//     struct Config {
//       std::int64_t epochs = 100;
//       void fields(Fields& f) { f("epochs", epochs, "passes over the data", 1); }
//     };

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <variant>
#include <vector>

namespace etude {

class Fields {
 public:
  using Target = std::variant<bool*, std::int64_t*, double*, std::string*>;

  /// `help` is one line with the unit; numbers must lie in [lo, hi].
  void operator()(const char* key, Target target, const char* help,
                  double lo = -std::numeric_limits<double>::infinity(),
                  double hi = std::numeric_limits<double>::infinity());
  /// A string that must be one of `choices` (separated by '|').
  void choice(const char* key, std::string& target, const char* help, const char* choices);

  /// Assigns every key of a TOML document; `source` is its name in errors, which carry the line.
  void load_toml(const std::string& text, const std::string& source);
  std::vector<std::string> keys() const;
  /// Assigns from "key=value" as on the command line, after `option`, which errors name.
  void set(const std::string& assignment, const std::string& option = "--set");
  /// All settings as TOML, with the help as comments; load_toml reads it back exactly.
  std::string to_toml() const;

 private:
  struct Field {
    const char* key;
    Target target;
    const char* help;
    double lo, hi;
    std::string choices;
  };
  const Field& find(const std::string& key, const std::string& where) const;
  static void check(const Field& field, const std::string& where);

  std::vector<Field> fields_;
};

/// The names of a setting that is a list by commas. Error that names `key` for an empty list or
/// name, and for one that comes twice.
std::vector<std::string> list_of(const std::string& key, const std::string& text);

/// Reads a file as text; Error names it.
std::string read_text_file(const std::filesystem::path& path);

}  // namespace etude
