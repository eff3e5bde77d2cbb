#pragma once
// What every summary.json begins with, for the tests of report pages.

#include <string>

#include "engine/run/run_folder.h"

namespace etude {

/// As provenance() (models/driver.h) leaves it, of no runs yet.
inline Json summary_of(const std::string& model) {
  return {{"command", "etude reproduce " + model},
          {"commit", "c0ffee"},
          {"machine", "m"},
          {"date", "d"},
          {"device", "cpu"},
          {"seconds", 12.3},
          {"config", "seed = 1\n"},
          {"runs", Json::array()}};
}

}  // namespace etude
