#pragma once
// A file from the network.

#include <filesystem>
#include <string>

namespace etude {

/// Where what has arrived of a download to `path` lies until it is complete.
std::filesystem::path unfinished(const std::filesystem::path& path);

/// Downloads `url` (redirects are followed) to `path`, which appears when it is complete. After an
/// interruption the next call asks the server for the rest; one that cannot continue sends all of
/// it again. A progress line called `label` on a terminal. Throws Error for what the network or the
/// server says no to, and Interrupted after Ctrl-C. Error in a build without libcurl.
void download(const std::string& url, const std::filesystem::path& path, const std::string& label);

}  // namespace etude
