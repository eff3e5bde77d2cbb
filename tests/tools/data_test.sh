#!/usr/bin/env bash
# `etude data`: from a mirror and from a server on this machine, with everything that can go wrong
# on the way. A small data set of its own; the real ones where ETUDE_DATA_MIRROR has them.
# ETUDE_BIN: the program.
set -uo pipefail
command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 77; }
source "$(dirname "${BASH_SOURCE[0]}")/checks.sh"
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
real_mirror=${ETUDE_DATA_MIRROR-}
unset ETUDE_DATA_MIRROR http_proxy HTTP_PROXY all_proxy ALL_PROXY
export ETUDE_DATASETS=$work/sets
get() { run "$1" "$2" "$ETUDE_BIN" data get tiny --data "$work/data"; }
# Nothing under the data folder but what is named.
only() {
  local found
  found=$(cd "$work/data" && find . -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' ')
  [[ $found == "$*" || $found == "$* " ]] || fail "the data folder holds: $found"
}
fresh() { rm -rf "$work/data"; }
complete() {
  only tiny
  diff -r "$work/tiny" "$work/data/tiny" >"$work/err" || fail "$1: the folder differs"
}

# The data set, and archives of it good and bad.
mkdir -p "$work"/{sets,mirror,web,tiny/sub}
head -c 300000 /dev/urandom >"$work/tiny/sub/noise"
echo one >"$work/tiny/a file"
(cd "$work/tiny" && sha256sum 'a file' sub/noise) >"$work/sets/tiny.sha256"
python3 - "$work" <<'PY'
import io, os, sys, tarfile, zipfile
work = sys.argv[1]
files = {"a file": open(work + "/tiny/a file", "rb").read(), "sub/noise": open(work + "/tiny/sub/noise", "rb").read()}
def tar(path, top, more={}, mode="w:xz"):
    with tarfile.open(work + path, mode) as out:
        for name, data in {**more, **{top + n: d for n, d in files.items()}}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            out.addfile(entry, io.BytesIO(data))
tar("/mirror/tiny.tar.xz", "tiny/", {"tiny/extra": b"not in the manifest"})
tar("/web/tiny.tar.gz", "./tiny-HEAD/", mode="w:gz")
tar("/escape.tar.xz", "tiny/", {"tiny/../../escaped": b"x"})
tar("/absolute.tar.xz", "tiny/", {work + "/escaped": b"x"})
with zipfile.ZipFile(work + "/web/tiny.zip", "w", zipfile.ZIP_DEFLATED) as out:
    for name, data in {"tiny/sub/a file": b"deeper", **{"tiny/" + n: d for n, d in files.items()}}.items():
        out.writestr(name, data)
files["a file"] = b"two\n"
tar("/wrong.tar.xz", "tiny/")
del files["a file"]
tar("/other.tar.xz", "tiny/")
PY
cp "$work/wrong.tar.xz" "$work/web/wrong.zip"
use() { # URL: where the set is published
  printf 'content = "two files"\nlicence = "CC0"\npage = "http://127.0.0.1/"\nurl = "%s"\n' "$1" >"$work/sets/tiny.toml"
}
use http://127.0.0.1:9/tiny.zip

get 2 "" # also the answer of a build without the libraries
if grep -q 'this build has no' "$work/err"; then
  grep -q 'install lib' "$work/err" || { fail "no package is named"; exit 1; }
  echo "skipped: $(cat "$work/err")"
  exit 77
fi
grep -q 'ETUDE_DATA_MIRROR names' "$work/err" || fail "no remedy without a network"

# The command line.
run 2 "there are: tiny" "$ETUDE_BIN" data get small --data "$work/data"
run 2 "NAME is missing" "$ETUDE_BIN" data get
run 2 "list and get NAME, not fetch" "$ETUDE_BIN" data fetch
run 2 "unexpected more" "$ETUDE_BIN" data get tiny more
run 2 "--seed does not apply" "$ETUDE_BIN" data list --seed 1

# A set without an archive to download: what to do, and the files are verified.
printf 'content = "two files"\nlicence = "CC0"\npage = "http://127.0.0.1/"\nby_hand = "save both files"\n' >"$work/sets/tiny.toml"
fresh
get 2 "from http://127.0.0.1/ save both files, to $work/data/tiny, then the same command verifies"
only ''
mkdir "$work/data/tiny" && cp -r "$work/tiny/." "$work/data/tiny"
get 0 "2 files verified"
echo 'url = "http://127.0.0.1/tiny.zip"' >>"$work/sets/tiny.toml"
get 2 "either url or by_hand must be given"
use http://127.0.0.1:9/tiny.zip

# From the mirror.
fresh
export ETUDE_DATA_MIRROR=$work/mirror
mkdir -p "$work/data/.tiny.unpacked/left" # by a killed process
get 0 "2 files verified"
complete "from the mirror"
touch -d 2001-01-01 "$work/data/tiny/a file"
get 0 "2 files verified"
[[ $(stat -c %Y "$work/data/tiny/a file") -lt 1000000000 ]] || fail "the second get wrote the files again"
run 0 "" "$ETUDE_BIN" data list --data "$work/data"
for text in "tiny  (in $work/data/tiny)" "two files" "CC0; http"; do
  grep -qF "$text" "$work/out" || fail "list lacks $text: $(cat "$work/out")"
done
echo two >"$work/data/tiny/a file"
get 2 "a file has the sum"
grep -q 'remove the folder' "$work/err" || fail "no remedy for a changed file"
rm "$work/data/tiny/a file"
get 2 "a file is missing"

# bad ARCHIVE TEXT: this archive in the mirror is refused, and nothing is left of it.
bad() {
  fresh
  cp "$1" "$work/mirror/tiny.tar.xz"
  get 2 "$2"
  only ''
  [[ ! -e $work/escaped && ! -e $work/data/escaped ]] || fail "$1 wrote outside of its folder"
}
cp "$work/mirror/tiny.tar.xz" "$work/good.tar.xz"
head -c 200000 "$work/good.tar.xz" >"$work/short.tar.xz"
: >"$work/empty.tar.xz"
bad "$work/wrong.tar.xz" "a file has the sum"
bad "$work/other.tar.xz" "does not hold a file"
bad "$work/short.tar.xz" "damaged one"
bad "$work/empty.tar.xz" "damaged one"
bad "$work/escape.tar.xz" "tiny/../../escaped, which leads out"
bad "$work/absolute.tar.xz" "escaped, which leads out"
cp "$work/sets/tiny.sha256" "$work/sums"
echo "0123  b" >>"$work/sets/tiny.sha256"
get 2 "tiny.sha256:3: must be"
sed 's|sub/noise|../noise|' "$work/sums" >"$work/sets/tiny.sha256"
get 2 "tiny.sha256:2: must be"
cp "$work/sums" "$work/sets/tiny.sha256"
unset ETUDE_DATA_MIRROR

# From a server: PATH continues at a Range; /cut/PATH breaks off and /slow/PATH stops in the middle of
# a whole answer; /whole/PATH knows no ranges; /moved/PATH redirects.
python3 - "$work" <<'PY' &
import http.server, os, re, sys, time
work = sys.argv[1]
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        way, _, name = self.path[1:].rpartition("/")
        asked = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        begin = int(asked[1]) if asked and way != "whole" else 0
        open(work + "/requests", "a").write(f"{self.path} {asked[1] if asked else 0}\n")
        if way == "moved":
            self.send_response(302); self.send_header("Location", "/" + name); self.end_headers(); return
        if not os.path.exists(f"{work}/web/{name}"): return self.send_error(404)
        data = open(f"{work}/web/{name}", "rb").read()
        if begin >= len(data): return self.send_error(416)
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(data) - begin)); self.end_headers()
        half = way in ("cut", "slow") and not begin
        self.wfile.write(data[begin:len(data) // 2 if half else len(data)]); self.wfile.flush()
        if half and way == "slow": time.sleep(60)
with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    server.daemon_threads = True
    open(work + "/port.tmp", "w").write(str(server.server_port)); os.rename(work + "/port.tmp", work + "/port")
    server.serve_forever()
PY
server=$!
for _ in $(seq 200); do [[ -e $work/port ]] && break; sleep 0.05; done
[[ -e $work/port ]] || { echo "the test's server does not start"; exit 1; }
# serve PATH: nothing is fetched yet, and PATH is where it will be.
serve() { fresh; : >"$work/requests"; use "http://127.0.0.1:$(cat "$work/port")/$1"; }
asked() { [[ $(tr '\n' ';' <"$work/requests") == "$1" ]] || fail "requests: $(cat "$work/requests")"; }

for path in tiny.zip tiny.tar.gz moved/tiny.zip; do
  serve "$path"
  get 0 "2 files verified"
  complete "$path"
done
serve none.zip
get 2 "none.zip: The requested URL returned error: 404"
serve wrong.zip
get 2 "and removed"
only ''
serve cut/tiny.zip
get 2 "the same command continues"
only .tiny.archive.partial
half=$(($(stat -c %s "$work/web/tiny.zip") / 2))
get 0 "2 files verified"
complete "after a break"
asked "/cut/tiny.zip 0;/cut/tiny.zip $half;"
serve whole/tiny.tar.gz # not .zip, which may have anything before it
mkdir "$work/data" && head -c 1000 /dev/zero >"$work/data/.tiny.archive.partial"
get 0 "2 files verified"
complete "from a server without ranges"
asked "/whole/tiny.tar.gz 1000;"
serve tiny.zip
mkdir "$work/data" && cp "$work/web/wrong.zip" "$work/data/.tiny.archive.partial" && cat "$work/web/tiny.zip" >>"$work/data/.tiny.archive.partial"
get 0 "2 files verified"
complete "after a partial file that was too long"

# Ctrl-C, then the command it names; a second process meanwhile is refused.
serve slow/tiny.zip
"$ETUDE_BIN" data get tiny --data "$work/data" >/dev/null 2>"$work/stopped" &
pid=$!
for _ in $(seq 200); do [[ -s $work/data/.tiny.archive.partial ]] && break; sleep 0.05; done
get 2 "another \`etude data get\` is at work there"
kill -INT "$pid"
status=0
wait "$pid" || status=$?
cp "$work/stopped" "$work/err"
[[ $status -eq 130 ]] || fail "Ctrl-C: exit $status"
grep -q "continue with: $ETUDE_BIN data get tiny --data $work/data" "$work/err" || fail "Ctrl-C names no command"
only .tiny.archive.partial
get 0 "2 files verified"
complete "after Ctrl-C"
asked "/slow/tiny.zip 0;/slow/tiny.zip $half;"

# The real ones.
unset ETUDE_DATASETS
for name in $("$ETUDE_BIN" data list | grep -oE '^[a-z0-9_]+'); do
  [[ -e $real_mirror/$name.tar.xz ]] || { echo "skipped: no $name in ETUDE_DATA_MIRROR"; continue; }
  ETUDE_DATA_MIRROR=$real_mirror run 0 "$name: " "$ETUDE_BIN" data get "$name" --data "$work/real"
done
finish "fetched from a mirror and from a server, resumed, verified; damage refused"
