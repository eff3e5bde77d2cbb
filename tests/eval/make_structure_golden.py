#!/usr/bin/env python3
"""Writes tests/eval/structure_golden.txt: chroma, self-similarity and fitness by their definitions.

usage: make_structure_golden.py > tests/eval/structure_golden.txt        (needs numpy)
Lines: `NAME COUNT` and then that many numbers. Plain and slow on purpose: whole matrices, and the
paths themselves, traced back from the table of sums.
"""

import numpy as np

RATE, FRAME, HOP = 22050, 4410, 2205
SHOWN_LENGTHS = (1, 6, 11, 20, 33)


def sound():
    """Four seconds: chords that change every half second, with a silent one among them."""
    t = np.arange(4 * RATE) / RATE
    chords = [(0, 4, 7), (0, 4, 7), (5, 9, 12), (), (7, 11, 14), (-12, 12), (3, 7, 10), (0, 4, 7)]
    y = np.zeros(len(t))
    for i, chord in enumerate(chords):
        now = (t >= i / 2) & (t < (i + 1) / 2)
        for semitone in chord:
            y += now * 0.1 * np.sin(2 * np.pi * 261.6256 * 2 ** (semitone / 12) * t)
    return y.astype(np.float32).astype(float)


def chroma(y):
    bins = FRAME // 2 + 1
    hertz = np.arange(FRAME) * RATE / FRAME
    semitone = 12 * np.log2(np.maximum(hertz, 1e-9) / 27.5)
    width = np.maximum(np.diff(semitone), 1)[:bins]
    semitone = semitone[:bins]
    centre = np.arange(12)[:, None] + 3  # C is three semitones above A
    distance = (semitone - centre + 126) % 12 - 6
    weights = np.exp(-0.5 * (2 * distance / width) ** 2)
    weights /= np.linalg.norm(weights, axis=0)
    weights *= np.exp(-0.5 * ((semitone / 12 - 5) / 2) ** 2)
    weights[:, 0] = 0  # a constant has no pitch
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    padded = np.pad(y, FRAME // 2, mode="reflect")
    frames = [padded[f * HOP: f * HOP + FRAME] for f in range(1 + len(y) // HOP)]
    power = np.abs(np.fft.rfft(np.array(frames) * window, axis=1)) ** 2
    raw = power @ weights.T
    length = np.linalg.norm(raw, axis=1, keepdims=True)
    return raw / np.where(length > 0, length, 1)


def features(frames):
    rows = []
    for f in range(0, len(frames), 5):
        row = sum(frames[i] for i in range(f - 10, f + 11) if 0 <= i < len(frames)) / 21
        length = np.linalg.norm(row)
        rows.append(row / length if length > 1e-3 else np.full(12, 12 ** -0.5))
    return np.array(rows)


def piece():
    """A B A' C A" at 2 Hz: A' a fifth higher, A" at two thirds of the speed; noisy chroma."""
    rng = np.random.default_rng(6)
    a, b, c = (np.abs(rng.normal(size=(n, 12))) ** 2 for n in (20, 10, 12))
    slow = a[(np.arange(30) / 1.5).astype(int)]
    x = np.concatenate([a, b, np.roll(a, 7, axis=1), c, slow])
    x += 0.15 * np.abs(rng.normal(size=x.shape))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).round(4)


def nearest(length, count):
    return [max(int(np.rint((i + 1) / count * length)) - 1, 0) for i in range(count)]


def self_similarity(x):
    n = len(x)
    best = np.zeros((n, n))
    for shift in range(12):
        s = np.roll(x, shift, axis=1) @ x.T
        for tempo in 2.0 ** (np.arange(-3, 4) / 3):
            columns = int(np.ceil(n / tempo))
            stretched = s[:, nearest(n, columns)]
            back = nearest(columns, n)
            for i in range(n):
                for m in range(n):
                    j = back[m]
                    ahead = min(16, n - i, columns - j)
                    behind = min(16, i + 1, j + 1)
                    p, q = np.arange(ahead), np.arange(behind)
                    best[i, m] = max(best[i, m], stretched[i + p, j + p].sum() / 16,
                                     stretched[i - q, j - q].sum() / 16)
    least = np.sort(best.ravel())[round(0.75 * n * n)]
    kept = best >= least - 1e-12
    s = np.where(kept, np.maximum(best - least, 0) / (best.max() - least), -2.0)
    np.fill_diagonal(s, 1)
    return s


def optimal_sums(cells):
    """d[n][m]: column 0 is above all paths; column m has cells[:, m - 1]."""
    rows, columns = cells.shape
    d = np.full((rows, columns + 1), -np.inf)
    for n in range(rows):
        d[n, 0] = max(d[n - 1, 0], d[n - 1, columns]) if n > 0 else 0
        d[n, 1] = d[n, 0] + cells[n, 0]
        for m in range(2, columns + 1):
            d[n, m] = cells[n, m - 1] + max((d[i, j] for i, j in before(n, m)), default=-np.inf)
    return d


def before(n, m):
    steps = [(n - 1, m - 1), (n - 2, m - 1), (n - 1, m - 2)]
    return [(i, j) for i, j in steps if i >= 0 and j >= 1]


def path_family(d):
    """The paths' cells (row, column of d), from the last path to the first."""
    rows, columns = d.shape
    last = columns - 1
    paths, n = [], rows - 1
    inside = d[n, last] >= d[n, 0]
    while True:
        if inside:
            m, path = last, [(n, last)]
            while m > 1:
                n, m = max(before(n, m), key=lambda cell: d[cell])
                path.append((n, m))
            paths.append(path)
            # at column 1 the path starts, from column 0 of the same row
        if n == 0:
            return paths
        inside = d[n - 1, last] > d[n - 1, 0]
        n -= 1


def fitness(s, start, length):
    d = optimal_sums(s[:, start:start + length])
    paths = path_family(d)
    cells = sum(len(path) for path in paths)
    rows = sum(path[0][0] - path[-1][0] + 1 for path in paths)
    score = (max(d[-1, 0], d[-1, -1]) - length) / cells
    coverage = (rows - length) / len(s)
    return 2 * score * coverage / (score + coverage) if score > 0 and coverage > 0 else 0.0


def show(name, values, digits=6):
    values = np.ravel(values)
    print(name, len(values))
    for i in range(0, len(values), 12):
        print(*(np.format_float_positional(v, digits, trim="-") for v in values[i:i + 12]))


def main():
    frames = chroma(sound())
    show("chroma", frames[[0, 7, 17, 26, 40]])
    show("features", features(frames))
    x = piece()
    s = self_similarity(x)
    show("piece", x, 4)
    show("similarity", s[[0, 9, 40]])
    for length in SHOWN_LENGTHS:
        show(f"fitness{length}", [fitness(s, i, length) for i in range(len(s) - length + 1)])


if __name__ == "__main__":
    main()
