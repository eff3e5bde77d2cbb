#include "tools/etude/tokenize.h"

#include <iostream>

#include "engine/error.h"
#include "engine/io/atomic_file.h"
#include "engine/run/config.h"
#include "engine/run/console.h"
#include "tokenizers/midi/score.h"
#include "tokenizers/tokenizer.h"

namespace etude {

void tokenize(const std::filesystem::path& midi, const std::string& tokenizer,
              const std::vector<std::string>& settings, const std::filesystem::path& out) {
  const auto chosen = find_tokenizer(tokenizer, settings);
  const midi::File file = midi::read(midi);
  std::vector<std::int32_t> ids;
  try {
    ids = chosen->encode(midi::score(file));
  } catch (const Error& error) {
    fail(midi.string(), ": ", error.what());
  }
  if (ids.empty()) note(midi.string() + ": holds no note that " + tokenizer + " has an id for");
  const std::string text = format_ids(*chosen, ids);
  if (out.empty()) {
    std::cout << text << std::flush;
    require(std::cout.good(), "standard output: cannot be written");
    return;
  }
  write_file_atomically(out, text);
  std::cout << out.string() << std::endl;
}

void detokenize(const std::filesystem::path& ids, const std::filesystem::path& out) {
  const TokenText text = parse_ids(read_text_file(ids), ids.string());
  midi::write(midi::to_file(text.tokenizer->decode(text.ids)), out);
  std::cout << out.string() << std::endl;
}

}  // namespace etude
