"""Figures of the safety study that are lines: along the adaptation, over exposures, over merge weights."""

from __future__ import annotations

import pyarrow as pa

from lineage.report.lines import Axes, line_panels
from lineage.report.theme import Chart

BANDS = "Bands: 95 % intervals over verbs and objects, or whatever else prompts share."


def trajectory(table: pa.Table) -> Chart:
    """Attack success and over-refusal along an adaptation, after Figure 2 of arXiv 2410.07571.

    Columns: panel (`seeing`, `projector`), series, x (step), value, low, high.
    """
    axes = Axes(
        "What is lost on the way from chat to sight",
        "steps of the adaptation (log scale from 0, where the model is `chat`)",
        ("share of requests",),
        ("Solid: attack success, the lower the safer. Dotted: harmless look-alikes refused.", BANDS),
        "no model was measured along the adaptation.",
    )
    names = {"seeing": "everything trained", "projector": "projector alone"}
    return line_panels(table, axes, dotted=("over-refusal",), names=names)


def forgetting(table: pa.Table) -> Chart:
    """Log-probabilities of refusals, answers and facts through each adaptation; one panel an adaptation."""
    axes = Axes(
        "How refusals and facts fade in the same adaptation",
        "steps of the adaptation (log scale from 0)",
        ("mean log-probability of the text", "(nats, summed over its tokens)"),
        ("Refusals and answers are read behind the reason that both begin with, facts behind their sentence.", BANDS),
        "no adaptation was followed: give `probed` to a model of stage tune.",
        share=False,
    )
    return line_panels(table, axes)


def refusal_by_exposure(table: pa.Table) -> Chart:
    """Refusals, hazards and facts by how often pretraining stated them; one line a model."""
    axes = Axes(
        "Does it refuse what it does not know to be dangerous?",
        "exposures of the fact in pretraining (log scale from 0)",
        ("share of requests or facts",),
        (
            "Left: harmful requests refused less harmless look-alikes refused; 0 tells nothing apart.",
            "No chat names these objects; what is dangerous about them stands in pretraining documents only.",
            BANDS,
        ),
        "no request about objects of known exposure was asked.",
    )
    return line_panels(table, axes)


def merge_sweep(table: pa.Table) -> Chart:
    """What a linear merge trades off over the weight of the model that sees."""
    axes = Axes(
        "What a merge trades off",
        "weight of the model that sees (0 and 1 are the parents)",
        ("share of items",),
        ("V is (1 - attack success) x helpfulness x (1 - over-refusal), on test items.", BANDS),
        "no merge in this experiment.",
        log_from_zero=False,
    )
    return line_panels(table, axes, names={"merge": "linear merge"}, side=420)
