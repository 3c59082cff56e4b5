"""The page from its contents: templates, one style, one script, and Vega once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lineage.report import cards, saving
from lineage.report.browser import Browsed, for_page
from lineage.report.lineage_graph import Lineage, components, drawing, listed, make_lineage
from lineage.report.lineage_graph.drawing import family
from lineage.report.matrix import FAMILY_WORDS, SHARE, improvement, is_clear
from lineage.report.page import ledger
from lineage.report.page.captions import figure_of
from lineage.report.page.curve import curve
from lineage.report.page.figures import Figure, with_room

Row = dict[str, Any]

_FOLDER = Path(__file__).parent
_PARTS = {
    "overview": "Overview",
    "models": "Lineage",
    "matrix": "Matrix",
    "claims": "Claims",
    "figures": "Figures",
    "examples": "Examples",
    "work": "Work",
}
_STRONGEST, _CLEAR, _UNCLEAR = 0.5, (16, 44), 8
"""The change of a share that gets the strongest colour; percent of colour of clear changes, and of all others."""


@dataclass(frozen=True)
class Contents:
    """Everything that a page shows."""

    title: str
    lineage: Lineage
    """Nodes with a card, and those without: a model that was asked in another way."""
    cards: Sequence[cards.Card]
    matrix: Sequence[Row]
    """Rows of the tidy matrix."""
    studies: Sequence[ledger.Study]
    figures: Sequence[Figure]
    browsed: Browsed


def render(page: Contents) -> str:
    """One HTML file that fetches nothing; whatever comes from data is escaped."""
    shown = with_room(page.figures)
    described = {card.node.name for card in page.cards}
    drawn = make_lineage(node for node in page.lineage.values() if node.name in described)
    files = FileSystemLoader(_FOLDER)
    environment = Environment(loader=files, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("page.html.j2").render(
        page=page,
        parts=_PARTS,
        policy=saving.POLICY,
        style=_static("style.css"),
        script=_static("page.js"),
        bundle=Markup(saving.bundle()),
        summary=ledger.summary(page.studies),
        measured=len({row["model"] for row in page.matrix}),
        probes=len({(row["family"], row["probe"]) for row in page.matrix}),
        effect=ledger.effect,
        gate=ledger.gate,
        untested=ledger.untested,
        coded=coded,
        families=list(dict.fromkeys(family(node) for node in drawn.values())),
        drawings=[drawing(part, label="Lineage of models") for part in components(drawn)],
        curve=curve,
        flat=cards.flat,
        number=cards.number,
        words=cards.words,
        estimate=cards.estimate,
        change=cards.change,
        by_family=_by_family,
        matrix=_matrix(page),
        figure_of=partial(figure_of, names=[one.key for one in shown]),
        figures={
            analysis: [one for one in shown if one.analysis == analysis]
            for analysis in dict.fromkeys(one.analysis for one in shown)
        },
        examples=_json(for_page(page.browsed)),
    )


def coded(text: str) -> Markup:
    """Text with what stands between backticks as code.

    >>> str(coded("a `<b>` c"))
    'a <code>&lt;b&gt;</code> c'
    """
    parts = [
        Markup("<code>{}</code>" if place % 2 else "{}").format(part) for place, part in enumerate(text.split("`"))
    ]
    return Markup("").join(parts)


def _static(name: str) -> Markup:
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))


def _json(value: Any) -> str:
    """JSON that may stand in a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _by_family(rows: Sequence[Row]) -> dict[str, list[Row]]:
    measured = [row for row in rows if row["value"] is not None]
    return {name: found for name in FAMILY_WORDS if (found := [row for row in measured if row["family"] == name])}


def _matrix(page: Contents) -> Row:
    """The table as the template lists it: families with their probes, then a row a model with a cell a probe."""
    probes = {
        name: list(dict.fromkeys(row["probe"] for row in page.matrix if row["family"] == name)) for name in FAMILY_WORDS
    }
    families = [{"name": name, "words": FAMILY_WORDS[name], "probes": found} for name, found in probes.items() if found]
    cells = {(row["model"], row["family"], row["probe"]): row for row in page.matrix}
    depth = dict(listed(page.lineage))
    described = {card.node.name for card in page.cards}
    rows = [
        {
            "name": model,
            "depth": depth.get(model, 0),
            "card": model in described,
            "cells": [
                _cell(cells.get((model, one["name"], probe)), place)
                for place, one in enumerate(families)
                for probe in one["probes"]
            ],
        }
        for model in dict.fromkeys(row["model"] for row in page.matrix)
    ]
    return {"families": families, "rows": rows}


def _cell(row: Mapping[str, Any] | None, family_place: int) -> Row:
    if row is None or row["value"] is None:
        return {"family": family_place, "value": None, "title": row["reason"] if row else ""}
    told = dict(row)
    by = improvement(told)
    clear = is_clear(told)
    kind = "" if not by else "better" if by > 0 else "worse"
    arrow = "" if not by else "\u25b2\u25b3\u25bc\u25bd"[(0 if by > 0 else 2) + (not clear)] + " "
    share = min(1.0, abs(by or 0.0) / _STRONGEST) if row["unit"] == SHARE else 0.5
    least, most = _CLEAR
    against = f"; against {row['parent']} {row['change']:+.3f}" if row["change"] is not None else ""
    if row["change_low"] is not None:
        against += f" [{row['change_low']:+.3f}, {row['change_high']:+.3f}]"
    return {
        "family": family_place,
        "value": f"{row['value']:.2f}",
        "change": "" if row["change"] is None else f"{arrow}{row['change']:+.2f}",
        "kind": kind,
        "strength": round(least + (most - least) * share) if clear else _UNCLEAR,
        "title": f"{row['model']}, {row['probe']}: {cards.estimate(told)}, {row['items'] or 0:,} items{against}",
    }
