#include "engine/io/npz.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>

#include "engine/io/atomic_file.h"
#include "engine/io/zip.h"
#include "tests/error_text.h"

namespace fs = std::filesystem;
using namespace etude;

namespace {

/// An npy array as another program could write it, in an archive of its own.
std::string archive(const std::string& header, const std::string& elements) {
  std::string npy("\x93NUMPY\1\0", 8);
  npy += {static_cast<char>(header.size()), static_cast<char>(header.size() >> 8)};
  ZipWriter zip;
  zip.add("x.npy", npy + header + elements);
  return zip.finish();
}

Npz some_arrays() {
  Npz arrays;
  arrays["floats"] = {{2, 3}, std::vector<float>{0, -1.5f, 3e38f, INFINITY, 1e-45f, NAN}};
  arrays["doubles"] = {{1}, std::vector<double>{0.1}};
  arrays["ints"] = {{3}, std::vector<std::int32_t>{-1, 0, std::numeric_limits<int>::max()}};
  arrays["longs"] = {{}, std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min()}};
  arrays["bytes"] = {{100, 100}, std::vector<std::uint8_t>(10000, 7)};
  arrays["none"] = {{0, 28, 28}, std::vector<std::uint8_t>{}};
  return arrays;
}

/// Overwrites `width` bytes of the only entry's directory record.
void patch(std::string& zip, std::size_t field, std::uint64_t value, int width) {
  const std::size_t record = zip.find("PK\1\2");
  for (int i = 0; i < width; ++i) zip[record + field + i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

TEST_CASE("npz: every element type, shape and value comes back") {
  const Npz written = some_arrays();
  const std::string bytes = format_npz(written);
  CHECK(bytes == format_npz(written));
  CHECK(bytes.size() < 5000);  // the constant array is deflated
  const Npz read = parse_npz(bytes, "memory");
  REQUIRE(read.size() == written.size());
  for (const auto& [name, array] : written) CHECK(describe(read.at(name)) == describe(array));
  CHECK(describe(read.at("none")) == "u1 [0, 28, 28]");

  const auto& floats = npz_values<float>(read, "floats", {2, 3});
  CHECK(floats[2] == 3e38f);
  CHECK(floats[4] == 1e-45f);
  CHECK(std::isnan(floats[5]));
  CHECK(read.at("doubles").values == written.at("doubles").values);
  CHECK(read.at("ints").values == written.at("ints").values);
  CHECK(read.at("longs").values == written.at("longs").values);
  CHECK(read.at("bytes").values == written.at("bytes").values);
}

TEST_CASE("npz: the wrong array is named with what it is") {
  const Npz arrays = some_arrays();
  CHECK(message_of([&] { npz_values<float>(arrays, "x", {1}); }) == "npz: there is no array \"x\"");
  CHECK(message_of([&] { npz_values<float>(arrays, "ints", {3}); }) ==
        "npz: array \"ints\" must be f4 [3], it is i4 [3]");
  CHECK(message_of([&] {
          npz_values<float>(arrays, "floats", {3, 2});
        }) == "npz: array \"floats\" must be f4 [3, 2], it is f4 [2, 3]");
  CHECK_THROWS_AS(format_npz({{"x", {{2, 2}, std::vector<float>(3)}}}), Error);
}

TEST_CASE("npz: headers as other writers lay them out") {
  const auto array = [](const std::string& header, const std::string& elements) {
    return describe(parse_npz(archive(header, elements), "memory").at("x"));
  };
  CHECK(array("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }\n", "abcd") == "i4 [1]");
  CHECK(array("{'shape':(2,1),'fortran_order':False,'descr':'|u1'}", "ab") == "u1 [2, 1]");
  CHECK(array("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", "abcdefgh") == "f8 []");
}

TEST_CASE("npz: foreign element types, orders and shapes are refused") {
  const auto message = [](const std::string& header, const std::string& elements) {
    return message_of([&] { parse_npz(archive(header, elements), "a.npz"); });
  };
  CHECK(message("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", "abcd") ==
        "npz: a.npz: x.npy: element types are <f4, <f8, <i4, <i8 and |u1, not '>f4");
  CHECK(contains(message("{'descr': [('a','<f4')], 'fortran_order': False, 'shape': (1,)}", "abcd"),
                 "element types"));
  CHECK(contains(message("{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}", "abcd"),
                 "C order"));
  CHECK(contains(message("{'descr': '<f4', 'shape': (1,)}", "abcd"), "fortran_order"));
  const std::string start = "{'descr': '<f4', 'fortran_order': False, 'shape': ";
  CHECK(contains(message(start + "(2,)}", "abcd"), "does not fit 4 bytes"));
  CHECK(contains(message(start + "(-1,)}", "abcd"), "no number"));
  CHECK(contains(message(start + "(1", "abcd"), "no tuple"));
  CHECK(contains(message(start + "(1x,)}", "abcd"), "no number"));
  CHECK(contains(message(start + "(99999999999999999999,)}", "abcd"), "no number"));
  CHECK(contains(message(start + "(4611686018427387905, 1)}", "abcd"), "does not fit"));
  CHECK(contains(message(start + "(4294967296, 4294967296)}", ""), "does not fit"));
}

TEST_CASE("npz: a file cut or changed anywhere is refused, whatever byte it is") {
  const Npz arrays = {{"x", {{40}, std::vector<std::int32_t>(40, 3)}}};
  const std::string whole = format_npz(arrays);
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_THROWS_AS(parse_npz(std::string_view(whole).substr(0, size), "cut"), Error);

  // A changed byte is an error or, in fields that carry no content (dates, versions, names), none
  // that changes the values.
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int flip : {1, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      try {
        const Npz read = parse_npz(changed, "changed");
        if (!read.empty()) CHECK(read.begin()->second.values == arrays.at("x").values);
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  CHECK(refused > static_cast<int>(whole.size()));
}

TEST_CASE("npz: hostile sizes are refused before memory is asked for") {
  const std::string whole = format_npz({{"x", {{40}, std::vector<std::int32_t>(40, 3)}}});
  const auto message = [&](std::size_t field, std::uint64_t value, int width) {
    std::string zip = whole;
    patch(zip, field, value, width);
    return message_of([&] { parse_npz(zip, "a.npz"); });
  };
  CHECK(contains(message(24, 0xfffffff0, 4), "deflated bytes cannot hold 4294967280"));
  CHECK(contains(message(24, 0xffffffff, 4), "the directory claims"));
  CHECK(contains(message(20, 0xfffffff0, 4), "the directory claims"));
  CHECK(contains(message(42, 0xfffffff0, 4), "its header is missing"));
  CHECK(contains(message(24, 1000, 4), "damaged"));
  CHECK(contains(message(16, 0, 4), "checksum"));
  CHECK(contains(message(10, 12, 2), "compression method 12"));
  CHECK(contains(message(8, 1, 2), "encrypted"));
}

TEST_CASE("npz: files are named in errors, foreign and missing ones too") {
  const fs::path path = fs::temp_directory_path() / ("etude_" + std::to_string(getpid()) + ".npz");
  write_npz(path, some_arrays());
  CHECK(read_npz(path).size() == 6);
  write_file_atomically(path, "PK is not enough");
  CHECK(message_of([&] { read_npz(path); }) ==
        "zip: " + path.string() + ": it is no zip archive or its end is missing");
  fs::remove(path);
  CHECK(message_of([&] { read_npz(path); }) == "npz: cannot open " + path.string());
  CHECK_THROWS_AS(read_npz(fs::temp_directory_path()), Error);

  ZipWriter zip;
  zip.add("readme.txt", "hello");
  CHECK(contains(message_of([&] { parse_npz(zip.finish(), "a.npz"); }), "readme.txt"));
}
