// Tokenizers by name, and ids as text.
#include "tokenizers/tokenizer.h"

#include <doctest/doctest.h>

#include <numeric>

#include "tests/error_text.h"

using namespace etude;

TEST_CASE("tokenizer: found by name, with settings") {
  CHECK(find_tokenizer("performance")->name() == "performance");
  CHECK(find_tokenizer("performance")->options() == "carry_residual=false");
  CHECK(find_tokenizer("performance", {"carry_residual=true"})->options() == "carry_residual=true");
  CHECK(message_of([] { find_tokenizer("perf"); }) ==
        "there is no tokenizer perf; the tokenizers are: performance, remi, remi_plus, midilike");
  CHECK(contains(message_of([] { find_tokenizer("performance", {"carry=true"}); }), "carry"));
  CHECK(contains(message_of([] { find_tokenizer("performance", {"carry_residual=1"}); }),
                 "carry_residual must be true or false"));
}

TEST_CASE("tokenizer: ids as text") {
  const auto tokenizer = find_tokenizer("performance", {"carry_residual=true"});
  std::vector<std::int32_t> ids(20);
  std::iota(ids.begin(), ids.end(), 0);
  const std::string text = format_ids(*tokenizer, ids);
  CHECK(text ==
        "etude-ids performance carry_residual=true\n"
        "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n16 17 18 19\n");
  const TokenText read = parse_ids(text, "a.ids");
  CHECK(read.ids == ids);
  CHECK(read.tokenizer->options() == "carry_residual=true");
  CHECK(parse_ids(format_ids(*tokenizer, {}), "a.ids").ids.empty());
  const TokenText by_hand = parse_ids("etude-ids\tperformance\r\n\r\n1\r\n 2 3", "a.ids");
  CHECK(by_hand.ids == std::vector<std::int32_t>{1, 2, 3});
  CHECK(by_hand.tokenizer->options() == "carry_residual=false");
}

TEST_CASE("tokenizer: text that holds no ids is refused with its line") {
  const auto message = [](const std::string& text) {
    return message_of([&] { parse_ids(text, "a.ids"); });
  };
  for (const char* text : {"", "\n", "etude-ids", "1 2 3\n", "MThd performance\n"})
    CHECK(contains(message(text), "a.ids:1: must be \"etude-ids TOKENIZER"));
  CHECK(message("etude-ids remy\n") ==
        "a.ids:1: there is no tokenizer remy; the tokenizers are: performance, remi, remi_plus, "
        "midilike");
  CHECK(contains(message("etude-ids performance carry\n"), "a.ids:1: "));
  for (const char* word : {"240", "-1", "1.5", "x", "99999999999", "1,2"})
    CHECK(message("etude-ids performance\n1 2\n3 " + std::string(word) + " 4\n") ==
          "a.ids:3: " + std::string(word) +
              " is no id; those of performance are whole numbers from 0 to 239");
}
