"""Which rows of embeddings and heads stand for the same token in all parents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from lineage.config.messages import listed
from lineage.errors import UserError
from lineage.merging.names import EMBEDDING_WEIGHT
from lineage.merging.parent import Parent


@dataclass(frozen=True)
class Rows:
    """Rows of tokens that all parents have; all other rows of the result are the owner's."""

    owner: torch.Tensor
    """(shared,) rows of the result, ascending: those of the owner."""
    parents: Mapping[str, torch.Tensor]
    """{parent: (shared,) its rows of the same tokens}"""
    kept: tuple[str, ...]
    """Tokens that not all parents have: their rows are the owner's."""
    dropped: Mapping[str, tuple[str, ...]]
    """{parent: tokens that the owner does not have}"""


def align(owner: Parent, parents: Sequence[Parent], *, min_shared: float) -> Rows | None:
    """Rows by their tokens' text; None where every row is the same token in all parents.

    `parents` holds the owner too. The owner's padding rows, beyond its tokenizer, are its own.

    Raises:
        UserError: no tokenizer, one with more entries than rows, or tokenizers that share too few tokens.
    """
    rows = {one.name: one.tensors[EMBEDDING_WEIGHT].shape[0] for one in parents}
    for one in parents:
        highest = max(one.token_ids.values())
        if highest >= rows[one.name]:
            raise UserError(
                f"{one.folder}: its tokenizer has ids up to {highest}, its embedding {rows[one.name]} rows: they do not"
                " belong together.\n  Use the tokenizer that the model was trained with."
            )
    if len(set(rows.values())) == 1 and all(one.token_ids == owner.token_ids for one in parents):
        return None
    shared = [token for token in owner.token_ids if all(token in one.token_ids for one in parents)]
    _check_share(owner, parents, len(shared), min_shared)
    shared.sort(key=owner.token_ids.__getitem__)
    common = set(shared)
    return Rows(
        owner=torch.tensor([owner.token_ids[token] for token in shared]),
        parents={one.name: torch.tensor([one.token_ids[token] for token in shared]) for one in parents},
        kept=tuple(token for token in _by_id(owner) if token not in common),
        dropped={
            one.name: tuple(token for token in _by_id(one) if token not in owner.token_ids)
            for one in parents
            if one is not owner
        },
    )


def check_same_rows(parents: Sequence[Parent]) -> None:
    """Rows by their number need as many of them in all parents.

    Raises:
        UserError: with the numbers.
    """
    rows = {one.name: one.tensors[EMBEDDING_WEIGHT].shape[0] for one in parents}
    if len(set(rows.values())) > 1:
        said = ", ".join(f"{name} has {count:,}" for name, count in rows.items())
        raise UserError(f"rows: id needs embeddings of the same number of rows: {said}.\n  Use `rows: token`.")


def _by_id(parent: Parent) -> list[str]:
    return sorted(parent.token_ids, key=parent.token_ids.__getitem__)


def _check_share(owner: Parent, parents: Sequence[Parent], num_shared: int, least: float) -> None:
    smallest = min(len(one.token_ids) for one in parents)
    if num_shared < least * smallest:
        fewest = min(parents, key=lambda one: len(owner.token_ids.keys() & one.token_ids.keys()))
        lacking = [token for token in _by_id(owner) if token not in fewest.token_ids]
        raise UserError(
            f"{owner.name} and {fewest.name} have different tokenizers: {num_shared:,} of {smallest:,} tokens"
            f" ({num_shared / smallest:.1%}) are in all models, {least:.0%} are needed (`min_shared_rows`).\n"
            f"  {fewest.name} lacks {listed(lacking[:8])}. Merge models that were trained with one tokenizer."
        )
