"""Clustering the vectors of every token beside scikit-learn, one group after the other: seconds and inertia.

    python bench/clustering.py [--states 1000000] [--tokens 30000] [--width 64] [--groups 600]

Both sides run on one thread and are measured in seconds of the processor, so that other work on the machine does not
count.

Groups have sizes by Zipf's law, as title tokens do, and each scatters about up to eight places (senses). Both sides run
k-means with k-means++, 10 restarts, at most 300 iterations and tol 1e-4, in float32, k = 5; groups of 5 states or fewer
need no clustering on either side and count for neither. Ours is the whole job on all groups, from finding equal vectors
to the labels of all states. scikit-learn clusters the `--groups` that are measured: the largest hundred, and others
drawn at random; its time for all groups is that of the largest, and the mean of the others times their number
(`--groups 0` measures all: some minutes). Inertia is compared on the measured groups.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from lineage.config.retrieval_models import Clustering
from lineage.retrieval.clustering.distinct import Floats, Ints
from lineage.retrieval.clustering.groups import Grouped, States

CLUSTERS = 5
SENSES = 8
LARGEST = 100
SPEED_TARGET = 20
INERTIA_TARGET = 0.01
SETTINGS = Clustering()


def build(num_states: int, tokens: int, width: int) -> States:
    """About `num_states` states of `tokens` groups."""
    drawn = np.random.default_rng(0)
    shares = 1 / np.arange(1, tokens + 1)
    sizes = np.maximum(1, np.round(shares / shares.sum() * num_states)).astype(int)
    places = drawn.standard_normal((tokens, SENSES, width), dtype=np.float32)
    group = np.repeat(np.arange(tokens), sizes)
    vectors = places[group, drawn.integers(0, SENSES, len(group))]
    vectors += drawn.standard_normal(vectors.shape, dtype=np.float32)
    return States(vectors, np.ones(len(vectors), np.float32), np.concatenate([[0], np.cumsum(sizes)]))


def ours(states: States) -> tuple[float, Floats]:
    """Seconds for all groups, and the inertia [group] of each."""
    begin = time.process_time()
    grouped = Grouped(states, CLUSTERS)
    table = np.zeros((grouped.row_first[-1], states.vectors.shape[1]), np.float32)
    rows = grouped.cluster(table, SETTINGS, torch.device("cpu"))
    seconds = time.process_time() - begin
    squared = np.square(states.vectors - table[rows]).sum(axis=1, dtype=np.float64)
    return seconds, np.add.reduceat(squared, states.group_first[:-1])


def theirs(states: States, groups: Ints) -> tuple[Floats, Floats]:
    """(seconds, inertia) [group] of `KMeans(...).fit` on these groups."""
    seconds, inertia = np.zeros(len(groups)), np.zeros(len(groups))
    for number, group in enumerate(groups):
        points = states.vectors[states.group_first[group] : states.group_first[group + 1]]
        begin = time.process_time()
        means = KMeans(
            CLUSTERS,
            n_init=SETTINGS.n_init,  # pyright: ignore[reportArgumentType]
            max_iter=SETTINGS.max_iter,
            tol=SETTINGS.tol,
            random_state=0,
            algorithm="lloyd",
        ).fit(points)
        seconds[number], inertia[number] = time.process_time() - begin, means.inertia_
    return seconds, inertia


def main() -> None:
    """Prints both times, their ratio and the ratio of inertias, and says which targets are missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--states", type=int, default=1_000_000)
    parser.add_argument("--tokens", type=int, default=30_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--groups", type=int, default=600, help="groups that scikit-learn clusters; 0: all")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    states = build(arguments.states, arguments.tokens, arguments.width)
    large = np.flatnonzero(states.group_sizes > CLUSTERS)  # the largest first
    rest = large[LARGEST:]
    if arguments.groups:
        rest = np.random.default_rng(1).choice(rest, max(1, min(arguments.groups - LARGEST, len(rest))), replace=False)
    measured = np.concatenate([large[:LARGEST], rest])
    seconds, inertia = ours(states)
    print(
        f"{states.group_first[-1]:,} states of {arguments.width} numbers, {len(large):,} groups to cluster,"
        f" one thread\nours: {seconds:.1f} s",
        flush=True,
    )
    with threadpool_limits(1):
        their_seconds, their_inertia = theirs(states, measured)
    scale = (len(large) - LARGEST) / len(rest)
    total = their_seconds[:LARGEST].sum() + scale * their_seconds[LARGEST:].sum()
    difference = inertia[measured].sum() / their_inertia.sum() - 1
    kind = "measured" if scale == 1 else f"extrapolated from {len(measured):,} groups"
    print(f"scikit-learn: {total:.1f} s ({kind}): {total / seconds:.1f} times as long; our inertia {difference:+.2%}")
    missed = [f"{total / seconds:.1f} times as fast, {SPEED_TARGET} wanted"] if total < SPEED_TARGET * seconds else []
    missed += [f"inertia {difference:+.2%}, within 1% wanted"] if abs(difference) > INERTIA_TARGET else []
    print("\n".join(missed) if missed else "all targets are met")


if __name__ == "__main__":
    main()
