#!/usr/bin/env bash
# tools/bench/resources on a made-up family and a stand-in for nvcc: names, files, architectures,
# tables, and what --check finds.
# shellcheck disable=SC2016 # backquotes of tables, variables of the stub
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v c++filt >/dev/null || { echo 'skipped: no c++filt'; exit 77; }
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,tools/bench/results,kernels/matmul/ladder,kernels/runtime}
cp "$root/tools/bench/resources" "$tree/tools/bench"
resources=$tree/tools/bench/resources table=$tree/kernels/matmul/README.md
failed=0
printf '# matmul\n\n<!-- resources:begin -->\n<!-- resources:end -->\nthe end\n' >"$table"
printf 'template <class T, int N>\n__global__ void __launch_bounds__(kThreads<T>)\n    tile(const T* x) {\n}\n' >"$tree/kernels/matmul/ladder/1_tile.cuh"
echo '__global__ void __launch_bounds__(8) wide(float* x) {}' >"$tree/kernels/matmul/ladder/2_hopper.cuh"
echo '#include "kernels/matmul/ladder/2_hopper.cuh"' >"$tree/kernels/matmul/matmul.cu"

# entry MANGLED ARCH REGISTERS SPILL SHARED: as ptxas says it.
entry() {
  printf "ptxas info    : Compiling entry function '%s' for '%s'\n" "$1" "$2"
  printf 'ptxas info    : Function properties for %s\n    8 bytes stack frame, %s bytes spill stores, 0 bytes spill loads\n' "$1" "$4"
  printf 'ptxas info    : Used %s registers, used 1 barriers%s, 488 bytes cmem[0]\n' "$3" "$5"
}
tile=_ZN5etude4tileINS_4bf16ELi8EEEvPKT_ wide=_ZN5etude12_GLOBAL__N_14wideEPf
for arch in sm_80 sm_90 sm_90a; do
  case $arch in sm_80) of=(64 4) ;; sm_90) of=(72 4) ;; *) of=(64 168) ;; esac
  entry $tile $arch "${of[0]}" 0 ', 2304 bytes smem'
  entry $wide $arch "${of[1]}" 0 ''
done >"$tree/log"
printf '#!/bin/bash\n[ "$1" = --version ] && echo "release 13.0, V13.0.88"\necho "$*" >>%s\ncat %s >&2\n' "$tree/calls" "$tree/log" >"$tree/bin/nvcc"
chmod +x "$tree/bin/nvcc"
run() { output=$(PATH=$tree/bin:$PATH "$resources" "$@" 2>&1) && status=0 || status=$?; }
check() { # WHAT STATUS PATTERN
  [[ $status = "$2" ]] && grep -qE -- "$3" <<<"$output" && return
  printf '%s: exit code %s, expected %s and a line like "%s":\n%s\n' "$1" "$status" "$2" "$3" "$output"
  failed=1
}
row() { grep -qxF -- "$1" "$table" || { printf 'no row %s in:\n' "$1"; cat "$table"; failed=1; }; }

run --check
check 'before the first run' 1 'no results yet'
run
check 'tables written' 0 '^kernels/matmul/README.md: table written$'
row '| `1_tile` | `tile<bf16, 8>` | 64 / 72 | 2304 | 0 |'
row '| `2_hopper` | `wide` | 168 | 0 | 0 |'
row 'the end'
grep -q 'code=\[sm_90a\]' "$tree/calls" || { echo 'not compiled for sm_90a'; failed=1; }
run --check
check 'agreed' 0 '^$'
run matmul
check 'one family' 0 '^\| `1_tile` \| `tile<bf16, 8>` \|'
run convolution
check 'unknown family' 1 'convolution is not a kernel family; they are matmul'

kernel=$tree/kernels/matmul/ladder/1_tile.cuh
cp "$kernel" "$tree/kept"
echo '// more words' >>"$kernel"
run --check
check 'a comment' 0 '^$'
echo 'int changed;' >>"$kernel"
run --check
check 'a changed kernel' 1 '^kernels/matmul: its kernels changed since resources.json'
cp "$tree/kept" "$kernel"

sed -i 's/| 168 |/| 128 |/' "$table"
run --check
check 'an edited table' 1 'README.md: the table resources is out of date; run tools/bench/resources'
sed -i "s/ 0 bytes spill stores/ 48 bytes spill stores/" "$tree/log"
run
check 'a spill' 1 'kernels/matmul/ladder/1_tile.cuh: tile<bf16, 8> spills 48 bytes on sm_80'
run --check
check 'a spill, later' 1 'wide spills 48 bytes on sm_90a'
exit $failed
