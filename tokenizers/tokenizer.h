#pragma once
// Music as numbers from a fixed vocabulary, as models of sequences read and write it.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tokenizers/midi/score.h"

namespace etude {

/// A vocabulary of events. Const and without state: one object serves any number of threads.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::string name() const = 0;

  /// Its settings as "key=value", separated by blanks, at least those that are not the default.
  virtual std::string options() const = 0;

  /// Ids are 0 to vocabulary_size() - 1.
  virtual std::int32_t vocabulary_size() const = 0;

  /// Throws Error for a score that the vocabulary cannot say; what it leaves out silently is
  /// documented where it is implemented.
  virtual std::vector<std::int32_t> encode(const midi::Score& score) const = 0;

  /// A score that midi::to_file() writes, for any sequence of ids, also one that no score gives.
  /// Throws Error only for numbers that are no ids.
  virtual midi::Score decode(std::span<const std::int32_t> ids) const = 0;

  /// What an id means, e.g. "note_on 60". Throws Error for a number that is none.
  virtual std::string describe(std::int32_t id) const = 0;
};

/// The tokenizer called `name` with settings "key=value". Throws Error that lists the names, or the
/// keys.
std::unique_ptr<const Tokenizer> find_tokenizer(const std::string& name,
                                                const std::vector<std::string>& settings = {});

/// Ids and the tokenizer that they belong to.
struct TokenText {
  std::unique_ptr<const Tokenizer> tokenizer;
  std::vector<std::int32_t> ids;
};

/// Ids as text. The first line is "etude-ids", the tokenizer's name and its options, separated by
/// blanks, e.g. "etude-ids performance carry_residual=false"; then come the ids as decimal numbers,
/// separated by blanks and line ends.
std::string format_ids(const Tokenizer& tokenizer, std::span<const std::int32_t> ids);

/// Reads such a text; `source` stands for it in messages. Options that it does not name have their
/// defaults. Throws Error with source, line and remedy.
TokenText parse_ids(const std::string& text, const std::string& source);

}  // namespace etude
