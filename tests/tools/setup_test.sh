#!/usr/bin/env bash
# tools/setup on made-up systems: what it asks apt-get for, and what it says where it cannot help.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/tools" "$tree/bin"
cp "$root/tools/setup" "$root/tools/packages" "$tree/tools"
failed=0

# command_stub NAME BODY: a stand-in for a system command.
command_stub() { printf '#!/bin/bash\n%s\n' "$2" >"$tree/bin/$1" && chmod +x "$tree/bin/$1"; }
check() { # WHAT PATTERN: the output of the last run must match
  grep -qE -- "$2" <<<"$output" || { printf '%s: no line like "%s" in:\n%s\n' "$1" "$2" "$output"; failed=1; }
}
run() { output=$(PATH=$tree/bin:/usr/bin:/bin "$tree/tools/setup" 2>&1) && status=0 || status=$?; }

# Debian: only what is missing is installed, and of alternatives the one that the system knows.
command_stub dpkg-query "grep -q -- \"\${!#}\" $tree/installed && echo -n installed"
# shellcheck disable=SC2016 # the stub expands it
command_stub apt-cache '[ "$2" != libdnnl-dev ]'
command_stub apt-get "[ \"\$1\" = update ] || { echo \"\$*\" >&2; printf '%s\n' \"\$@\" >>$tree/installed; }"
command_stub id 'echo 0'
grep -E '^(library|optional|font)' "$root/tools/packages" | cut -d ' ' -f 2 |
  grep -vE '^(libpng-dev|libdnnl-dev)$' >"$tree/installed"
run
check 'missing packages' '^install .* libpng-dev$'
check 'missing packages' '^install .* libonednn-dev$'
[ "$status" = 0 ] || { echo "setup failed: $output"; failed=1; }
run
[ -z "$output" ] || { echo "the second run is not silent: $output"; failed=1; }

# What Etude builds without may be out of reach, and costs nothing else.
grep -vxE 'timgm6mb-soundfont|libarchive-dev' "$tree/installed" >"$tree/some" && mv "$tree/some" "$tree/installed"
command_stub apt-get "[[ \$* != *timgm6mb-soundfont* ]] || exit 100
[ \"\$1\" = update ] || printf '%s\n' \"\$@\" >>$tree/installed"
run
check 'an optional package' '^setup: going on without timgm6mb-soundfont: '
[ "$status" = 0 ] || { echo "setup failed for an optional package: $output"; failed=1; }
grep -qx libarchive-dev "$tree/installed" || { echo "one optional package keeps another out: $output"; failed=1; }
echo timgm6mb-soundfont >>"$tree/installed"

# Too old a cmake, too old a compiler.
command_stub cmake 'echo cmake version 3.22.1'
run
check 'old cmake' 'cmake is 3.22.1, 3.25 or newer is needed: '
[ "$status" = 1 ] || failed=1
command_stub cmake 'echo cmake version 3.28.3'
command_stub g++ 'echo 11.4.0'
run
check 'old compiler' 'g\+\+ is 11.4.0, 12 or newer is needed: '
rm "$tree/bin/g++"

# Not root, no sudo.
command_stub id 'echo 1000'
: >"$tree/installed"
if ! command -v sudo >/dev/null; then
  run
  check 'no root' 'run tools/setup as root'
fi

# Every font package that the typefaces name is installed.
grep -oE '"fonts-[a-z0-9-]+"' "$root/models/font_gan/typefaces.h" | tr -d '"' | sort -u |
  while read -r package; do
    grep -qx "font $package" "$root/tools/packages" || { echo "tools/packages lacks font $package"; exit 1; }
  done || failed=1
exit $failed
