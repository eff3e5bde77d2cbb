#pragma once
// Talking to whoever started the program: a progress line, and Ctrl-C.

#include <chrono>
#include <cstdint>
#include <string>

namespace etude {

/// On a terminal one line that is rewritten a few times a second; elsewhere a plain line every ten
/// seconds. Goes to standard error.
class Progress {
 public:
  Progress(std::string label, std::int64_t total, std::int64_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `status` is short text such as current losses.
  void update(std::int64_t done, const std::string& status = "");

 private:
  void print(const std::string& status);

  using Clock = std::chrono::steady_clock;
  std::string label_;
  std::int64_t total_, start_, done_;
  Clock::time_point begin_, last_;
  bool terminal_;
};

double seconds_since(std::chrono::steady_clock::time_point begin);

/// A message on a line of its own, on standard error.
void note(const std::string& text);

/// From the first call on, SIGINT and SIGTERM set a flag instead of ending the process (a second
/// one ends it). True once one has come.
bool stop_requested();

/// Thrown by work that ended early because of stop_requested(), with everything saved.
struct Interrupted {
  std::string how_to_resume;
};

/// For the loops of long work that is not training: throws Interrupted once stop_requested().
void leave_if_stopped();

/// A word as a shell reads it back, in quotes where it needs them.
std::string shell_word(const std::string& word);

}  // namespace etude
