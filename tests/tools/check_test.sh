#!/usr/bin/env bash
# Plants each violation that tools/check knows in a small tree and sees it found, at its line.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v python3 >/dev/null || { echo "check_test: no python3, skipped"; exit 77; }
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cp "$root/.clang-format" "$tree"
failed=0

# expect FILE CODE OUTPUT_PATTERN: the check's output on a tree of FILE with CODE alone.
expect() {
  local file=$tree/$1 output
  mkdir -p "$(dirname "$file")"
  printf '%b' "$2" >"$file"
  output=$("$root/tools/check" "$tree" || true)
  if ! grep -qE -- "$3" <<<"$output"; then
    printf 'tools/check on %s with\n%b\nexpected a line like: %s\ngot: %s\n' "$1" "$2" "$3" "$output"
    failed=1
  fi
  rm "$file"
}

expect kernels/a.h '\n#include "engine/tensor.h"\n' '^kernels/a.h:2: kernels includes engine;'
expect engine/a.h '#include "models/gan/gan.h"\n' '^engine/a.h:1: engine includes models;'
expect eval/a.h '#include "tokenizers/midi.h"\n' '^eval/a.h:1: eval includes tokenizers;'
expect models/a/a.h '#include "kernels/core/view.h"\n' '^models/a/a.h:1: models includes kernels;'
expect tests/kernels/a.cpp '#include "engine/tensor.h"\n' '^tests/kernels/a.cpp:1: tests/kernels includes engine;'
expect engine/a.h '#include "tensor.h"\n' '^engine/a.h:1: include "tensor.h"; write the path'
expect engine/a.h '#include <vector>\n\n#include "engine/tensor.h"\n// #include "models/x.h"\n' ' 0 violations'

kernel='__global__ void __launch_bounds__(kThreads) k(float* y, int n) {'
bound='is not checked on the host; make .launch_bound\(kThreads\);. the first'
expect kernels/a/a.cu "$kernel\n  y[0] = n;\n}\n" "^kernels/a/a.cu:1: kernel.s bound $bound"
expect kernels/a/a.cu "$kernel\n  launch_bound(256);\n}\n" "^kernels/a/a.cu:1: kernel.s bound $bound"
expect kernels/a/a.cu "$kernel\n  // why\n  launch_bound(kThreads);\n}\n" ' 0 violations'
expect kernels/a/a.cu '__global__ void k(float* y) {\n  y[0] = 1;\n}\n' '^kernels/a/a.cu:1: kernel without launch bounds;'
expect kernels/a/a.cu 'void f() {\n  k<<<1, 2>>>();\n}\n' '^kernels/a/a.cu:2: raw kernel launch;'
expect kernels/a/a.cu 'void f() { cudaMalloc(p, 1); }\n' '^kernels/a/a.cu:1: raw device memory;'
expect kernels/a/a.cu 'extern __shared__ float x[];\n' '^kernels/a/a.cu:1: raw dynamic shared memory;'
expect kernels/a/a.cu 'void f() { __shfl_xor_sync(1, 2, 3); }\n' '^kernels/a/a.cu:1: raw warp shuffle;'
expect kernels/a/a.cu 'void f() { asm("nop;"); }\n' '^kernels/a/a.cu:1: inline assembly;'
expect kernels/a/tile_cpu.h 'inline void f() { asm(""); }\n' ' 0 violations'
expect kernels/core/a.h 'inline void f() { __shfl_xor_sync(1, 2, 3); }\n' ' 0 violations'

expect engine/a.cpp 'void f() { std::printf("x"); }\n' '^engine/a.cpp:1: printing in a library;'
expect engine/a.cpp 'void f() { exit(1); }\n' '^engine/a.cpp:1: ending the process in a library;'
expect models/a.cpp 'void f() { std::abort(); }\n' '^models/a.cpp:1: ending the process in a library;'
expect engine/a.cpp 'const char* s = R"x(exit(1)")x";\n' ' 0 violations'
expect engine/a.cpp 'void f() { loop.exit(1); }\n// exit(1)\nconst char* s = "exit(1)";\n' ' 0 violations'
expect tools/etude/main.cpp 'int main() { std::printf("x"); }\n' ' 0 violations'

expect eval/a.cpp "$(printf '\\n%.0s' {1..501})" '^eval/a.cpp:501: 501 lines, at most 500;'
if command -v clang-format >/dev/null; then
  expect eval/a.cpp 'int   x;\n' '^eval/a.cpp:1: not formatted;'
fi
exit $failed
