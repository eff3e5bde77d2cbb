#include "engine/run/console.h"

#include <signal.h>
#include <unistd.h>

#include <iomanip>
#include <iostream>
#include <sstream>

namespace etude {
namespace {

volatile sig_atomic_t signals_seen = 0;

extern "C" void on_signal(int) {
  signals_seen = 1;
  // The next one, of either kind, has its usual effect.
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
}

/// The handler must have a stack of its own: inside oneDNN's products the stack pointer points into
/// a buffer of the heap, and a signal frame below that would overwrite what lies before it. Linux
/// hands a signal of the process to its first thread, which trains, so that one stack is enough.
void catch_signals() {
  alignas(16) static char memory[1 << 16];
  stack_t stack{};
  if (sigaltstack(nullptr, &stack) == 0 && (stack.ss_flags & SS_DISABLE) != 0) {
    stack = {.ss_sp = memory, .ss_flags = 0, .ss_size = sizeof(memory)};
    sigaltstack(&stack, nullptr);
  }
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK | SA_RESTART;
  for (const int number : {SIGINT, SIGTERM}) sigaction(number, &action, nullptr);
}

std::string duration(double seconds) {
  std::ostringstream text;
  const auto s = static_cast<std::int64_t>(seconds + 0.5);
  if (s >= 3600) text << s / 3600 << "h" << std::setw(2) << std::setfill('0');
  if (s >= 60) text << s / 60 % 60 << "m" << std::setw(2) << std::setfill('0');
  text << s % 60 << "s";
  return text.str();
}

}  // namespace

Progress::Progress(std::string label, std::int64_t total, std::int64_t done)
    : label_(std::move(label)),
      total_(total),
      start_(done),
      done_(done),
      begin_(Clock::now()),
      last_(begin_),
      terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (terminal_ && done_ > start_) std::cerr << "\n";
}

void Progress::update(std::int64_t done, const std::string& status) {
  done_ = done;
  const auto now = Clock::now();
  const auto interval = terminal_ ? std::chrono::milliseconds(200) : std::chrono::seconds(10);
  if (now - last_ < interval && done_ < total_) return;
  last_ = now;
  print(status);
}

void Progress::print(const std::string& status) {
  const double elapsed = seconds_since(begin_);
  const double rate = static_cast<double>(done_ - start_) / std::max(elapsed, 1e-9);
  std::ostringstream line;
  line << label_ << "  " << done_ << "/" << total_ << "  " << std::fixed
       << std::setprecision(rate < 10 ? 2 : 0) << rate << "/s";
  if (rate > 0 && done_ < total_) {
    line << "  " << duration(static_cast<double>(total_ - done_) / rate) << " left";
  }
  if (!status.empty()) line << "  " << status;
  if (terminal_) {
    std::cerr << "\r\x1b[K" << line.str() << std::flush;
  } else {
    std::cerr << line.str() << std::endl;
  }
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void note(const std::string& text) { std::cerr << text << std::endl; }

bool stop_requested() {
  static const bool installed = (catch_signals(), true);
  return installed && signals_seen != 0;
}

void leave_if_stopped() {
  if (stop_requested()) throw Interrupted{""};
}

std::string shell_word(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace etude
