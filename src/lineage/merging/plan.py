"""From folders to a plan: which parent supplies what, checked before any weight is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from lineage.config.merging import Merge
from lineage.config.messages import did_you_mean, listed
from lineage.errors import UserError
from lineage.merging.coverage import (
    Coverage,
    check_full,
    check_layers,
    check_settings,
    check_shapes,
    check_ties,
    cover,
)
from lineage.merging.names import EMBEDDING, HEAD, LAYOUTS, PROJECTOR, Layout, is_language, sort_key
from lineage.merging.parent import Parent, open_parent
from lineage.merging.reading import MERGEABLE, Stored
from lineage.merging.rows import Rows, align, check_same_rows
from lineage.merging.settings import picture_differences
from lineage.merging.weights import BASE, check_layer_weights, sole_parent, tensor_weights

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
MERGED_PROJECTOR = "merge"


@dataclass(frozen=True)
class TensorPlan:
    """How one tensor of the result comes about."""

    name: str
    """Canonical."""
    out_name: str
    """In the result's files."""
    dtype: torch.dtype
    owner: Stored
    """Gives shape, and the rows that not all parents have."""
    copied: Stored | None
    """The parent's tensor that this one is, bit for bit; None where values are computed."""
    copied_from: str | None
    """Name of that parent."""
    models: Mapping[str, Stored]
    """{model: its tensor} of those that take part; none where it is copied."""
    weights: Mapping[str, float]
    """{model: its weight here}, never 0; none where it is copied."""
    base: Stored | None
    """The base's tensor, where the method needs it."""
    base_name: str
    rows: Rows | None
    """None where all rows belong together as they stand."""

    @property
    def num_bytes(self) -> int:
        """Size in the result."""
        return self.owner.num_elements * self.dtype.itemsize


@dataclass(frozen=True)
class MergePlan:
    """Everything that is decided before weights are read."""

    config: Merge
    parents: tuple[Parent, ...]
    """The models in the order of the config, then the base."""
    base: Parent | None
    owner: Parent
    """Its names, configuration, tokenizer and processor are the result's."""
    tensors: tuple[TensorPlan, ...]
    coverage: tuple[Coverage, ...]
    rows: Rows | None
    tied: bool
    """Whether the result's head is its embedding."""
    equal_pictures: tuple[Parent, ...]
    """Parents whose projector (or only whose tower, where projectors are merged) must be the owner's, bit for bit."""

    @property
    def num_bytes(self) -> int:
        """Size of the result's weights."""
        return sum(one.num_bytes for one in self.tensors)


def make_plan(config: Merge, folders: Sequence[Path], base: Path | None) -> MergePlan:
    """Opens the parents, checks that they fit together, and says for each tensor what is to be done.

    `folders` are those of `config.models`, in order.

    Raises:
        UserError: whatever would make the merge meaningless, or leave a part of it out.
    """
    assert len(folders) == len(config.models)
    _check_base(config, base)
    models = [open_parent(folder, one.name) for folder, one in zip(folders, config.models, strict=True)]
    parents = [*models, *([] if base is None else [open_parent(base, _base_name(config))])]
    owner = _owner(config, parents)
    check_settings(owner, parents)
    check_layers(parents)
    check_ties(parents, untie=config.untie)
    tied = all(one.settings.tied for one in parents)
    if not tied:
        parents = [one.untied() if one.settings.tied else one for one in parents]
        owner = next(one for one in parents if one.name == owner.name)
    merges_projector = config.projector == MERGED_PROJECTOR
    coverage = [cover(one, owner, uses_pictures=one is owner or merges_projector) for one in parents]
    check_full(coverage)
    names = sorted(owner.tensors, key=sort_key)
    merged = [name for name in names if is_language(name) or (merges_projector and name.startswith(PROJECTOR))]
    pictures = [one for one in parents if one.is_vision_language]
    if merges_projector:
        _check_projectors(owner, parents)
    check_shapes(owner, parents, merged)
    rows = None
    if config.rows == "token":
        rows = align(owner, parents, min_shared=config.min_shared_rows)
    else:
        check_same_rows(parents)
    for one, weight in zip(config.models, config.weights(), strict=True):
        check_layer_weights(weight, one.name, names=merged, num_layers=owner.settings.num_layers)
    planner = _Planner(config, parents[: len(models)], parents[-1] if base else None, owner, rows)
    must_be_equal = config.projector is None or merges_projector
    return MergePlan(
        config=config,
        parents=tuple(parents),
        base=planner.base,
        owner=owner,
        tensors=tuple(planner.merged(name) if name in set(merged) else planner.kept(name) for name in names),
        coverage=tuple(coverage),
        rows=rows,
        tied=tied,
        equal_pictures=tuple(one for one in pictures if one is not owner) if must_be_equal else (),
    )


def _check_base(config: Merge, base: Path | None) -> None:
    if config.needs_base and base is None:
        raise UserError(
            f"{config.method if not any(one.random_delta for one in config.models) else 'random_delta'} is about what"
            " models learned since a common base, but no base is given. Name it (`base`, --base)."
        )
    if not config.needs_base and base is not None:
        raise UserError(f"{config.method} uses no base. Leave it out, or give it as one of the models.")


def _base_name(config: Merge) -> str:
    taken = {one.name for one in config.models}
    return next(name for name in ("base", "the base") if name not in taken)


def _owner(config: Merge, parents: Sequence[Parent]) -> Parent:
    """The parent that the result looks like: the vision-language model that is named or comes first, else the first."""
    seeing = {one.name: one for one in parents if one.is_vision_language}
    chosen = config.projector
    if chosen is None or chosen == MERGED_PROJECTOR:
        if chosen and len(seeing) < 2:
            raise UserError(f"projector: {chosen}: of these models {len(seeing)} see pictures. Leave it out.")
        return next(iter(seeing.values()), parents[0])
    if chosen not in seeing:
        raise UserError(
            f"projector is '{chosen}', which is none of the vision-language models.{did_you_mean(chosen, seeing)}\n"
            f"  allowed: {MERGED_PROJECTOR}, {listed(seeing)}"
        )
    return seeing[chosen]


def _check_projectors(owner: Parent, parents: Sequence[Parent]) -> None:
    """All parents have the owner's projector tensors and see pictures as it does."""
    wanted = {name for name in owner.tensors if name.startswith(PROJECTOR)}
    for one in parents:
        found = {name for name in one.tensors if name.startswith(PROJECTOR)}
        if found != wanted:
            raise UserError(
                f"projector: merge needs one projector in all parents: {one.name} has {len(found)} of its tensors,"
                f" {owner.name} {len(wanted)}.\n  Name the model whose projector is kept (`projector`)."
            )
        unlike = picture_differences(owner.settings, one.settings)
        if unlike:
            raise UserError(
                f"projector: merge: {owner.name} and {one.name} turn pictures into tokens differently"
                f" ({listed(unlike)}).\n  Name the model whose projector is kept (`projector`)."
            )


def _output_layout(owner: Parent) -> Layout | None:
    """None where the owner's names are kept. The original LLaVA's names beside a Hugging Face configuration load
    nowhere (transformers initialises every tensor anew), so they are written as its files call them."""
    is_stranded = owner.layout.name == "llava_original" and owner.settings.is_nested
    return LAYOUTS["llava_file"] if is_stranded else None


class _Planner:
    """Plans one tensor after the other."""

    def __init__(
        self, config: Merge, models: Sequence[Parent], base: Parent | None, owner: Parent, rows: Rows | None
    ) -> None:
        self._config = config
        self._models = models
        self.base = base
        self._owner = owner
        self._rows = rows
        self._layout = _output_layout(owner)

    def kept(self, name: str) -> TensorPlan:
        """A tensor that is the owner's: of projector or tower."""
        stored = self._owner.tensors[name]
        return self._plan(name, copied=(self._owner.name, stored))

    def merged(self, name: str) -> TensorPlan:
        """A tensor that all parents have a part in."""
        weights = tensor_weights(self._config, name, num_layers=self._owner.settings.num_layers)
        sole = sole_parent(self._config, weights)
        if sole is not None:
            parent = self.base if sole == BASE else self._models[sole]
            assert parent is not None, "only methods with a base return it"
            return self._plan(name, copied=(parent.name, parent.tensors[name]))
        taking_part = {one.name: weight for one, weight in zip(self._models, weights, strict=True) if weight != 0}
        return self._plan(name, weights=taking_part)

    def _plan(
        self, name: str, *, copied: tuple[str, Stored] | None = None, weights: Mapping[str, float] | None = None
    ) -> TensorPlan:
        owner = self._owner.tensors[name]
        wanted = self._config.dtype
        return TensorPlan(
            name=name,
            out_name=self._out_name(name, owner),
            dtype=DTYPES[wanted] if wanted is not None and owner.dtype in MERGEABLE else owner.dtype,
            owner=owner,
            copied=copied[1] if copied else None,
            copied_from=copied[0] if copied else None,
            models={one.name: one.tensors[name] for one in self._models if one.name in (weights or {})},
            weights=weights or {},
            base=self.base.tensors[name] if self.base is not None and weights else None,
            base_name=self.base.name if self.base is not None else "",
            rows=self._rows if name.startswith((EMBEDDING, HEAD)) else None,
        )

    def _out_name(self, name: str, owner: Stored) -> str:
        if self._layout is not None:
            return self._layout.file_name(name)
        if name.startswith(HEAD) and owner.name == self._owner.tensors[EMBEDDING + "weight"].name:
            return self._owner.layout.file_name(name)  # a head that was tied has the embedding's place
        return owner.name
