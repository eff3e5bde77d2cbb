#!/usr/bin/env bash
# A family made by tools/new_kernel builds, passes its test on the CPU and the SIMT runtime, has a
# bench that runs, passes tools/check and compiles with nvcc; wrong names are refused.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

# A tree of the kernels alone.
cd "$tree"
mkdir -p tests/kernels kernels tools
cp "$root/.clang-format" .
cp -r "$root"/kernels/{CMakeLists.txt,README.md,core,runtime,simt} kernels
cp "$root"/tests/kernels/harness.* tests/kernels
cp "$root/tests/main.cpp" tests
sed '/^add_subdirectory(/{/(kernels)/!d}; /^if(ETUDE_TESTS)/,/^endif/d' "$root/CMakeLists.txt" >CMakeLists.txt
cp -r "$root"/tools/{new_kernel,check,templates,cmake} tools
if [ -d "$root/.deps" ]; then ln -s "$root/.deps" .deps; fi

name=row_center
tools/new_kernel $name >/dev/null
grep -qx "etude_kernel_family($name)" kernels/CMakeLists.txt
grep -q "^| \[$name\]($name) |" kernels/README.md
if grep -rn '@[A-Za-z]*@' kernels/$name tests/kernels/${name}_test.cpp; then failed=1; fi
if tools/check . | grep $name; then failed=1; fi

refused() { # TEXT ARGUMENT...: one line with TEXT, exit code 2, and nothing made
  local text=$1 status=0 output before
  shift
  before=$(find kernels tests | sort)
  output=$(tools/new_kernel "$@" 2>&1) || status=$?
  if [[ $status -ne 2 || $output != "new_kernel: "*"$text"* || $(wc -l <<<"$output") -ne 1 ||
    $before != "$(find kernels tests | sort)" ]]; then
    echo "new_kernel $*: exit code $status, expected one line with: $text, got: $output"
    failed=1
  fi
}
refused "kernels/$name exists" $name
refused 'kernels/core exists' core
for wrong in Row row-center 2row _row row_ row__center 'row center' ../row ''; do
  refused 'snake_case' "$wrong"
done
refused 'another meaning' operator
refused 'usage: tools/new_kernel NAME'
refused 'usage: tools/new_kernel NAME' a b
((failed == 0)) || exit 1

for tool in cmake ninja g++; do
  command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
if [ ! -e .deps ] && ! echo '#include <boost/context/detail/fcontext.hpp>' | g++ -x c++ -fsyntax-only - 2>/dev/null; then
  echo 'skipped: no Boost.Context, so no SIMT runtime'
  exit 77
fi

# The family, its test, and each of its bench's runners once on the smallest case.
cat >tests/kernels/bench.cpp <<END
#include <doctest/doctest.h>

#include "kernels/$name/bench.h"

TEST_CASE("every runner of the bench runs") {
  using namespace etude;
  std::size_t runs[2] = {};  // on the cpu, on the gpu
  for (const BenchCase& c : ${name}_benches()) {
    if (numel(c.operands[0].shape) > 10000) continue;
    for (const BenchRunner& runner : c.runners) {
      std::vector<View> views;
      for (const BenchOperand& x : c.operands) {
        views.emplace_back(allocate(runner.device, static_cast<std::size_t>(x.bytes())), x.dtype, x.shape);
      }
      runner.run(Stream::of(runner.device), views);
      Stream::of(runner.device).synchronize();
      for (const View& view : views) deallocate(runner.device, view.data);
      ++runs[runner.device == Device::gpu];
    }
  }
  CHECK(runs[0] > 0);
  CHECK(runs[1] == ${name}_rungs().size());
}
END
sed -i "/^etude_kernel_family(/{/($name)/!d}" kernels/CMakeLists.txt
cat >>CMakeLists.txt <<END
file(GLOB tests tests/*.cpp tests/kernels/*.cpp)
add_executable(kernel_tests \${tests})
target_link_libraries(kernel_tests PRIVATE etude_kernels etude::doctest)
END
export CCACHE_BASEDIR=$tree CCACHE_NOHASHDIR=1 # so that the next run of this test finds what this one compiled
if ! { cmake -S . -B build -G Ninja -DETUDE_WERROR=ON -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O1 &&
  cmake --build build -j 2; } >build.log 2>&1; then
  cat build.log
  exit 1
fi
build/kernel_tests

nvcc=$(PATH=$PATH:/usr/local/cuda/bin command -v nvcc || true)
if [ -n "$nvcc" ]; then
  "$nvcc" -std=c++20 --expt-relaxed-constexpr --extended-lambda -I. -arch=sm_80 -Werror=all-warnings \
    -Xptxas=-warn-spills -fatbin kernels/$name/$name.cu -o build/$name.fatbin
else
  echo 'no nvcc: not compiled for a card'
fi
