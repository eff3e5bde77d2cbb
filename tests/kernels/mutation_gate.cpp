// mutation_gate [--suite NAME] KERNEL_TESTS [THREAD_SANITIZER_KERNEL_TESTS]
//
// Proves that the kernel tests bite: lists the barriers that each test suite meets, then disables
// one barrier at a time and runs the suites that meet it, cheapest first, under several random
// schedules, until one fails. A barrier that every run does without is tried with the thread
// sanitizer's build too, if given. --suite: of one family alone. Exit status 0: every barrier is
// needed by some test; 1: the survivors are named.

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kSchedules = 4;
constexpr const char* kExcludedSuite = "simt";  // its kernels have their faults planted

struct Suite {
  std::string name;
  double seconds = 0;
  bool passes = false;
};

struct Barrier {
  std::string site;         // file:line
  std::string description;  // operation, function
  std::vector<const Suite*> suites;
  std::string verdict;  // who needs it; "" nobody
};

/// Runs a program without its output; returns its exit status, 124 after a timeout.
int run(const std::vector<std::string>& command, const std::vector<std::string>& settings,
        double timeout_seconds) {
  std::vector<std::string> words{"timeout", "-k", "1", std::to_string(timeout_seconds)};
  words.insert(words.end(), command.begin(), command.end());
  std::vector<char*> arguments, variables;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::vector<std::string> own = settings;
  for (std::string& setting : own) variables.push_back(setting.data());
  for (char** variable = environ; *variable; ++variable) variables.push_back(*variable);
  variables.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  for (int stream : {STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&files, stream, "/dev/null", 1 /* O_WRONLY */, 0);
  pid_t child = 0;
  int status = 127 << 8;
  if (posix_spawnp(&child, "timeout", &files, nullptr, arguments.data(), variables.data()) == 0)
    waitpid(child, &status, 0);
  posix_spawn_file_actions_destroy(&files);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Calls body(i) for i in [0, n) from as many threads as there are processors.
template <class Body>
void in_parallel(std::size_t n, Body body) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::jthread> workers;
  for (unsigned t = 0; t < std::max(1u, std::thread::hardware_concurrency()); ++t)
    workers.emplace_back([&] {
      for (std::size_t i; (i = next++) < n;) body(i);
    });
}

std::vector<Suite> list_suites(const std::string& tests) {
  std::vector<Suite> suites;
  std::FILE* pipe = popen(("'" + tests + "' --list-test-suites").c_str(), "r");
  if (!pipe) return suites;
  char line[512];
  while (std::fgets(line, sizeof line, pipe)) {
    std::string name(line);
    name.erase(name.find_last_not_of("\r\n") + 1);
    if (!name.empty() && name[0] != '[' && name[0] != '=' && name != kExcludedSuite)
      suites.push_back({name});
  }
  pclose(pipe);
  return suites;
}

/// Runs every suite undisturbed; collects the barriers that it meets.
std::vector<Barrier> list_barriers(const std::string& tests, std::vector<Suite>& suites) {
  std::string folder = (fs::temp_directory_path() / "mutation_gate_XXXXXX").string();
  if (!mkdtemp(folder.data())) return {};
  in_parallel(suites.size(), [&](std::size_t i) {
    const auto start = Clock::now();
    const std::string list = folder + "/" + std::to_string(i);
    suites[i].passes = run({tests, "--test-suite=" + suites[i].name},
                           {"ETUDE_LIST_BARRIERS=" + list, "ETUDE_SCHEDULE=0"}, 900) == 0;
    suites[i].seconds = std::chrono::duration<double>(Clock::now() - start).count();
  });
  std::map<std::string, Barrier> barriers;
  for (std::size_t i = 0; i < suites.size(); ++i) {
    std::ifstream list(folder + "/" + std::to_string(i));
    std::string site, description;
    while (std::getline(list, site, '\t') && std::getline(list, description)) {
      Barrier& barrier = barriers[site];
      barrier.site = site;
      barrier.description = description;
      if (barrier.suites.empty() || barrier.suites.back() != &suites[i])
        barrier.suites.push_back(&suites[i]);
    }
  }
  fs::remove_all(folder);
  std::vector<Barrier> result;
  for (auto& [site, barrier] : barriers) {
    std::sort(barrier.suites.begin(), barrier.suites.end(),
              [](const Suite* a, const Suite* b) { return a->seconds < b->seconds; });
    result.push_back(std::move(barrier));
  }
  return result;
}

/// Which run of `tests` fails without the barrier; "" none.
std::string needed_by(const Barrier& barrier, const std::string& tests, double slowdown) {
  for (const Suite* suite : barrier.suites)
    for (int seed = 1; seed <= kSchedules; ++seed) {
      const int status =
          run({tests, "--test-suite=" + suite->name, "--abort-after=1"},
              {"ETUDE_SKIP_BARRIER=" + barrier.site, "ETUDE_SCHEDULE=" + std::to_string(seed),
               "TSAN_OPTIONS=halt_on_error=1"},
              slowdown * (10 + 5 * suite->seconds));
      if (status != 0)
        return suite->name + ", schedule " + std::to_string(seed) +
               (status == 124 ? " (hangs)" : "");
    }
  return "";
}

void try_all(std::vector<Barrier>& barriers, const std::string& tests, const char* how,
             double slowdown) {
  in_parallel(barriers.size(), [&](std::size_t i) {
    if (!barriers[i].verdict.empty()) return;
    const std::string who = needed_by(barriers[i], tests, slowdown);
    if (!who.empty()) barriers[i].verdict = how + who;
  });
}

}  // namespace

int main(int argc, char** argv) {
  const char* only = nullptr;
  if (argc > 2 && std::string(argv[1]) == "--suite") {
    only = argv[2];
    argc -= 2;
    argv += 2;
  }
  if (argc < 2 || argc > 3) {
    std::cerr
        << "usage: mutation_gate [--suite NAME] KERNEL_TESTS [THREAD_SANITIZER_KERNEL_TESTS]\n";
    return 2;
  }
  std::vector<Suite> suites = list_suites(argv[1]);
  if (only) std::erase_if(suites, [&](const Suite& suite) { return suite.name != only; });
  if (suites.empty()) {
    std::cerr << "mutation_gate: no such suite; " << argv[1] << " --list-test-suites names them\n";
    return 2;
  }
  std::vector<Barrier> barriers = list_barriers(argv[1], suites);
  for (const Suite& suite : suites)
    if (!suite.passes) {
      std::cerr << "mutation_gate: suite " << suite.name << " fails with all barriers in place\n";
      return 1;
    }
  if (barriers.empty()) {
    std::cerr << "mutation_gate: " << argv[1] << " met no barrier\n";
    return 1;
  }
  try_all(barriers, argv[1], "", 1);
  if (argc == 3) try_all(barriers, argv[2], "thread sanitizer only: ", 20);
  std::size_t survivors = 0;
  for (const Barrier& barrier : barriers) {
    const bool survived = barrier.verdict.empty();
    survivors += survived;
    std::cout << (survived ? "SURVIVED " : "needed   ") << barrier.site << "  "
              << (survived ? barrier.description : barrier.verdict) << '\n';
  }
  std::cout << barriers.size() << " barriers, " << survivors << " that no test needs\n";
  if (survivors > 0 && argc == 2)
    std::cout << "a race that no schedule shows may show in the thread sanitizer's build: give its "
                 "kernel_tests as the second argument\n";
  return survivors == 0 ? 0 : 1;
}
