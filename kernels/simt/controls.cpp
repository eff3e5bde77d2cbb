// The test controls of kernels/simt/simt.h.

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <string_view>

#include "kernels/simt/grid.h"

namespace etude::simt {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// One OS thread's settings.
struct Settings {
  Schedule schedule;
  std::uint64_t base_seed = 0;  // the environment's
  std::uint64_t launches = 0;
  std::string skip = environment("ETUDE_SKIP_BARRIER");
  std::string list = environment("ETUDE_LIST_BARRIERS");
  bool record = !list.empty();
  std::vector<BarrierSite> sites;
  std::set<std::pair<const char*, unsigned>> seen;

  Settings() {
    if (const std::string seed = environment("ETUDE_SCHEDULE"); !seed.empty()) {
      schedule.kind = Schedule::random_warp_greedy;
      base_seed = std::strtoull(seed.c_str(), nullptr, 10);
    }
    watch_barriers = record || !skip.empty();
  }
  ~Settings() {
    if (list.empty() || sites.empty()) return;
    std::ofstream out(list, std::ios::app);
    for (const BarrierSite& site : sites)
      out << site.file << ':' << site.line << '\t' << site.operation << '\t' << site.function
          << '\n';
  }
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;
};

Settings& settings() {
  thread_local Settings instance;
  return instance;
}

}  // namespace

bool active() { return true; }

void set_schedule(Schedule schedule) {
  settings().schedule = schedule;
  settings().launches = 0;
}

Schedule next_schedule() {
  Settings& s = settings();
  return {s.schedule.kind, (s.base_seed * 1'000'003 + s.schedule.seed) * 1'000'003 + s.launches++};
}

void set_record_barriers(bool record) {
  Settings& s = settings();
  s.record = record || !s.list.empty();
  watch_barriers = s.record || !s.skip.empty();
  if (record) s.sites.clear(), s.seen.clear();
}

std::vector<BarrierSite> barrier_sites() { return settings().sites; }

void skip_barrier(const std::string& site) {
  Settings& s = settings();
  s.skip = site;
  watch_barriers = s.record || !site.empty();
}

bool meet_barrier(const char* operation, Site site) {
  Settings& s = settings();
  if (s.record && s.seen.insert({site.file_name(), site.line()}).second)
    s.sites.push_back({site.file_name(), site.line(), operation, site.function_name()});
  if (s.skip.empty()) return true;
  const std::size_t colon = s.skip.rfind(':');
  return colon == std::string::npos ||
         !std::string_view(site.file_name()).ends_with(std::string_view(s.skip).substr(0, colon)) ||
         s.skip.substr(colon + 1) != std::to_string(site.line());
}

}  // namespace etude::simt
