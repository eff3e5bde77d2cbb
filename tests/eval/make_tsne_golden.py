#!/usr/bin/env python3
"""Writes tests/eval/tsne_golden.txt: points, scikit-learn's t-SNE of them, and how good that is.

usage: make_tsne_golden.py > tests/eval/tsne_golden.txt        (needs scikit-learn)
Lines: `points N D`, `NAME K VALUE` for each measure of the embedding, then per point its label, its
D coordinates and its two positions.
"""

import numpy as np
from sklearn.manifold import TSNE, trustworthiness
from sklearn.neighbors import NearestNeighbors

STYLES, PER_STYLE, DIM, K = 5, 60, 8, 10


def make_points(rng):
    """Five noisy arcs in 8 dimensions: neighbours within a style have an order to keep."""
    points = []
    for _ in range(STYLES):
        centre = rng.normal(0, 2, DIM)
        plane = np.linalg.qr(rng.normal(size=(DIM, 2)))[0]
        angle = rng.uniform(0, 4, PER_STYLE)
        arc = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points.append(centre + arc @ plane.T + rng.normal(0, 0.15, (PER_STYLE, DIM)))
    return np.concatenate(points).round(2)


def neighbours(x):
    return NearestNeighbors(n_neighbors=K).fit(x).kneighbors(return_distance=False)


def main():
    x = make_points(np.random.default_rng(1))
    y = TSNE(perplexity=30, method="exact", init="pca", random_state=0).fit_transform(x).round(2)
    common = [len(set(a) & set(b)) for a, b in zip(neighbours(x), neighbours(y))]
    print("points", len(x), DIM)
    print("preservation", K, f"{np.mean(common) / K:.6f}")
    print("trustworthiness", K, f"{trustworthiness(x, y, n_neighbors=K):.6f}")
    for n in range(len(x)):
        print(n // PER_STYLE, *(f"{v:.2f}" for v in (*x[n], *y[n])))


if __name__ == "__main__":
    main()
