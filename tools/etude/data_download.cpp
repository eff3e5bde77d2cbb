#include "tools/etude/data_download.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iomanip>
#include <iostream>
#include <memory>
#include <sstream>
#include <system_error>

#include "engine/error.h"
#include "engine/run/console.h"

#ifdef ETUDE_HAVE_CURL
#include <curl/curl.h>
#endif

namespace etude {

namespace fs = std::filesystem;

fs::path unfinished(const fs::path& path) { return path.string() + ".partial"; }

#ifdef ETUDE_HAVE_CURL

namespace {

/// The partial file: what is there stays unless the server sends everything again.
class PartialFile {
 public:
  explicit PartialFile(const fs::path& path)
      : path_(path), descriptor_(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)) {
    require(descriptor_ >= 0, path.string(), ": cannot be written: ", reason());
    size_ = lseek(descriptor_, 0, SEEK_END);
  }
  ~PartialFile() { close(descriptor_); }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  std::int64_t size() const { return size_; }
  void clear() {
    require(ftruncate(descriptor_, 0) == 0 && lseek(descriptor_, 0, SEEK_SET) == 0, path_.string(),
            ": cannot be written: ", reason());
    size_ = 0;
  }
  void append(const char* bytes, std::size_t count) {
    while (count > 0) {
      const ssize_t written = write(descriptor_, bytes, count);
      if (written < 0 && errno == EINTR) continue;
      require(written >= 0, path_.string(), ": cannot be written: ", reason());
      bytes += written;
      count -= static_cast<std::size_t>(written);
      size_ += written;
    }
  }

 private:
  static std::string reason() { return std::generic_category().message(errno); }

  fs::path path_;
  int descriptor_;
  std::int64_t size_ = 0;
};

/// One request and what its callbacks need.
struct Transfer {
  CURL* curl;
  PartialFile& file;
  std::string label;
  bool started = false;
  std::string problem = {};
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now(), shown = begin;
};

std::size_t on_bytes(char* bytes, std::size_t one, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  try {
    if (!transfer.started) {
      // 206 continues at the end of the file; any other answer is the whole.
      long status = 0;
      curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
      if (status != 206) transfer.file.clear();
      transfer.started = true;
    }
    transfer.file.append(bytes, one * count);
    return one * count;
  } catch (const std::exception& error) {  // it may not pass through libcurl
    transfer.problem = error.what();
    return 0;
  }
}

int on_progress(void* context, curl_off_t total, curl_off_t received, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(context);
  const auto now = std::chrono::steady_clock::now();
  if (isatty(STDERR_FILENO) == 1 && now - transfer.shown > std::chrono::milliseconds(200)) {
    transfer.shown = now;
    constexpr double mib = 1 << 20;
    const double seconds = seconds_since(transfer.begin);
    std::ostringstream line;
    line << std::fixed << std::setprecision(1) << transfer.label << "  "
         << static_cast<double>(transfer.file.size()) / mib;
    if (total > 0)
      line << " of " << static_cast<double>(transfer.file.size() - received + total) / mib;
    line << " MiB  " << static_cast<double>(received) / mib / seconds << " MiB/s";
    std::cerr << "\r\x1b[K" << line.str() << std::flush;
  }
  return stop_requested() ? 1 : 0;
}

/// One GET that continues `file`. Returns the server's status, 416 if it has nothing after its end.
long request(const std::string& url, PartialFile& file, const std::string& label) {
  static const bool initialised = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 curl_easy_cleanup);
  require(initialised && curl, "libcurl cannot be initialised");
  Transfer transfer{curl.get(), file, label};
  std::array<char, CURL_ERROR_SIZE> reason{};
  const std::string rest = std::to_string(file.size()) + "-";
  const auto set = [&](CURLoption option, auto value) {
    require(curl_easy_setopt(curl.get(), option, value) == CURLE_OK, "libcurl: option ", option,
            " is refused");
  };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_ERRORBUFFER, reason.data());
  set(CURLOPT_USERAGENT, "etude");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, 10L);
  set(CURLOPT_FAILONERROR, 1L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, 30L);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);  // bytes per second, over a minute
  set(CURLOPT_LOW_SPEED_TIME, 60L);
  if (file.size() > 0) set(CURLOPT_RANGE, rest.c_str());
  set(CURLOPT_WRITEFUNCTION, &on_bytes);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &on_progress);
  set(CURLOPT_XFERINFODATA, &transfer);
  const CURLcode code = curl_easy_perform(curl.get());
  if (transfer.shown != transfer.begin) std::cerr << "\r\x1b[K";
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (code == CURLE_ABORTED_BY_CALLBACK) throw Interrupted{};
  require(transfer.problem.empty(), transfer.problem);
  require(code == CURLE_OK || status == 416, "cannot download ", url, ": ",
          reason[0] != '\0' ? reason.data() : curl_easy_strerror(code),
          "; what has arrived is kept, and the same command continues. ETUDE_DATA_MIRROR names a "
          "folder to use instead of the network");
  return status;
}

}  // namespace

void download(const std::string& url, const fs::path& path, const std::string& label) {
  const fs::path partial = unfinished(path);
  {
    PartialFile file(partial);
    if (request(url, file, label) == 416) {
      // Nothing follows: it had all of it, or it is of another file.
      file.clear();
      require(request(url, file, label) != 416, "cannot download ", url,
              ": the server has no bytes of it");
    }
  }
  fs::rename(partial, path);
}

#else

void download(const std::string&, const fs::path&, const std::string&) {
  fail(
      "etude data: this build has no libcurl to download with: install libcurl4-openssl-dev "
      "(tools/setup does) and build again, or set ETUDE_DATA_MIRROR to a folder with the archive");
}

#endif

}  // namespace etude
