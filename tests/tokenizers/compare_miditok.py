#!/usr/bin/env python3
"""Compares the ids of real files with MidiTok's, id for id.

usage: compare_miditok.py TOKENIZERS_TESTS FOLDER [NUM_FILES]
TOKENIZERS_TESTS is the test program of a build, FOLDER has MIDI files at any depth, of which the
first and NUM_FILES (300) at random are compared in each of CONFIGS. Needs what
make_miditok_golden.py needs. Exit status 1 where ids differ.
"""

import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import symusic

from make_miditok_golden import fnv1a, sequences_of, tokenizer_of

CONFIGS = {
    "remi_312": "remi num_velocities=16 use_chords=true use_tempos=true",
    "remi_plus": "remi_plus num_velocities=16 use_chords=true use_tempos=true use_rests=true",
    "midilike_428": "midilike num_velocities=16 use_chords=true use_tempos=true",
    "midilike_plus": "midilike use_programs=true use_time_signatures=true use_tempos=true"
                     " use_rests=true",
}


def hashes_of(program, files):
    """Those of Etude: {(config, path): hash}."""
    with tempfile.TemporaryDirectory() as folder:
        job = pathlib.Path(folder) / "job"
        lines = [f"config {name} {text}" for name, text in CONFIGS.items()]
        lines += [f"file {path}" for path in files]
        job.write_text("\n".join(lines) + "\n")
        subprocess.run([program, "--test-case=*ETUDE_MIDITOK_JOB*"], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "ETUDE_MIDITOK_JOB": str(job)})
        found = {}
        for line in pathlib.Path(f"{job}.out").read_text().splitlines():
            name, value, path = line.split(" ", 2)
            found[name, path] = value
        return found


def main():
    program, folder = sys.argv[1:3]
    num_files = int(sys.argv[3]) if len(sys.argv) > 3 else 300
    files = sorted(str(path.resolve()) for path in pathlib.Path(folder).rglob("*.mid"))
    if len(files) > num_files:
        files = files[:1] + random.Random(0).sample(files[1:], num_files)
    start = time.time()
    ours = hashes_of(program, files)
    print(f"{len(files)} files, {len(CONFIGS)} configurations: {time.time() - start:.1f} s")
    wrong = 0
    for name, text in CONFIGS.items():
        tokenizer = tokenizer_of(text)
        start = time.time()
        for path in files:
            sequences = sequences_of(tokenizer, symusic.Score(path))
            theirs = fnv1a("".join(" ".join(map(str, [*s.ids, ""])) + "\n" for s in sequences))
            if ours[name, path] != theirs:
                wrong += 1
                print(f"{name}: {path}: the ids differ")
        print(f"{name}: MidiTok {time.time() - start:.1f} s")
    print("no difference" if wrong == 0 else f"{wrong} differences")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
