"""Model cards: what a model was made from and how, what was measured of it, and what cannot be concluded from that."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lineage.report.browser import Prompt
from lineage.report.lineage_graph import Lineage, Node
from lineage.report.lineage_graph.nodes import ancestry
from lineage.report.matrix import BITS, is_clear

Row = dict[str, Any]


@dataclass(frozen=True)
class Data:
    """One data set, tokenizer or token stream that a model was made from."""

    name: str
    """Folder below the experiment."""
    kind: str
    counts: Mapping[str, Any]


@dataclass(frozen=True)
class Card:
    """Everything that a card tells; `markdown` and the page say it."""

    node: Node
    lineage: list[str]
    """From the root to the model, along first parents."""
    children: list[str]
    counts: Mapping[str, Any]
    """Functions of spec, code and inputs: parameters, tokens, steps."""
    spec: Mapping[str, Any]
    data: Sequence[Data]
    scores: Sequence[Row]
    """Rows of the matrix."""
    samples: Sequence[Prompt]
    losses: Sequence[tuple[int, float]]
    """(step, training loss in nats)."""
    generated: bool
    """Whether its data come from the generated world."""

    @property
    def facts(self) -> dict[str, str]:
        """Counts that are single numbers or words, as a person reads them."""
        return {
            name.replace("_", " "): number(value)
            for name, value in flat(self.counts).items()
            if not isinstance(value, list)
        }

    @property
    def limits(self) -> list[str]:
        """What cannot be concluded."""
        found = [
            "Intervals are over items, of one training run: another seed may give another model.",
        ]
        if self.generated:
            found.append("Its data come from a generated world. It knows nothing else, and is of no use outside of it.")
        if not self.scores:
            found.append("Nothing was measured of it.")
        missing = [row for row in self.scores if row["value"] is None]
        for reason in dict.fromkeys(row["reason"] for row in missing):
            probes = [row["probe"] for row in missing if row["reason"] == reason]
            found.append(f"Not measured: {', '.join(probes)} ({reason or 'no reason given'}).")
        incoherent = next((row["value"] for row in self.scores if row["probe"] == "incoherent"), None)
        if incoherent is not None and incoherent > 0.1:
            found.append(f"{incoherent:.0%} of its outputs are incoherent: what it refuses or answers says little.")
        return found


def make_card(
    lineage: Lineage,
    name: str,
    *,
    counts: Mapping[str, Any],
    spec: Mapping[str, Any],
    data: Sequence[Data],
    matrix: Sequence[Row],
    samples: Sequence[Prompt],
    losses: Sequence[tuple[int, float]],
    generated: bool,
) -> Card:
    """The card of one node of a lineage in which all have cards, from its manifest and the experiment's tables."""
    children = [node.name for node in lineage.values() if name in node.parents]
    scores = [row for row in matrix if row["model"] == name]
    return Card(
        lineage[name], ancestry(lineage, name), children, counts, spec, data, scores, samples, losses, generated
    )


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys; empty ones are left out.

    >>> flat({"a": {"b": 1}, "c": {}})
    {'a.b': 1}
    """
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found |= flat(inner, f"{prefix}{key}.") if isinstance(inner, Mapping) else {f"{prefix}{key}": inner}
    return found


def number(value: Any) -> str:
    """A value as a person reads it: `1,066,112`, `0.0012`.

    >>> number(1066112), number(0.00123), number(True), number(None)
    ('1,066,112', '0.00123', 'yes', 'none')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def estimate(row: Row) -> str:
    """`0.52 [0.44, 0.61]`; empty without a value."""
    if row["value"] is None:
        return ""
    ends = "" if row["low"] is None else f" [{row['low']:.2f}, {row['high']:.2f}]"
    return f"{row['value']:.2f}{ends}"


def change(row: Row) -> str:
    """`+0.10`, with a star where the interval of the change leaves out 0; empty without a parent."""
    if row["change"] is None:
        return ""
    return f"{row['change']:+.2f}{'*' if is_clear(row) else ''}"


def markdown(card: Card) -> str:
    """The card as a Markdown file with the front matter that model hubs read."""
    node = card.node
    front = {"library_name": "transformers", "tags": ["lineage", node.stage]}
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---", "", f"# {node.name}", ""]
    origin = f" from {' and '.join(node.parents)}" if node.parents else ""
    lines += [f"Made by the stage `{node.stage}`{origin}.", "", "## Lineage", "", " -> ".join(card.lineage), ""]
    if card.children:
        lines += [f"Made from it: {', '.join(card.children)}", ""]
    lines += ["## Figures", "", *_table(["what", "figure"], list(card.facts.items())), ""]
    if card.data:
        told = [(one.name, one.kind, words(one.counts)) for one in card.data]
        lines += ["## Data", "", *_table(["artifact", "kind", "counts"], told), ""]
    lines += [
        "## Spec",
        "",
        *_table(["key", "value"], [(key, number(one)) for key, one in flat(card.spec).items()]),
        "",
    ]
    lines += ["## Scores", ""]
    measured = [row for row in card.scores if row["value"] is not None]
    if measured:
        told = [
            (row["family"], row["probe"], estimate(row), number(row["items"]), change(row), row["parent"] or "")
            for row in measured
        ]
        lines += [*_table(["family", "probe", "value [95 % interval]", "items", "change", "against"], told), ""]
        lines += [f"Shares, but for {BITS}. A star: the 95 % interval of the change leaves out 0.", ""]
    if card.samples:
        lines += ["## Samples", ""]
        for one in card.samples:
            output, outcome = one.answers[node.name]
            lines += [f"{one.task} ({outcome}):", "", *_quoted(one.prompt), "", *_quoted(f"-> {output}"), ""]
    lines += ["## Limits", "", *(f"- {one}" for one in card.limits), ""]
    return "\n".join(lines)


def words(counts: Mapping[str, Any]) -> str:
    """`documents 2,500, tokens 1,200,000`: single figures only."""
    told = [(name, one) for name, one in flat(counts).items() if isinstance(one, int | float)]
    return ", ".join(f"{name.replace('_', ' ')} {number(one)}" for name, one in told[:6])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines]


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _quoted(text: str) -> list[str]:
    """As a block of code, whatever backticks it holds: what a model said is no Markdown."""
    return [f"    {line}" for line in text.splitlines() or [""]]
