#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "engine/io/safetensors.h"
#include "engine/nn/layers.h"
#include "engine/run/config.h"
#include "engine/run/run_folder.h"
#include "tests/temporary_folder.h"

namespace etude {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const fs::path& path) { return read_text_file(path); }

void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST_SUITE("checkpoint") {
  TEST_CASE("safetensors round trip of every dtype, a scalar and an empty tensor") {
    const TemporaryFolder folder;
    Checkpoint saved;
    saved.tensors["f32"] = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
    saved.tensors["f64"] = Tensor::full({2}, 1e300, DType::f64);
    saved.tensors["bf16"] = Tensor::full({3}, 1.5, DType::bf16);
    saved.tensors["i32"] = Tensor::full({1}, -7, DType::i32);
    saved.tensors["u8"] = Tensor::full({5}, 255, DType::u8);
    saved.tensors["scalar"] = Tensor::full({}, 3);
    saved.tensors["empty"] = Tensor::empty({1000000, 0});
    saved.info["note"] = "quotes \" and\nlines";
    save_safetensors(folder.path / "a.safetensors", saved);
    const Checkpoint loaded = load_safetensors(folder.path / "a.safetensors");
    CHECK(loaded.info == saved.info);
    CHECK(loaded.tensors.size() == saved.tensors.size());
    for (const auto& [name, tensor] : saved.tensors) {
      CAPTURE(name);
      const Tensor& other = loaded.tensors.at(name);
      CHECK(other.shape() == tensor.shape());
      CHECK(other.dtype() == tensor.dtype());
      CHECK(other.to_vector<double>() == tensor.to_vector<double>());
    }
  }

  TEST_CASE("every truncation and foreign content is an error that names the file") {
    const TemporaryFolder folder;
    const fs::path file = folder.path / "a.safetensors";
    Checkpoint saved;
    saved.tensors["w"] = Tensor::ones({3, 2});
    save_safetensors(file, saved);
    const std::string whole = bytes_of(file);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      write_bytes(file, whole.substr(0, length));
      CHECK_THROWS_AS(load_safetensors(file), Error);
    }
    write_bytes(file, "\x89PNG\r\n\x1a\n and more bytes that are not a checkpoint");
    CHECK_THROWS_WITH_AS(load_safetensors(file), doctest::Contains("not a safetensors file"),
                         Error);
    write_bytes(file, whole + "extra");
    CHECK_THROWS_WITH_AS(load_safetensors(file), doctest::Contains(file.c_str()), Error);
    CHECK_THROWS_WITH_AS(load_safetensors(folder.path / "none"), doctest::Contains("no such file"),
                         Error);
  }

  TEST_CASE("tensors that overlap are refused") {
    const TemporaryFolder folder;
    const fs::path file = folder.path / "a.safetensors";
    const std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                               R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    std::string bytes(8, '\0');
    bytes[0] = static_cast<char>(header.size());
    write_bytes(file, bytes + header + std::string(16, 'x'));
    CHECK_THROWS_WITH_AS(load_safetensors(file), doctest::Contains("overlap"), Error);
  }

  TEST_CASE("two parts or tensors of one name are refused") {
    Generator random(1, 1);
    struct Twice : Module {
      explicit Twice(Init init)
          : a(*this, "fc", {.in = 1, .out = 1}, init), b(*this, "fc", {.in = 1, .out = 1}, init) {}
      Linear a, b;
    };
    CHECK_THROWS_AS(Twice({.generator = random}), Error);
    Checkpoint checkpoint;
    State collect = State::collect(checkpoint);
    Tensor t = Tensor::ones({1});
    collect.tensor("t", t);
    CHECK_THROWS_WITH_AS(collect.tensor("t", t), "checkpoint: two tensors are named t", Error);
  }

  TEST_CASE("restoring another model says what differs") {
    Generator random(1, 1);
    struct Net : Module {
      Net(std::int64_t out, Init init) : fc(*this, "fc", {.in = 2, .out = out}, init) {}
      Linear fc;
    };
    Net small(2, {.generator = random}), large(3, {.generator = random});
    Checkpoint checkpoint;
    State collect = State::collect(checkpoint);
    small.state(collect, "net");
    State restore = State::restore(checkpoint, "file");
    CHECK_THROWS_WITH_AS(large.state(restore, "net"),
                         "file: net.fc.weight is f32 [2, 2], the model has f32 [3, 2]", Error);
    CHECK_THROWS_WITH_AS(small.state(restore, "other"), doctest::Contains("no tensor other.fc"),
                         Error);
    State again = State::restore(checkpoint, "file");
    CHECK_THROWS_WITH_AS(again.finish(), doctest::Contains("belongs to no part"), Error);
  }

  TEST_CASE("config: TOML and --set, with line numbers and every kind of mistake") {
    struct Config {
      std::int64_t epochs = 1;
      double lr = 0.1;
      bool fast = false;
      std::string data = "a";
      Fields all() {
        Fields f;
        f("epochs", &epochs, "passes", 1, 100);
        f("lr", &lr, "rate", 0);
        f("fast", &fast, "hurry");
        f.choice("data", data, "images", "a|b");
        return f;
      }
    } config;
    config.all().load_toml("epochs = 5\nlr = 1\nfast = true\ndata = 'b'\n", "x.toml");
    CHECK(config.epochs == 5);
    CHECK(config.lr == 1);
    config.all().set("lr=0.125");
    CHECK(config.lr == 0.125);
    Config copy;
    copy.all().load_toml(config.all().to_toml(), "copy");
    CHECK(copy.all().to_toml() == config.all().to_toml());
    const auto message = [&](const std::string& text) {
      try {
        config.all().load_toml(text, "x.toml");
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string();
    };
    CHECK(message("\nepoch = 5") ==
          "x.toml:2: unknown key epoch; the keys are epochs, lr, fast, data");
    CHECK(message("epochs = 2.5") == "x.toml:1: epochs must be a whole number");
    CHECK(message("epochs = 1000") == "x.toml:1: epochs = 1000 is not in [1, 100]");
    CHECK(message("data = 'c'") == "x.toml:1: data must be one of a|b, not c");
    CHECK(message("epochs = ").starts_with("x.toml:1: "));
    CHECK_THROWS_WITH_AS(config.all().set("epochs=ten"),
                         "--set epochs=ten: epochs must be a whole number", Error);
    CHECK_THROWS_AS(config.all().set("fast=maybe"), Error);
    CHECK_THROWS_AS(config.all().set("lr=nan"), Error);
    CHECK_THROWS_AS(config.all().set("epochs"), Error);
  }

  TEST_CASE("a log keeps only what the checkpoint knew of") {
    const TemporaryFolder folder;
    const fs::path file = folder.path / "log.jsonl";
    std::int64_t kept = 0;
    {
      JsonLog log(file, 0);
      log.append({{"step", 1}});
      kept = log.flush();
      log.append({{"step", 2}});
      log.flush();
    }
    JsonLog log(file, kept);
    log.append({{"step", 3}});
    log.flush();
    const auto entries = JsonLog::read(file);
    CHECK(entries.size() == 2);
    CHECK(entries[1].at("step") == 3);
    CHECK_THROWS_AS(JsonLog(file, 1 << 20), Error);
  }
}

}  // namespace
}  // namespace etude
