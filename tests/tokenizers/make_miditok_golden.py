#!/usr/bin/env python3
"""Writes tests/tokenizers/miditok_golden.txt: what MidiTok makes of MIDI files of several kinds.

usage: make_miditok_golden.py > tests/tokenizers/miditok_golden.txt
Needs miditok 3.0.4 and symusic 0.5.4, no others: the tokenizers in Etude equal these, id for id.

Lines, their words separated by blanks:
  config NAME TOKENIZER SETTING...     SETTING as for `etude tokenize --set`
  vocabulary NAME SIZE HASH            HASH: FNV-1a of the tokens in the order of their ids, each
                                       with a line end
  names NAME TOKEN...                  these tokens, of some
  json NAME JSON                       the tokenizer as MidiTok saves it
  file KIND HEX                        a MIDI file
  ids NAME KIND ID... | ID... | ...    its sequences
  decode NAME ID...                    ids with gaps, and what they are decoded to:
  notes NOTE...                          as tick,duration,pitch,velocity,program
  tempos TEMPO...                        as tick,microseconds per quarter note, the last of a tick
  meters METER...                        as tick,numerator,denominator
"""

import importlib.metadata
import json
import random
import struct
import sys
import warnings

WANTED = {"miditok": "3.0.4", "symusic": "0.5.4"}
for package, version in WANTED.items():
    found = importlib.metadata.version(package)
    if found != version:
        sys.exit(f"make_miditok_golden.py: {package} must be {version}, not {found}")
import miditok
import symusic

warnings.simplefilter("ignore")

CONFIGS = {
    "remi": "remi",
    "midilike": "midilike",
    "remi_312": "remi num_velocities=16 use_chords=true use_tempos=true",
    "remi_plus_385": "remi_plus use_programs=false num_velocities=16 use_chords=true"
                     " use_tempos=true",
    "midilike_428": "midilike num_velocities=16 use_chords=true use_tempos=true",
    "remi_441": "remi num_velocities=16 use_chords=true use_tempos=true use_programs=true",
    "remi_plus": "remi_plus use_tempos=true use_chords=true",
    "remi_rests": "remi use_rests=true",
    "remi_plus_rests": "remi_plus use_rests=true use_tempos=true",
    "midilike_plus": "midilike use_programs=true use_time_signatures=true use_tempos=true"
                     " use_rests=true use_chords=true max_duration=4.0.4",
    "midilike_meters": "midilike use_programs=true use_time_signatures=true"
                       ' time_signature_range={"16":[5,7],"8":[3,6,7],"4":[2,3,4],"2":[2]}',
    "remi_tracks": "remi_plus one_token_stream_for_programs=false use_chords=true"
                   " chord_tokens_with_root_note=true",
    "remi_odd": 'remi_plus beat_res={"0_2":12,"2_8":6,"8_9":2} beat_res_rest={"0_2":4,"2_4":1}'
                " use_rests=true use_velocities=false use_pitchdrum_tokens=false log_tempos=true"
                " use_tempos=true tempo_range=[60,180] num_tempos=16 pitch_range=[36,84]"
                ' time_signature_range={"16":[5,7],"8":[3,6,7],"4":[2,3,4],"2":[2]}'
                " remove_duplicated_notes=true delete_equal_successive_tempo_changes=true"
                ' special_tokens=["PAD","Genre_rock"]',
}
# In these MidiTok finds errors in ids of its own.
MIDITOK_BLAMES = ("midilike_plus", "remi_odd")


def tokenizer_of(text):
    name, *settings = text.split()
    values = {"use_programs": True, "use_time_signatures": True} if name == "remi_plus" else {}
    for setting in settings:
        key, value = setting.split("=", 1)
        values[key] = value if key == "max_duration" else json.loads(value)
    for key in ("beat_res", "beat_res_rest"):
        if key in values:
            values[key] = {tuple(map(int, k.split("_"))): v for k, v in values[key].items()}
    if "time_signature_range" in values:
        values["time_signature_range"] = {
            int(k): v for k, v in values["time_signature_range"].items()}
    kind = miditok.MIDILike if name == "midilike" else miditok.REMI
    return kind(miditok.TokenizerConfig(**values))


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def sequences_of(tokenizer, score):
    found = tokenizer(score)
    return found if isinstance(found, list) else [found]


# --- MIDI files ----------------------------------------------------------------------------------


def number(n):
    digits = [n & 127]
    while n := n >> 7:
        digits.append(128 | n & 127)
    return bytes(reversed(digits))


def track(events):
    data, before = b"", 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        data += number(tick - before) + bytes(message)
        before = tick
    data += b"\0\xff\x2f\0"
    return b"MTrk" + struct.pack(">I", len(data)) + data


def midi(ppq, *tracks):
    head = struct.pack(">IHHH", 6, int(len(tracks) > 1), len(tracks), ppq)
    return b"MThd" + head + b"".join(map(track, tracks))


def note(start, end, pitch, velocity, channel=0):
    return [(start, (0x90 | channel, pitch, velocity)), (end, (0x80 | channel, pitch, 0))]


def program(tick, value, channel=0):
    return [(tick, (0xC0 | channel, value))]


def tempo(tick, microseconds):
    return [(tick, (0xFF, 0x51, 3, *microseconds.to_bytes(3, "big")))]


def meter(tick, numerator, denominator):
    return [(tick, (0xFF, 0x58, 4, numerator, denominator.bit_length() - 1, 24, 8))]


def melody(rng, n, ppq, channel=0, low=48, high=84, longest=4.0):
    """Notes at any tick, none on a pitch that still sounds."""
    events, tick, free = [], 0, {}
    while n > 0:
        tick += rng.choice((0, 0, ppq // 4, ppq // 2, ppq, rng.randrange(ppq)))
        pitch = rng.randrange(low, high)
        if free.get(pitch, 0) > tick:
            continue
        free[pitch] = tick + max(1, round(ppq * rng.uniform(0.05, longest)))
        events += note(tick, free[pitch], pitch, rng.randrange(1, 128), channel)
        n -= 1
    return events


def chords(rng, n, ppq, channel=0):
    shapes = list(miditok.constants.CHORD_MAPS.values()) + [(0, 7), (0, 4, 8, 12, 16), (0, 5, 11)]
    events, tick = [], 0
    for i in range(n):
        root, length = rng.randrange(40, 70), rng.choice((ppq // 2, ppq, 2 * ppq))
        for interval in shapes[i % len(shapes)]:
            late = rng.choice((0, 0, 0, ppq // 8, ppq // 10))
            end = tick + length + rng.choice((-late, 0, ppq // 3))
            events += note(tick + late, max(end, tick + late + 1), root + interval, 80, channel)
        tick += length + rng.choice((0, ppq // 2, 3 * ppq))
    return events


def band(rng, ppq, n):
    """Five tracks, two of one program, a drum kit, a track without notes."""
    return [
        tempo(0, 480000),
        program(0, 0) + melody(rng, n, ppq),
        program(0, 33, 1) + melody(rng, n, ppq, 1, 28, 50),
        [(0, (0xB0, 7, 100))],
        program(0, 0, 2) + chords(rng, n // 3, ppq, 2),
        melody(rng, n, ppq, 9, 25, 92, 0.3),
        program(0, 48, 3) + melody(rng, n // 2, ppq, 3, 60, 72, 14),
    ]


def tempos(rng, ppq, n):
    events = []
    for i in range(n):
        tick = rng.randrange(12 * ppq)
        events += tempo(tick, rng.randrange(200000, 1700000))
        if i % 3 == 0:
            events += tempo(tick, rng.randrange(200000, 1700000))
    return events


def meters(rng, ppq, n, choices):
    events, tick = [], rng.choice((0, 2 * ppq))
    for _ in range(n):
        events += meter(tick, *rng.choice(choices))
        tick += rng.choice((2 * ppq, 3 * ppq, 4 * ppq, rng.randrange(1, 6 * ppq)))
    return events


def overlaps(rng, ppq):
    events = []
    for _ in range(30):
        tick = rng.randrange(8) * ppq // 2
        pitch = rng.choice((60, 64, 67))
        events += note(tick, tick + rng.choice((0, 1, ppq, 3 * ppq)), pitch, rng.randrange(1, 128))
    return events


COMMON = ((4, 4), (3, 4), (2, 4), (6, 8), (3, 8))
RARE = COMMON + ((7, 8), (5, 16), (7, 16), (2, 2), (9, 8))


def kinds():
    rng = random.Random(304)
    yield "single", midi(480, melody(rng, 40, 480))
    yield "chords", midi(480, chords(rng, 20, 480))
    yield "multi", midi(220, *band(rng, 220, 14))
    yield "tempos", midi(1024, tempos(rng, 1024, 12) + melody(rng, 20, 1024))
    yield "meters", midi(96, meters(rng, 96, 6, COMMON), melody(rng, 30, 96))
    yield "rare_meters", midi(480, meters(rng, 480, 7, RARE) + tempos(rng, 480, 5),
                              *band(rng, 480, 8))
    yield "eighths", midi(120, meters(rng, 120, 1, ((6, 8),)), melody(rng, 25, 120),
                          melody(rng, 6, 120, 9, 30, 60))
    yield "two_units", midi(480, meter(0, 4, 4) + meter(1920, 6, 8) + tempos(rng, 480, 4),
                            melody(rng, 25, 480), chords(rng, 6, 480))
    yield "drums", midi(384, melody(rng, 25, 384, 9, 20, 100, 0.2))
    yield "range", midi(480, melody(rng, 25, 480, 0, 0, 128))
    yield "overlaps", midi(480, overlaps(rng, 480))
    yield "sparse", midi(480, [event for i in range(8) for event in
                               note(i * i * 900, i * i * 900 + 60 + 1500 * i, 50 + i, 5 + 15 * i)])
    yield "empty_tracks", midi(96, [], program(0, 5), melody(rng, 8, 96), [(40, (0xB0, 64, 127))])
    yield "no_notes", midi(480, tempo(0, 400000) + tempo(960, 700000) + meter(0, 3, 4))
    yield "nothing", midi(480, [])
    yield "eight_ticks", midi(8, melody(rng, 20, 8))
    yield "two_ticks", midi(2, melody(rng, 12, 2))
    yield "one_track", midi(24, *[program(0, 40, 1) + program(0, 3, 0) + melody(rng, 12, 24, 1)
                                  + melody(rng, 10, 24) + melody(rng, 8, 24, 9, 30, 70)])


# --- Output --------------------------------------------------------------------------------------


def decoded(tokenizer, rng, sequence):
    """Lines for ids of which some are left out; None where MidiTok fails on them. MIDILike's
    velocities stay: without one MidiTok takes the next number, whatever it means, and Etude skips
    the note."""
    keep = range(0)
    if isinstance(tokenizer, miditok.MIDILike):
        keep = tokenizer.token_ids_of_type("Velocity")
    ids = [i for i in sequence if rng.random() < 0.9 or i in keep][:120]
    one = tokenizer.one_token_stream
    try:
        score = tokenizer.decode([miditok.TokSequence(ids=ids)] if not one
                                 else miditok.TokSequence(ids=ids))
    except (ValueError, KeyError):
        return None
    notes = sorted((n.time, n.duration, n.pitch, n.velocity, -1 if t.is_drum else t.program)
                   for t in score.tracks for n in t.notes)

    def text(name, values):
        return " ".join([name, *(",".join(map(str, value)) for value in values)])

    def last(values):
        return sorted({value[0]: value for value in values}.values())

    return [text("notes", notes), text("tempos", last((t.time, t.mspq) for t in score.tempos)),
            text("meters", last((m.time, m.numerator, m.denominator)
                                for m in score.time_signatures)), ids]


def main():
    rng = random.Random(1)
    files = list(kinds())
    for kind, data in files:
        print("file", kind, data.hex())
    for name, text in CONFIGS.items():
        tokenizer = tokenizer_of(text)
        print("config", name, text)
        names = sorted(tokenizer.vocab, key=tokenizer.vocab.get)
        print("vocabulary", name, len(names), fnv1a("".join(token + "\n" for token in names)))
        if name in ("remi_odd", "midilike_plus"):
            print("names", name, *names)
            print("json", name, json.dumps(tokenizer.to_dict(), separators=(",", ":")))
        for kind, data in files:
            sequences = sequences_of(tokenizer, symusic.Score.from_midi(data))
            if name not in MIDITOK_BLAMES:
                assert not any(tokenizer.tokens_errors(sequences)), (name, kind)
            print("ids", name, kind, " | ".join(" ".join(map(str, s.ids)) for s in sequences))
            if kind not in ("multi", "meters", "rare_meters", "sparse"):
                continue
            result = decoded(tokenizer, rng, sequences[0].ids)
            if result is not None:
                print("decode", name, *result[3])
                print(*result[:3], sep="\n")


if __name__ == "__main__":
    main()
