#pragma once
// The command line as commands, positional words and options.

#include <map>
#include <string>
#include <vector>

namespace etude {

struct Arguments {
  std::vector<std::string> words;                           // command and positional arguments
  std::map<std::string, std::vector<std::string>> options;  // "--set" -> its values, in order
  std::string command_line;                                 // as typed

  bool has(const std::string& option) const { return options.contains(option); }
  /// The last value given, or `otherwise`.
  std::string value(const std::string& option, const std::string& otherwise = "") const;
};

/// Every option takes one value, as "--key value" or "--key=value", but those of `flags` take none.
/// Error for one that is in neither list, or that lacks its value.
Arguments parse_arguments(int argc, char** argv, const std::vector<std::string>& known,
                          const std::vector<std::string>& flags);

}  // namespace etude
