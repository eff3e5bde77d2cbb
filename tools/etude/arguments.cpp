#include "tools/etude/arguments.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/run/console.h"

namespace etude {

std::string Arguments::value(const std::string& option, const std::string& otherwise) const {
  const auto found = options.find(option);
  return found == options.end() ? otherwise : found->second.back();
}

Arguments parse_arguments(int argc, char** argv, const std::vector<std::string>& known,
                          const std::vector<std::string>& flags) {
  const auto has = [](const std::vector<std::string>& list, const std::string& option) {
    return std::find(list.begin(), list.end(), option) != list.end();
  };
  Arguments arguments;
  arguments.command_line = "etude";
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    arguments.command_line += " " + shell_word(word);
    if (!word.starts_with("--")) {
      arguments.words.push_back(word);
      continue;
    }
    if (has(flags, word)) {
      arguments.options[word].emplace_back();
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    std::string list;
    for (const std::string& option : known) list += " " + option;
    for (const std::string& flag : flags) list += " " + flag;
    require(!has(flags, key), "option ", key, " takes no value");
    require(has(known, key), "unknown option ", key, "; the options are", list);
    if (equals != std::string::npos) {
      arguments.options[key].push_back(word.substr(equals + 1));
    } else {
      require(i + 1 < argc, "option ", key, " needs a value");
      arguments.options[key].emplace_back(argv[++i]);
      arguments.command_line += " " + shell_word(argv[i]);
    }
  }
  return arguments;
}

}  // namespace etude
