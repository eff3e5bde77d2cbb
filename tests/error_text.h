#pragma once
// What a failing call says, for the tests of errors.

#include <string>

#include "kernels/core/error.h"

namespace etude {

/// The message of the Error that `action` throws.
std::string message_of(auto&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace etude
