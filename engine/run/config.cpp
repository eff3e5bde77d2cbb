#include "engine/run/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "engine/error.h"

namespace etude {
namespace {

constexpr const char* kTypeNames[] = {"true or false", "a whole number", "a number", "a string"};

/// "a|b|c" holds `value`.
bool among(const std::string& choices, const std::string& value) {
  std::istringstream stream(choices);
  for (std::string choice; std::getline(stream, choice, '|');) {
    if (choice == value) return true;
  }
  return false;
}

std::string toml_string(const std::string& text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

/// The shortest digits that read back as the same double; always with a point or exponent.
std::string digits_of(double value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, end);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

template <class Number>
bool parse(const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void Fields::operator()(const char* key, Target target, const char* help, double lo, double hi) {
  fields_.push_back({key, target, help, lo, hi, ""});
}

void Fields::choice(const char* key, std::string& target, const char* help, const char* choices) {
  fields_.push_back({key, &target, help, 0, 0, choices});
}

const Fields::Field& Fields::find(const std::string& key, const std::string& where) const {
  std::string known;
  for (const Field& field : fields_) {
    if (key == field.key) return field;
    known += (known.empty() ? "" : ", ") + std::string(field.key);
  }
  fail(where, ": unknown key ", key, "; the keys are ", known);
}

void Fields::check(const Field& field, const std::string& where) {
  if (auto* text = std::get_if<std::string*>(&field.target)) {
    require(field.choices.empty() || among(field.choices, **text), where, ": ", field.key,
            " must be one of ", field.choices, ", not ", **text);
    return;
  }
  double value = 0;
  if (auto* number = std::get_if<double*>(&field.target)) value = **number;
  if (auto* number = std::get_if<std::int64_t*>(&field.target)) {
    value = static_cast<double>(**number);
  }
  require(value >= field.lo && value <= field.hi, where, ": ", field.key, " = ", value,
          " is not in [", field.lo, ", ", field.hi, "]");
}

void Fields::load_toml(const std::string& text, const std::string& source) {
  toml::table table;
  try {
    table = toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    fail(source, ":", error.source().begin.line, ": ", error.description());
  }
  for (const auto& [key, node] : table) {
    std::ostringstream place;
    place << source << ":" << node.source().begin.line;
    const std::string where = place.str();
    const Field& field = find(std::string(key.str()), where);
    bool fits = false;
    const auto assign = [&](auto* target, const auto& found) {
      if ((fits = found.has_value()))
        *target = static_cast<std::decay_t<decltype(*target)>>(*found);
    };
    if (auto* target = std::get_if<bool*>(&field.target)) {
      assign(*target, node.value_exact<bool>());
    } else if (auto* whole = std::get_if<std::int64_t*>(&field.target)) {
      assign(*whole, node.value_exact<std::int64_t>());
    } else if (auto* number = std::get_if<double*>(&field.target)) {
      assign(*number, node.value<double>());
    } else {
      assign(std::get<std::string*>(field.target), node.value_exact<std::string>());
    }
    require(fits, where, ": ", field.key, " must be ", kTypeNames[field.target.index()]);
    check(field, where);
  }
}

std::vector<std::string> Fields::keys() const {
  std::vector<std::string> keys;
  for (const Field& field : fields_) keys.emplace_back(field.key);
  return keys;
}

void Fields::set(const std::string& assignment, const std::string& option) {
  const std::size_t equals = assignment.find('=');
  require(equals != std::string::npos && equals > 0, option, " ", assignment,
          ": expected key=value");
  const std::string value = assignment.substr(equals + 1);
  const Field& field = find(assignment.substr(0, equals), option);
  bool fits = true;
  if (auto* target = std::get_if<bool*>(&field.target)) {
    fits = value == "true" || value == "false";
    **target = value == "true";
  } else if (auto* whole = std::get_if<std::int64_t*>(&field.target)) {
    fits = parse(value, **whole);
  } else if (auto* number = std::get_if<double*>(&field.target)) {
    fits = parse(value, **number) && std::isfinite(**number);
  } else {
    *std::get<std::string*>(field.target) = value;
  }
  require(fits, option, " ", assignment, ": ", field.key, " must be ",
          kTypeNames[field.target.index()]);
  check(field, option);
}

std::string Fields::to_toml() const {
  std::ostringstream out;
  for (const Field& field : fields_) {
    out << "# " << field.help << (field.choices.empty() ? "" : ": " + field.choices) << "\n"
        << field.key << " = ";
    if (auto* flag = std::get_if<bool*>(&field.target)) {
      out << (**flag ? "true" : "false");
    } else if (auto* whole = std::get_if<std::int64_t*>(&field.target)) {
      out << **whole;
    } else if (auto* number = std::get_if<double*>(&field.target)) {
      out << digits_of(**number);
    } else {
      out << toml_string(*std::get<std::string*>(field.target));
    }
    out << "\n";
  }
  return out.str();
}

std::string read_text_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.good(), path.string(), ": cannot be opened for reading");
  std::ostringstream text;
  text << file.rdbuf();
  require(file.good(), path.string(), ": cannot be read");
  return text.str();
}

std::vector<std::string> list_of(const std::string& key, const std::string& text) {
  std::vector<std::string> names;
  std::istringstream stream(text + ',');
  for (std::string name; std::getline(stream, name, ',');) {
    require(!name.empty(), key, " = \"", text, "\": a name is missing");
    require(std::ranges::find(names, name) == names.end(), key, ": ", name, " comes twice");
    names.push_back(name);
  }
  return names;
}

}  // namespace etude
