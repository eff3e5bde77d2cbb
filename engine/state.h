#pragma once
// Saving and restoring through one description: an object lists its state once, and the same list
// writes a checkpoint and reads it back.

#include <map>
#include <string>

#include "engine/tensor.h"

namespace etude {

class Generator;

/// Everything a checkpoint holds: named tensors and named strings.
struct Checkpoint {
  std::map<std::string, Tensor> tensors;  // on the CPU, contiguous
  std::map<std::string, std::string> info;
};

/// Visits an object's state. Collecting copies it into a checkpoint; restoring copies a checkpoint
/// into the object, and an absent entry, another shape or dtype is an Error that names it.
class State {
 public:
  static State collect(Checkpoint& into) { return State(&into, nullptr, ""); }
  /// `source` (a file's name) is for the error messages. The checkpoint must outlive the visit.
  static State restore(const Checkpoint& from, const std::string& source) {
    return State(nullptr, &from, source);
  }

  void tensor(const std::string& name, Tensor& value);
  void text(const std::string& name, std::string& value);
  void number(const std::string& name, std::int64_t& value);
  /// Exact: written as a hexadecimal float.
  void number(const std::string& name, double& value);
  void generator(const std::string& name, Generator& value);
  bool restoring() const { return from_ != nullptr; }

  /// After restoring: Error if the checkpoint holds tensors that nothing asked for.
  void finish() const;

 private:
  State(Checkpoint* into, const Checkpoint* from, const std::string& source)
      : into_(into), from_(from), source_(source) {}
  Checkpoint* into_;
  const Checkpoint* from_;
  std::string source_;
  std::map<std::string, bool> used_;
};

}  // namespace etude
