// The program: etude COMMAND ...

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>

#include "engine/autograd.h"
#include "engine/build_id.h"
#include "engine/error.h"
#include "engine/run/console.h"
#include "engine/run/machine.h"
#include "models/experiment.h"
#include "tools/etude/arguments.h"
#include "tools/etude/bench.h"
#include "tools/etude/data.h"
#include "tools/etude/kernel_bench.h"
#include "tools/etude/tokenize.h"

namespace etude {
namespace {

constexpr const char* kUsage =
    R"(usage: etude COMMAND [--option value ...]

  etude info                         what this build has and runs on
  etude data list                    the data sets that can be fetched
  etude data get NAME                fetch and verify one, from ETUDE_DATA_MIRROR if that folder has it
  etude tokenize FILE.mid            its ids as text: --tokenizer performance|remi|remi_plus|midilike,
                                     --set key=value, --out FILE.ids (else standard output)
  etude detokenize FILE.ids --out F  the MIDI file of such a text
  etude train MODEL                  one run: --preset smoke|quick|full, --set key=value (repeatable)
  etude train MODEL --resume RUN     continue an interrupted run
  etude sample MODEL --checkpoint F  new samples from a trained model; more options by model, see
                                     its README: --style jazz
  etude eval MODEL --checkpoint F    the metrics of a trained model
  etude reproduce MODEL|all          data, training, tables, figures, report.html
  etude report MODEL FOLDER          write report.html of a reproduce folder again
  etude bench step MODEL             time one training step: --steps N, --networks NAME, --json FILE
  etude bench FAMILY|all             time the kernels of a folder of kernels/, beside the hardware's
                                     limit: --rung R|all, --case TEXT (part of a case's name), --json FILE
                                     (of all: a folder), --cold (CPU: caches written over), and beside
                                     others: --against cublas|cudnn|onednn|torch; all but --json repeatable

options: --preset P  --set k=v  --seed N  --device auto|cpu|cuda|simt  --out DIR  --data DIR
)";

Device parse_device(const std::string& name) {
  const std::string gpu = gpu_backend();
  if (name == "auto") {
    return gpu == "cuda" && gpu_available() ? Device::gpu : Device::cpu;
  }
  if (name == "cpu") return Device::cpu;
  require(name == "cuda" || name == "simt", "--device ", name,
          ": unknown device; the devices are auto, cpu, cuda, simt");
  require(name == gpu, "--device ", name, ": this build runs GPU kernels on ", gpu,
          name == "cuda" ? "; build with cmake --preset cuda, or use --device cpu"
                         : "; the host SIMT runtime is in builds without CUDA");
  require(gpu_available(), "--device ", name, ": no usable card was found");
  if (name == "simt") {
    note("simt runs every GPU thread as a fiber on the CPU: a slow test instrument");
  }
  return Device::gpu;
}

/// What each command takes; anything else given would be ignored, so it is refused.
const std::map<std::string, std::set<std::string>> kCommandOptions = {
    {"info", {}},
    {"data", {"--data"}},
    {"tokenize", {"--tokenizer", "--set", "--out"}},
    {"detokenize", {"--out"}},
    {"train", {"--preset", "--set", "--seed", "--device", "--out", "--data", "--resume"}},
    {"sample", {"--checkpoint", "--seed", "--device", "--out"}},
    {"eval", {"--checkpoint", "--seed", "--device", "--out", "--data"}},
    {"reproduce", {"--preset", "--set", "--seed", "--device", "--out", "--data"}},
    {"report", {}},
    {"bench step", {"--preset", "--set", "--device", "--steps", "--networks", "--json"}},
    {"bench", {"--device", "--rung", "--case", "--against", "--cold", "--json"}},
};

/// Options of `sample` that only some models take.
std::vector<std::string> sample_options(const Experiment& experiment) {
  std::vector<std::string> options;
  for (const std::string& key : experiment.sample_options()) options.push_back("--" + key);
  return options;
}

std::vector<std::string> known_options() {
  std::vector<std::string> known = {"--preset", "--set",      "--seed",       "--device",
                                    "--out",    "--resume",   "--checkpoint", "--data",
                                    "--steps",  "--networks", "--json",       "--rung",
                                    "--case",   "--against",  "--tokenizer"};
  for (const Experiment* experiment : experiments()) {
    for (const std::string& option : sample_options(*experiment)) {
      if (std::ranges::find(known, option) == known.end()) known.push_back(option);
    }
  }
  return known;
}

void check_options(const Arguments& arguments) {
  std::string command = arguments.words[0];
  if (command == "bench" && arguments.words.size() > 1 && arguments.words[1] == "step") {
    command = "bench step";
  }
  const auto known = kCommandOptions.find(command);
  require(known != kCommandOptions.end(), "unknown command ", command, "; see etude --help");
  std::set<std::string> allowed = known->second;
  if (command == "sample" && arguments.words.size() > 1) {
    const auto more = sample_options(find_experiment(arguments.words[1]));
    allowed.insert(more.begin(), more.end());
  }
  for (const auto& [option, values] : arguments.options) {
    require(allowed.contains(option), "etude ", command, ": ", option,
            " does not apply; see etude --help");
  }
  require(!arguments.has("--resume") || !arguments.has("--preset"),
          "--resume continues with the run's own settings; --preset does not apply");
}

Options options_from(const Arguments& arguments) {
  Options options;
  options.preset = arguments.value("--preset", options.preset);
  if (arguments.has("--set")) options.sets = arguments.options.at("--set");
  if (arguments.has("--seed")) {
    const std::string text = arguments.value("--seed");
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
    require(error == std::errc() && end == text.data() + text.size() && seed < 1ull << 62,
            "--seed must be a whole number from 0 to 2^62, not ", text);
    options.seed = seed;
  }
  options.device_name = arguments.value("--device", "auto");
  options.device = parse_device(options.device_name);
  options.out = arguments.value("--out");
  options.resume = arguments.value("--resume");
  options.checkpoint = arguments.value("--checkpoint");
  options.data_dir = arguments.value("--data", "data");
  options.command_line = arguments.command_line;
  return options;
}

void info() {
  std::cout << "etude " << build_id() << "\nmachine  " << machine_description() << "\ngpu      "
            << gpu_backend() << ": " << gpu_description() << "\nmodels  ";
  for (const Experiment* experiment : experiments()) {
    std::cout << " " << experiment->name() << " (" << experiment->description() << ")";
  }
  std::cout << std::endl;
}

void reproduce(const std::string& model, Options options) {
  if (model != "all") {
    std::cout << find_experiment(model).reproduce(options).string() << std::endl;
    return;
  }
  // What would stop a later one is said before the hours of the first.
  for (const Experiment* experiment : experiments()) {
    preset_toml(experiment->name(), options.preset);
  }
  if (options.out.empty()) {
    options.out = output_folder(options, "all", options.preset);
    options.command_line += " --out " + shell_word(options.out.string());
  }
  for (const Experiment* experiment : experiments()) {
    Options own = options;
    own.out /= experiment->name();
    std::cout << experiment->reproduce(own).string() << std::endl;
  }
}

/// A command of this program as the user can give it again: by the name that this one was started
/// by, with the variables that it was given.
std::string runnable(const std::string& command, const char* program) {
  std::string text;
  for (const char* name : {"ETUDE_FONT_DIR", "ETUDE_DATA_MIRROR"}) {
    if (const char* value = std::getenv(name)) {
      text += std::string(name) + "=" + shell_word(value) + " ";
    }
  }
  return text + shell_word(program) + command.substr(std::string("etude").size());
}

int run(int argc, char** argv) {
  if (argc < 2 || std::string(argv[1]) == "--help" || std::string(argv[1]) == "help") {
    std::cout << kUsage;
    return argc < 2 ? 2 : 0;
  }
  const Arguments arguments = parse_arguments(argc, argv, known_options(), {"--cold"});
  require(!arguments.words.empty(), "no command; see etude --help");
  const std::string& command = arguments.words[0];
  const auto word = [&](std::size_t i, const char* what) -> const std::string& {
    require(arguments.words.size() > i, "etude ", command, ": ", what, " is missing");
    return arguments.words[i];
  };
  const auto no_more_than = [&](std::size_t count) {
    require(arguments.words.size() <= count, "etude ", command, ": unexpected ",
            arguments.words.back(), "; see etude --help");
  };
  check_options(arguments);
  const Options options = options_from(arguments);
  const char* anomaly_wanted = std::getenv("ETUDE_ANOMALY");
  const AnomalyMode anomaly(anomaly_wanted && std::string(anomaly_wanted) != "0");
  if (command == "info") {
    no_more_than(1);
    info();
  } else if (command == "data") {
    const bool get = word(1, "list or get NAME") == "get";
    require(get || arguments.words[1] == "list", "etude data: there are list and get NAME, not ",
            arguments.words[1]);
    no_more_than(get ? 3 : 2);
    get ? get_data(word(2, "NAME"), options.data_dir) : list_data(options.data_dir);
  } else if (command == "tokenize") {
    no_more_than(2);
    tokenize(word(1, "FILE.mid"), arguments.value("--tokenizer", "performance"), options.sets,
             options.out);
  } else if (command == "detokenize") {
    no_more_than(2);
    const std::string& ids = word(1, "FILE.ids");
    require(!options.out.empty(), "etude detokenize: say which MIDI file to write with --out FILE");
    detokenize(ids, options.out);
  } else if (command == "train") {
    no_more_than(2);
    std::cout << find_experiment(word(1, "MODEL")).train(options).string() << std::endl;
  } else if (command == "sample" || command == "eval") {
    no_more_than(2);
    const Experiment& experiment = find_experiment(word(1, "MODEL"));
    Options own = options;
    if (command == "sample") {
      for (const std::string& key : experiment.sample_options()) {
        if (arguments.has("--" + key)) own.sets.push_back(key + "=" + arguments.value("--" + key));
      }
    }
    require(!options.checkpoint.empty(), "etude ", command,
            ": say which model file with --checkpoint RUN/best.safetensors");
    std::cout << (command == "sample" ? experiment.sample(own) : experiment.eval(own)).string()
              << std::endl;
  } else if (command == "reproduce") {
    no_more_than(2);
    reproduce(word(1, "MODEL or all"), options);
  } else if (command == "report") {
    no_more_than(3);
    std::cout << find_experiment(word(1, "MODEL")).report(word(2, "FOLDER")).string() << std::endl;
  } else if (word(1, "FAMILY, all or step MODEL") == "step") {
    no_more_than(3);
    bench_step(find_experiment(word(2, "MODEL")), options, arguments);
  } else {
    no_more_than(2);
    bench_kernels(arguments.words[1], options, arguments);
  }
  return 0;
}

}  // namespace
}  // namespace etude

int main(int argc, char** argv) {
  try {
    return etude::run(argc, argv);
  } catch (const etude::Interrupted& interrupted) {
    std::cerr << "etude: stopped";
    if (!interrupted.how_to_resume.empty()) {
      std::cerr << "; saved up to the last finished step, continue with: "
                << etude::runnable(interrupted.how_to_resume, argv[0]);
    }
    std::cerr << std::endl;
    return 130;
  } catch (const std::exception& error) {
    std::cerr << "etude: " << error.what() << std::endl;
    return 2;
  }
}
