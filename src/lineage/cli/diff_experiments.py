"""What sets two experiments apart: artifacts, settings, code, metrics, and what their studies conclude."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer

from lineage.artifact import MANIFEST
from lineage.cli.display import MISSING, differences, short, show_json, show_table
from lineage.cli.inventory import Found, Inventory, take_inventory
from lineage.cli.parameters import metrics
from lineage.errors import UserError

CLAIMS = "claims.csv"
_SECTIONS = ("artifacts", "spec", "code", "metrics", "claims")
_TOLD = ("verdict", "effect", "low", "high", "seeds")
"""Columns of a claim that are compared."""

Pairs = dict[str, tuple[Any, Any]]


def is_experiment(place: str) -> bool:
    """Whether a path is a folder of artifacts, and none itself."""
    folder = Path(place)
    return folder.is_dir() and not (folder / MANIFEST).is_file() and any(folder.glob(f"*/*/{MANIFEST}"))


def diff_experiments(a: str, b: str, *, as_json: bool, change: Callable[[Any, Any], str]) -> None:
    """Prints what differs; `change` is the signed difference of two figures in words.

    Raises:
        UserError: one of the two is no folder of an experiment.
    """
    for place in (a, b):
        if not is_experiment(place):
            raise UserError(
                f"{place}: no folder of an experiment, while the other side is one.\n"
                "  Give two artifacts, or two folders such as results/default and results/mine."
            )
    found = compare(take_inventory(Path(a)), take_inventory(Path(b)))
    if as_json:
        show_json({"a": a, "b": b, "equal": not any(found.values()), **found})
        return
    rows = [
        (section, key, short(old), short(new), change(old, new))
        for section in _SECTIONS
        for key, (old, new) in found[section].items()
    ]
    if not rows:
        typer.echo(f"{a} and {b} have the same artifacts, settings, code, metrics and claims.")
        return
    show_table(["section", "key", f"{a}#", f"{b}#", "change#"], rows)


def compare(left: Inventory, right: Inventory) -> dict[str, Pairs]:
    """{section: {key: (of one, of the other)}}; settings and metrics of artifacts that both have."""
    both = [name for name in left.found if name in right.found]
    alone = {name: ("built", MISSING) for name in left.found if name not in right.found}
    alone |= {name: (MISSING, "built") for name in right.found if name not in left.found}
    pairs = [(left.found[name], right.found[name]) for name in both]
    return {
        "artifacts": alone,
        "spec": _of_each(pairs, _spec),
        "code": differences(_code(left), _code(right)),
        "metrics": _of_each(pairs, metrics),
        "claims": differences(_claims(left), _claims(right)),
    }


def _of_each(pairs: Iterable[tuple[Found, Found]], contents: Callable[[Found], dict[str, Any]]) -> Pairs:
    return {
        f"{one.name}: {key}": pair
        for one, other in pairs
        for key, pair in differences(contents(one), contents(other)).items()
    }


def _spec(one: Found) -> dict[str, Any]:
    return one.manifest.spec if one.manifest is not None else {}


def _code(inventory: Inventory) -> dict[str, Any]:
    """The hash of every module and version of every package; several, where parts were built by several."""
    known: dict[str, set[str]] = {}
    for one in inventory.found.values():
        for module, digest in (one.manifest.code if one.manifest is not None else {}).items():
            known.setdefault(module, set()).add(digest)
    return {module: ", ".join(sorted(digests)) for module, digests in sorted(known.items())}


def _claims(inventory: Inventory) -> dict[str, Any]:
    """`{"K1, effectivity": {"verdict": ..., "effect": ...}}` of every study."""
    found: dict[str, Any] = {}
    for study in inventory.of_kind("study"):
        path = study.folder / CLAIMS
        if not path.is_file():
            continue
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                told = {column: _figure(row[column]) for column in _TOLD}
                found[f"{row['claim']}, {row['row']}, {row['data']}"] = told
    return found


def _figure(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
