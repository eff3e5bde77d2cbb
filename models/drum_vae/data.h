#pragma once
// The patterns that the drum VAE learns from, and those that it is measured on.

#include <filesystem>
#include <string>
#include <vector>

#include "models/drum_vae/patterns.h"

namespace etude::drum_vae {

struct DrumData {
  std::string name;                // what load_drum_data() was asked for
  Patterns train, validation;      // validation chooses the best checkpoint of a run
  Patterns test;                   // what the numbers are about
  bool exact_density = false;      // synthetic.h's density is the data's
  std::string hash;                // of all patterns and styles
  std::vector<std::string> notes;  // what was left out and why, for the report page
};

/// Loads one data set, in an order that depends on nothing but the data; training shuffles.
///   "synthetic"  the reports' generator (synthetic.h): 800 training and 200 validation patterns,
///                as in the reports, and 20,000 for the test, whose mean is known to 0.04 nats;
///                the same for every run;
///   "ee641"      the reference reports' own 800 and 200, from data_dir/ee641_drums or the archive
///                ee641_drums.tar.xz in ETUDE_DATA_MIRROR; the test is that of "synthetic";
///   "groove"     real drumming (groove.h) in data_dir/groove; the test is the validation set, the
///                held-out drummers.
/// Throws Error for another name, and for missing or damaged files with the remedy.
DrumData load_drum_data(const std::string& name, const std::filesystem::path& data_dir);

}  // namespace etude::drum_vae
