#pragma once
// `etude tokenize` and `etude detokenize`: MIDI files as ids, in the text of
// tokenizers/tokenizer.h, and back.

#include <filesystem>
#include <string>
#include <vector>

namespace etude {

/// Writes the ids of a MIDI file to the file `out` and prints its path, or to standard output where
/// `out` is empty. `settings` are the tokenizer's, as "key=value". Throws Error that names the
/// file.
void tokenize(const std::filesystem::path& midi, const std::string& tokenizer,
              const std::vector<std::string>& settings, const std::filesystem::path& out);

/// Writes the MIDI file of a text of ids to `out` and prints its path. Throws Error that names the
/// file and, where the text is wrong, the line.
void detokenize(const std::filesystem::path& ids, const std::filesystem::path& out);

}  // namespace etude
