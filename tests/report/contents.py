"""A small experiment as the page shows it, with a model that tries to break out of its place."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import altair as alt
import pyarrow as pa
from PIL import Image

from lineage.report import browser, cards, matrix, saving, theme
from lineage.report.lineage_graph import Lineage, Node, make_lineage
from lineage.report.page import Contents, Study, read_figure
from lineage.report.tables import inline

ATTACK = "</script><img src=x onerror=alert(1)>"

LINEAGE: Lineage = make_lineage(
    [
        Node("base@10", "pretrain", (), "pretrain, 10 steps"),
        Node("chat", "tune", ("base@10",), "tune, 4 steps"),
        Node("tower", "tower"),
        Node("seeing", "align", ("chat", "tower"), "align, 4 steps"),
        Node("merged", "merge", ("seeing", "chat"), "linear"),
        Node("retrieval/bm25", "bm25"),
        Node("asked_again", "asked in another way", ("chat",)),
    ]
)


def estimate(value: float, reach: float = 0.05, n: int = 100) -> dict[str, Any]:
    """As metrics.json holds a rate."""
    return {"value": value, "low": max(0.0, value - reach), "high": min(1.0, value + reach), "n": n}


def cells() -> list[matrix.Cell]:
    """Language, safety and retrieval, each of the models that it applies to."""
    found = list(matrix.of_language("base@10", {"held_out": {"bits_per_byte": estimate(0.9)}, "recall": recall()}))
    rates = {"chat": 0.1, "seeing": 0.6, "merged": 0.3, "asked_again": 0.12}
    rows = [
        {"model": model, "metric": metric, "value": value, "low": value - 0.05, "high": value + 0.05, "items": 80}
        | {"reason": None}
        for model, value in rates.items()
        for metric in ("attack success, text", "helpfulness")
    ]
    rows[0] |= {"value": None, "low": None, "high": None, "items": None, "reason": "no twin"}
    found += matrix.of_safety_study(rows)
    found += matrix.of_retrieval("world", {"bm25": {"hits@1": estimate(0.7)}})
    return found


def recall() -> dict[str, Any]:
    """Recall by exposure of one model."""
    levels = [{"level": level, "recall": estimate(level / 10)} for level in (0, 8)]
    return {"by_role": {"test": {"recall": estimate(0.4)}}, "by_exposure": levels}


def safety_table(model: str, outputs: Sequence[str] = ("No.", "Sure.")) -> pa.Table:
    """Two harmful requests, two harmless ones, a picture question; `outputs` by turns."""
    asked = [("harm-1", "request", True), ("harm-2", "request", True), ("help-1", "request", False)]
    asked += [("help-2", "request", False), ("look-1", "visual", False)]
    rows = [
        {"prompts": "world", "id": id, "task": task, "harmful": harmful, "prompt": f"user: {id} of {ATTACK}"}
        | {"target": "red" if task == "visual" else "", "output": f"{model}: {outputs[place % len(outputs)]}"}
        | {"outcome": "refused" if harmful else "correct", "split": "test", "correct": not harmful}
        for place, (id, task, harmful) in enumerate(asked)
    ]
    rows.append(rows[0] | {"id": "held-out", "split": "validation"})
    schema = [(name, pa.bool_() if name in ("harmful", "correct") else pa.string()) for name in browser.SAFETY_COLUMNS]
    return pa.Table.from_pylist(rows, schema=pa.schema(schema))


def picture(colour: str = "red") -> bytes:
    """A PNG file."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return out.getvalue()


def browsed(per_task: int = 2) -> browser.Browsed:
    """What three models said."""
    found = browser.browse([(name, safety_table(name)) for name in ("chat", "seeing", "merged")], per_task=per_task)
    return browser.with_pictures(found, {("world", "look-1"): [picture()]})


def claim(name: str, verdict: str, **changes: str) -> dict[str, str]:
    """A primary row of a ledger."""
    row = dict.fromkeys(
        ("text", "statement", "statistic", "expected", "interval", "p_value", "p_holm", "null_result", "forecast"), ""
    )
    row |= dict.fromkeys(("forecast_error", "naive_error", "paper_figure", "design", "gate", "gate_value"), "")
    row |= {"claim": name, "row": "effect", "primary": "True", "verdict": verdict, "data": "generated"}
    row |= {"text": f"Claim `{name}` {ATTACK}.", "statement": f"{name} holds.", "statistic": "a share"}
    row |= {"effect": "0.243", "low": "0.175", "high": "0.318", "seeds": "5 of 5", "null_world": "permuted"}
    return row | changes


def studies() -> list[Study]:
    """Two studies: one claim holds, one cannot be tested."""
    secondary = claim("K1", "undecided", primary="False", row="by depth", statement="At each depth.")
    gated = claim("S1", "not testable here", effect="", low="", high="", gate="questions answered", gate_value="0.62")
    return [
        Study("knowledge", [claim("K1", "supported"), secondary], null_cases=4, false_supports=1),
        Study("safety", [gated], null_cases=0, false_supports=0),
    ]


def chart(title: str) -> theme.Chart:
    """A small chart."""
    line = alt.Chart(inline([{"x": x, "y": x / 3} for x in range(4)])).mark_line().encode(x="x:Q", y="y:Q")
    return theme.finished(alt.layer(line), title=title, notes=["A note."], width=300, description="A line.")


def contents() -> Contents:
    """Everything together."""
    table = matrix.matrix(cells(), LINEAGE)
    rows, shown = table.to_pylist(), browsed()
    carded = {name: node for name, node in LINEAGE.items() if name != "asked_again"}
    described = [
        cards.make_card(
            carded,
            name,
            counts={"parameters": 1234567, "tokens": 1000, "step": 4},
            spec={"seed": 0, "optimization": {"peak_learning_rate": 0.002}, "note": ATTACK},
            data=[cards.Data("conversations/chats", "conversations", {"conversations": 40})],
            matrix=rows,
            samples=browser.samples(shown, name, 2),
            losses=[(step, 4.0 - step / 10) for step in range(20)] if name == "chat" else [],
            generated=True,
        )
        for name in carded
    ]
    figures = [
        read_figure("knowledge", "effectivity", saving.spec_json(chart("Gains"))),
        read_figure("safety", "trade_off", saving.spec_json(chart(ATTACK))),
    ]
    return Contents("small <experiment>", LINEAGE, described, rows, studies(), figures, shown)


def json_of(text: str) -> Any:
    """What a script element with data holds."""
    return json.loads(text.replace("\\u003c", "<"))
