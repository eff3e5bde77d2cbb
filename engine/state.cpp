#include "engine/state.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "engine/autograd.h"
#include "engine/ops/shape.h"
#include "engine/random.h"

namespace etude {

void State::tensor(const std::string& name, Tensor& value) {
  const NoGrad no_grad;
  if (into_) {
    const bool added =
        into_->tensors.emplace(name, to_device(value.detach(), Device::cpu).clone()).second;
    require(added, "checkpoint: two tensors are named ", name);
    return;
  }
  const auto found = from_->tensors.find(name);
  require(found != from_->tensors.end(), source_, ": no tensor ", name,
          "; it was made by another model or version");
  const Tensor& stored = found->second;
  require(stored.shape() == value.shape() && stored.dtype() == value.dtype(), source_, ": ", name,
          " is ", name_of(stored.dtype()), " ", stored.shape(), ", the model has ",
          name_of(value.dtype()), " ", value.shape());
  value.copy_(stored);
  used_[name] = true;
}

void State::text(const std::string& name, std::string& value) {
  if (into_) {
    require(into_->info.emplace(name, value).second, "checkpoint: two entries are named ", name);
    return;
  }
  const auto found = from_->info.find(name);
  require(found != from_->info.end(), source_, ": no entry ", name,
          "; it was made by another model or version");
  value = found->second;
}

void State::number(const std::string& name, std::int64_t& value) {
  std::string digits = std::to_string(value);
  text(name, digits);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  require(error == std::errc() && end == digits.data() + digits.size(), source_, ": ", name, " = ",
          digits, " is not a whole number");
}

void State::number(const std::string& name, double& value) {
  char digits[64];
  std::snprintf(digits, sizeof digits, "%a", value);
  std::string written = digits;
  text(name, written);
  char* end = nullptr;
  value = std::strtod(written.c_str(), &end);
  require(end != written.c_str() && *end == 0, source_, ": ", name, " = ", written,
          " is not a number");
}

void State::generator(const std::string& name, Generator& value) {
  auto offset = static_cast<std::int64_t>(value.offset());
  number(name, offset);
  value.set_offset(static_cast<std::uint64_t>(offset));
}

void State::finish() const {
  if (!from_) return;
  for (const auto& [name, tensor] : from_->tensors) {
    require(used_.contains(name), source_, ": tensor ", name, " belongs to no part of this model");
  }
}

}  // namespace etude
