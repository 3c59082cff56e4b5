"""What each continuation of each beam adds to its score, in the four modes of decoding.

Shapes as in `space`; V rows of the vocabulary, G symbols. Where the padded children of a level hold more rows than the
vocabulary has, several times over, a pass over all rows takes their place: the same values in bounded memory.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from lineage.retrieval.decoding.space import PLACEHOLDER, SearchSpace

Mode = Literal["all", "max", "marginal"]
"""`exact` is `max` over a tree of own paths, whose symbols are rows."""


PADDING = 4
"""So many times the logits the padded rows of children may take: gathering them is that much cheaper a value."""


class Continuations(NamedTuple):
    """Everything that one step may write next, C continuations a beam."""

    score: Tensor
    """[Q, B, C] logit, or its log-sum over rows; -inf where nothing may follow."""
    child: Tensor
    """[Q, B, C] node that each leads to."""
    row: Tensor | None
    """[Q, B, C] row that each writes; None where it is chosen afterwards (`best_rows`)."""


def continuations(
    logits: Tensor, space: SearchSpace, child: Tensor, legal: Tensor, level: int, mode: Mode
) -> Continuations:
    """Scores what may follow, before normalisation, from [Q, B, V] float32 logits and `SearchSpace.children`."""
    if mode == "all":
        if _is_narrow(logits, space, child, level):
            return _rows_of_children(logits, space, child, legal, level)
        return _all_rows(logits, space, child, legal)
    if _is_narrow(logits, space, child, level):
        return _groups_of_children(logits, space, child, legal, level, mode)
    return _all_groups(logits, space, child, legal, mode)


def log_mass(
    logits: Tensor, space: SearchSpace, child: Tensor, legal: Tensor, level: int, *, over_legal: bool
) -> Tensor:
    """[Q, B, 1] what turns logits into log-probabilities: of all rows, or of those that may follow."""
    if not over_legal:
        among = logits
    elif _is_narrow(logits, space, child, level):
        among = _gathered(logits, space, child, legal, level)[0].flatten(2)
    else:
        among = logits.masked_fill(_child_of_row(logits, space, child, legal) < 0, -torch.inf)
    return among.logsumexp(dim=-1, keepdim=True).clamp_min(torch.finfo(logits.dtype).min)


def best_rows(
    logits: Tensor, space: SearchSpace, beam: Tensor, nodes: Tensor, level: int
) -> tuple[Tensor, Tensor, Tensor]:
    """[Q, n] the most probable row of the symbol that leads to each of [Q, n] nodes below `level`, after [Q, n] beams.

    Beside it all rows [Q, n, K] and their shares of the symbol's probability.
    """
    rows, present = space.rows_of(nodes, level)
    places = beam.unsqueeze(-1) * logits.shape[-1] + rows
    values = logits.flatten(1).gather(1, places.flatten(1)).view_as(rows).masked_fill(~present, -torch.inf)
    best = values.argmax(dim=-1, keepdim=True)
    return rows.gather(-1, best).squeeze(-1), rows, values.softmax(dim=-1)


def _is_narrow(logits: Tensor, space: SearchSpace, child: Tensor, level: int) -> bool:
    """Whether the rows of the padded children are fewer than all rows."""
    return child.shape[-1] * space.most_rows[level] <= PADDING * logits.shape[-1]


def _gathered(logits: Tensor, space: SearchSpace, child: Tensor, legal: Tensor, level: int) -> tuple[Tensor, Tensor]:
    """[Q, B, K, W] logits of the rows of the children, -inf where there is none, and the rows.

    Children stand last, so that sums over the few rows of each run along memory.
    """
    symbol = space.symbol[child].long()
    first = space.first_row[symbol]
    count = (space.first_row[symbol + 1] - first).masked_fill(~legal, 0).unsqueeze(-2)
    place = torch.arange(space.most_rows[level], device=child.device).unsqueeze(-1)
    present = place < count
    rows = first.unsqueeze(-2) + place * present
    return logits.gather(-1, rows.flatten(2)).view_as(rows).masked_fill(~present, -torch.inf), rows


def _groups_of_children(
    logits: Tensor, space: SearchSpace, child: Tensor, legal: Tensor, level: int, mode: Mode
) -> Continuations:
    values, _ = _gathered(logits, space, child, legal, level)
    return Continuations(values.amax(dim=-2) if mode == "max" else values.logsumexp(dim=-2), child, None)


def _rows_of_children(logits: Tensor, space: SearchSpace, child: Tensor, legal: Tensor, level: int) -> Continuations:
    values, rows = _gathered(logits, space, child, legal, level)
    return Continuations(values.flatten(2), child.unsqueeze(-2).expand_as(rows).flatten(2), rows.flatten(2))


def _all_groups(logits: Tensor, space: SearchSpace, child: Tensor, legal: Tensor, mode: Mode) -> Continuations:
    lengths = space.first_row.diff().expand(*logits.shape[:-1], -1).contiguous()
    score = torch.segment_reduce(logits, "max", lengths=lengths, axis=2, unsafe=True)
    if mode == "marginal":
        shares = (logits - score.gather(-1, space.symbol_of_row.expand_as(logits))).exp()
        score = score + torch.segment_reduce(shares, "sum", lengths=lengths, axis=2, unsafe=True).log()
    chosen = score.gather(-1, space.symbol[child].long())
    return Continuations(chosen.masked_fill(~legal, -torch.inf), child, None)


def _all_rows(logits: Tensor, space: SearchSpace, child: Tensor, legal: Tensor) -> Continuations:
    child_of_row = _child_of_row(logits, space, child, legal)
    may_follow = child_of_row >= 0
    rows = torch.arange(logits.shape[-1], device=logits.device).expand_as(logits)
    score = logits.masked_fill(~may_follow, -torch.inf)
    return Continuations(score, child_of_row.masked_fill(~may_follow, PLACEHOLDER), rows)


def _child_of_row(logits: Tensor, space: SearchSpace, child: Tensor, legal: Tensor) -> Tensor:
    """[Q, B, V] the child that each row leads to, -1 where it leads to none."""
    num_symbols = len(space.first_row) - 1
    symbol = space.symbol[child].long().masked_fill(~legal, num_symbols)
    nowhere = torch.full((*child.shape[:-1], num_symbols + 1), -1, device=child.device, dtype=child.dtype)
    child_of_symbol = nowhere.scatter(-1, symbol, child)
    return child_of_symbol.gather(-1, space.symbol_of_row.expand_as(logits))
