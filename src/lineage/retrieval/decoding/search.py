"""The beam search: node ids as beam state, one step a symbol, nothing read back from the device on the way.

Shapes: Q queries, B beams, P places for finished identifiers (as many as beams), D symbols of the longest identifier.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lineage.config.decoding import Decoding
from lineage.retrieval.decoding.cached import CachedDecoder
from lineage.retrieval.decoding.scores import Mode, best_rows, continuations, log_mass
from lineage.retrieval.decoding.space import SearchSpace

START_ROW = 0
"""What the decoder reads first: padding, as T5 does."""


@dataclass
class Finished:
    """Identifiers that are complete, best first; in mode `all` one may stand there by several paths."""

    score: Tensor
    """[Q, P] log-probability over length to the power of the penalty; -inf where fewer were found."""
    leaf: Tensor
    """[Q, P] leaf of the tree; -1 where fewer were found."""
    rows: Tensor
    """[Q, P, D] rows that the decoder read, the end included, then zeros."""

    @classmethod
    def none(cls, queries: int, places: int, depth: int, device: torch.device) -> Finished:
        """Empty places."""
        return cls(
            torch.full((queries, places), -torch.inf, device=device),
            torch.full((queries, places), -1, dtype=torch.long, device=device),
            torch.zeros((queries, places, depth), dtype=torch.long, device=device),
        )

    def merge(self, score: Tensor, leaf: Tensor, rows: Tensor) -> None:
        """Takes in [Q, any] more; the best remain."""
        scores = torch.cat([self.score, score], dim=1)
        self.score, best = scores.topk(self.score.shape[1], dim=1)
        leaves = torch.cat([self.leaf, leaf], dim=1).gather(1, best)
        self.leaf = leaves.masked_fill(self.score == -torch.inf, -1)
        self.rows = _picked(torch.cat([self.rows, rows], dim=1), best)


@dataclass
class _Beams:
    """What is being written."""

    node: Tensor
    """[Q, B]"""
    score: Tensor
    """[Q, B] log-probability so far; -inf of a beam that leads nowhere."""
    rows: Tensor
    """[Q, B, D] rows read so far, then zeros."""


@torch.inference_mode()
def search(
    decoder: CachedDecoder, space: SearchSpace, settings: Decoding, *, queries: int, blocked: Tensor | None = None
) -> Finished:
    """The best identifiers of each query, in one pass.

    In modes `max`, `marginal` and `exact` no identifier is found twice, and a beam of n finds n of them, or all: a beam
    is dropped only for n others, each of which has an end below it. Mode `all` does what beam search of transformers
    does with a mask: the best 2 n continuations are looked at, and identifiers finish among the best n of them only.

    Args:
        queries: how many the decoder was given.
        blocked: [Q, node] bool; nodes that a query may not write.
    """
    mode: Mode = "max" if settings.mode == "exact" else settings.mode
    tree, device = space.tree, space.symbol.device
    finished = Finished.none(queries, settings.beam, tree.depth, device)
    root = torch.zeros((queries, 1), dtype=torch.long, device=device)
    beams = _Beams(root, torch.zeros((queries, 1), device=device), finished.rows[:, :1])
    inputs = decoder.read(root + START_ROW)
    for level in range(tree.depth):
        logits = decoder.logits(inputs)
        child, legal = space.children(beams.node, level, blocked)
        found = continuations(logits, space, child, legal, level, mode)
        mass = log_mass(logits, space, child, legal, level, over_legal=settings.renormalize_over_legal)
        step = _Step(space, beams, logits, level, beams.score.unsqueeze(-1) + (found.score - mass), *found[1:])
        ends, width = step.ends(mode, settings.beam), step.next_width(mode, settings.beam)
        _finish(finished, step, ends, settings)
        if width == 0:
            break
        chosen, beams, inputs = _go_on(decoder, step, width, settings)
        if device.type == "cpu" and _nothing_better(beams, finished, tree.depth, settings):
            break  # reading a result back costs nothing here; elsewhere it would stop the device at every step
        decoder.choose(chosen)
    return finished


@dataclass
class _Step:
    """All continuations of one step, C a beam."""

    space: SearchSpace
    beams: _Beams
    logits: Tensor
    level: int
    score: Tensor
    """[Q, B, C] log-probability of what has been written with each."""
    child: Tensor
    row: Tensor | None

    def __post_init__(self) -> None:
        self.is_end = self.space.is_end(self.child)

    def ends(self, mode: Mode, beam: int) -> Tensor:
        """[Q, any] continuations (as places in B x C) among which identifiers finish."""
        if mode != "all":  # the end is the smallest symbol, so it is the first child
            size = self.score.shape[-1]
            first = torch.arange(self.score.shape[1], device=self.score.device) * size
            return first.expand(len(self.score), -1)
        places = self.score.flatten(1)
        return places.topk(min(beam, places.shape[1]), dim=1).indices

    def next_width(self, mode: Mode, beam: int) -> int:
        """Beams of the next step: never more than there are nodes to stand on."""
        branching = int(self.space.tree.branching[self.level + 1])
        limit = beam if mode == "all" and branching else min(beam, branching)
        return min(limit, self.score[0].numel())

    def taken(self, values: Tensor, places: Tensor) -> Tensor:
        """[Q, n] values [Q, B, C] at [Q, n] places."""
        return values.flatten(1).gather(1, places)

    def extended(self, places: Tensor, row: Tensor) -> Tensor:
        """[Q, n, D] rows read with the continuations at these places."""
        rows = _picked(self.beams.rows, places // self.score.shape[-1]).clone()
        rows[:, :, self.level] = row
        return rows

    def row_at(self, places: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """[Q, n] row of each continuation; where it is the best of several: all of them, and their shares."""
        if self.row is not None:
            return self.taken(self.row, places), None, None
        beam = places // self.score.shape[-1]
        return best_rows(self.logits, self.space, beam, self.taken(self.child, places), self.level)


def _finish(finished: Finished, step: _Step, places: Tensor, settings: Decoding) -> None:
    """Moves the identifiers that are complete at these places to the finished ones."""
    score = step.taken(step.score, places).masked_fill(~step.taken(step.is_end, places), -torch.inf)
    score = score / float(step.level + 1) ** settings.length_penalty
    if settings.early_stopping == "full":
        full = (finished.score > -torch.inf).all(dim=1, keepdim=True)
        score = score.masked_fill(full, -torch.inf)
    end = step.space.first_row[1]
    rows = step.extended(places, step.row_at(places)[0] if step.row is not None else end.expand_as(places))
    finished.merge(score, step.space.leaf[step.taken(step.child, places)].long(), rows)


def _go_on(decoder: CachedDecoder, step: _Step, width: int, settings: Decoding) -> tuple[Tensor, _Beams, Tensor]:
    """[Q, width] beams that live on, what they have written, and what the decoder reads next."""
    score, places = step.score.masked_fill(step.is_end, -torch.inf).flatten(1).topk(width, dim=1)
    row, rows, shares = step.row_at(places)
    beams = _Beams(step.taken(step.child, places), score, step.extended(places, row))
    if settings.history == "mean" and rows is not None:
        return places // step.score.shape[-1], beams, decoder.read(rows, shares)
    return places // step.score.shape[-1], beams, decoder.read(row)


def _nothing_better(beams: _Beams, finished: Finished, depth: int, settings: Decoding) -> bool:
    """Whether no beam of any query can change what is finished."""
    best = beams.score.amax(dim=1) / float(depth) ** settings.length_penalty
    done = best < finished.score[:, -1]
    if settings.early_stopping == "full":
        done = done | (finished.score > -torch.inf).all(dim=1)
    return bool((done | (best == -torch.inf)).all())


def _picked(values: Tensor, index: Tensor) -> Tensor:
    """[Q, n, ...] of values [Q, B, ...] at [Q, n]."""
    return values.gather(1, index.view(*index.shape, *[1] * (values.dim() - 2)).expand(*index.shape, *values.shape[2:]))
