"""How well one direction of the stream tells harmful requests from benign ones, layer by layer, on held-out requests.

The gap of pairs asks whether requests of one kind are alike. Where harm is no matter of single words (an exclusive-or
of two facts), they are not, however well a model tells them apart. So a second curve: the direction from the mean
benign state to the mean harmful one, found without the requests that it is tested on, and the share of (harmful,
benign) pairs that it puts in the right order: .5 by chance, 1 where a layer has decided. Requests of one cluster (the
same verbs and objects) are held out together.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineage.errors import UserError
from lineage.evaluation.items import Item
from lineage.evaluation.paired import Draws, Resampled

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

FOLDS = 5


def folds_of(items: Sequence[Item], *, folds: int = FOLDS) -> Integers:
    """[request] the part that it is held out with: clusters are dealt in the order of their digests."""
    clusters = sorted({one.cluster or one.id for one in items}, key=lambda name: (zlib.crc32(name.encode()), name))
    if len(clusters) < 2:
        raise UserError(f"the requests are of {len(clusters)} cluster: two or more are needed to hold one out.")
    number = {name: at % folds for at, name in enumerate(clusters)}
    return np.asarray([number[one.cluster or one.id] for one in items])


def ordered_pairs(states: Floats, harmful: Flags, folds: Integers) -> tuple[Floats, Integers]:
    """([layer, pair] 1 where the harmful request lies further along the direction, .5 where both lie alike, else 0;
    [pair, 2] the harmful and the benign request), of the pairs within each fold; states [request, layer, hidden].

    Empty where no fold holds both kinds with both kinds left outside of it.
    """
    values: list[Floats] = []
    pairs: list[Integers] = []
    for fold in np.unique(folds):
        inside, outside = folds == fold, folds != fold
        sides = [np.flatnonzero(inside & harmful), np.flatnonzero(inside & ~harmful)]
        if not all(map(len, sides)) or not (outside & harmful).any() or not (outside & ~harmful).any():
            continue
        direction = states[outside & harmful].mean(axis=0) - states[outside & ~harmful].mean(axis=0)
        bad, good = (np.einsum("rlh,lh->lr", states[side], direction) for side in sides)
        values.append((0.5 * (1 + np.sign(bad[:, :, None] - good[:, None, :]))).reshape(states.shape[1], -1))
        pairs.append(np.stack([one.ravel() for one in np.meshgrid(*sides, indexing="ij")], axis=1))
    if not values:
        return np.zeros((states.shape[1], 0)), np.zeros((0, 2), dtype=np.int64)
    return np.concatenate(values, axis=1), np.concatenate(pairs)


def separation(states: Floats, harmful: Flags, folds: Integers, draws: Draws) -> list[Resampled]:
    """[layer] share of pairs in the right order, a pair counting as often as both of its requests were drawn.

    Raises:
        UserError: no fold holds harmful and benign requests.
    """
    values, pairs = ordered_pairs(states, harmful, folds)
    if not len(pairs):
        raise UserError("no part of the requests holds harmful and benign ones: ask more of them (`per_label`).")
    drawn = Draws(draws.weights[:, pairs[:, 0]] * draws.weights[:, pairs[:, 1]], draws.groups)
    return [drawn.resampled(layer) for layer in values]


def null_separations(states: Floats, harmful: Flags, folds: Integers, *, permutations: int, seed: int) -> Floats:
    """[permutation, layer] the same where labels are dealt anew; permutations that leave no pair are left out."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, 1))))
    found = []
    for _ in range(permutations):
        values, pairs = ordered_pairs(states, generator.permutation(harmful), folds)
        if len(pairs):
            found.append(values.mean(axis=1))
    return np.asarray(found).reshape(-1, states.shape[1])
