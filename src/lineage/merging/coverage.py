"""Do the parents have the same language model, tensor by tensor? Answered from names, shapes and settings alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lineage.config.messages import listed
from lineage.errors import UserError
from lineage.merging.names import EMBEDDING, EMBEDDING_WEIGHT, HEAD, is_language, layer_of, sort_key
from lineage.merging.parent import Parent
from lineage.merging.settings import differences

_SHOWN = 5


@dataclass(frozen=True)
class Coverage:
    """How much of one parent meets the language model of the result."""

    parent: str
    layout: str
    tensors_matched: int
    tensors_total: int
    elements_matched: int
    elements_total: int
    missing: tuple[str, ...]
    """Canonical names that the result needs and the parent lacks."""
    left_over: tuple[str, ...]
    """Canonical names of language tensors that the parent has and the result has not."""
    renamed: int
    """Language tensors that the parent's files call otherwise than the result's."""
    ignored: tuple[str, ...]
    """Names in the parent's files that play no part."""
    unused: tuple[str, ...]
    """Projector and tower, where the result has another parent's."""

    @property
    def is_full(self) -> bool:
        """Whether every language tensor of result and parent found its like."""
        return not self.missing and not self.left_over

    @property
    def share(self) -> float:
        """Matched language tensors, of those of result and parent together."""
        return self.tensors_matched / max(self.tensors_total, 1)


def cover(parent: Parent, owner: Parent, *, uses_pictures: bool) -> Coverage:
    """The coverage of `parent` in a result that has the names of `owner`."""
    needed = {name for name in owner.tensors if is_language(name)}
    found = {name for name in parent.tensors if is_language(name)}
    matched = needed & found
    every = needed | found
    elements = {name: math.prod((parent.tensors.get(name) or owner.tensors[name]).shape) for name in every}
    return Coverage(
        parent=parent.name,
        layout=parent.layout.name,
        tensors_matched=len(matched),
        tensors_total=len(every),
        elements_matched=sum(elements[name] for name in matched),
        elements_total=sum(elements.values()),
        missing=tuple(sorted(needed - found, key=sort_key)),
        left_over=tuple(sorted(found - needed, key=sort_key)),
        renamed=sum(parent.tensors[name].name != owner.tensors[name].name for name in matched),
        ignored=parent.ignored,
        unused=() if uses_pictures else tuple(sorted(set(parent.tensors) - found, key=sort_key)),
    )


def check_settings(owner: Parent, parents: Sequence[Parent]) -> None:
    """Equal architecture, depth, heads, widths, norms, rotary settings; a difference in one makes weights unlike.

    Raises:
        UserError: the settings that differ, with both values.
    """
    for other in parents:
        found = differences(owner.settings, other.settings)
        if found:
            raise UserError(_unlike(owner, other, found))


def _unlike(owner: Parent, other: Parent, found: Mapping[str, tuple[Any, Any]]) -> str:
    said = "\n".join(
        f"  {name}: {ours} in {owner.name}, {theirs} in {other.name}" for name, (ours, theirs) in found.items()
    )
    return (
        f"{owner.folder} and {other.folder}: their language models differ, so their weights do not mean the same:\n"
        f"{said}\n  Merge models that come from one base and kept its architecture."
    )


def check_layers(parents: Sequence[Parent]) -> None:
    """Every parent holds all the layers that its configuration speaks of, and has an embedding.

    Raises:
        UserError: files and configuration of a parent disagree.
    """
    for one in parents:
        found = {layer for layer in map(layer_of, one.tensors) if layer is not None}
        if found != set(range(one.settings.num_layers)):
            raise UserError(
                f"{one.folder}: the configuration speaks of {one.settings.num_layers} layers, the files hold"
                f" {len(found)} (layout {one.layout.name}). Download or save the folder again."
            )
        if EMBEDDING_WEIGHT not in one.tensors:
            raise UserError(
                f"{one.folder}: no {one.layout.file_name(EMBEDDING_WEIGHT)} (layout {one.layout.name}), so no whole"
                " language model."
            )


def check_full(coverages: Sequence[Coverage]) -> None:
    """Nothing of a language model may be left out silently.

    Raises:
        UserError: the first missing names and the layout of each parent that falls short.
    """
    short = [one for one in coverages if not one.is_full]
    if not short:
        return
    lines = []
    for one in short:
        lines.append(
            f"  {one.parent} (layout {one.layout}): {one.tensors_matched} of {one.tensors_total} language tensors"
            f" matched ({one.share:.1%})"
        )
        for word, names in (("missing", one.missing), ("left over", one.left_over)):
            if names:
                more = f", ... ({len(names) - _SHOWN} more)" if len(names) > _SHOWN else ""
                lines.append(f"    {word}: {', '.join(names[:_SHOWN])}{more}")
    raise UserError(
        "a part of the language model would not be merged:\n" + "\n".join(lines) + "\n"
        "  All parents need the same language tensors. Save the models whole, with their language-modelling heads."
    )


def check_shapes(owner: Parent, parents: Sequence[Parent], names: Sequence[str]) -> None:
    """Equal shapes; the number of rows of embedding and head may differ.

    Raises:
        UserError: the first tensors that differ, with both shapes.
    """
    for other in parents:
        unlike = [
            f"{name}: {list(owner.tensors[name].shape)} in {owner.name},"
            f" {list(other.tensors[name].shape)} in {other.name}"
            for name in names
            if _compared_shape(name, owner) != _compared_shape(name, other)
        ]
        if unlike:
            raise UserError(
                f"{owner.folder} and {other.folder}: {len(unlike)} tensors differ in shape:\n  "
                + "\n  ".join(unlike[:_SHOWN])
                + "\n  Merge models that come from one base and kept its architecture."
            )


def _compared_shape(name: str, parent: Parent) -> tuple[int, ...]:
    shape = parent.tensors[name].shape
    return shape[1:] if name.startswith((EMBEDDING, HEAD)) else shape


def check_ties(parents: Sequence[Parent], *, untie: bool) -> None:
    """All heads are tied to their embeddings, or none is.

    Raises:
        UserError: who is tied and who is not.
    """
    tied = [one.name for one in parents if one.settings.tied]
    if tied and len(tied) < len(parents) and not untie:
        free = [one.name for one in parents if not one.settings.tied]
        raise UserError(
            f"the head is tied to the embedding in {listed(tied)}, but not in {listed(free)}.\n"
            "  `untie: true` (--untie) writes the tied embeddings out as heads first; the result is not tied then."
        )
