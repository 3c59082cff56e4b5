"""One look for all figures: colours with one meaning each, fonts, and the words around a chart."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

import altair as alt

from lineage.analysis.names import ALL_DEPTHS, PAPERS, PLACEBO_SUBTRACTED, SPLIT_HALF, paper_name
from lineage.config.injection import PLACEBO

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
"""vl-convert carries the first, whose letters are as wide as Arial's: the same layout on every machine."""

INK = "#1f2328"
MUTED = "#59636e"
GRID = "#e7e9ec"
PLACEBO_COLOUR = "#767676"
"""Whatever was never injected: facts of the placebo arm, chance levels."""

# Chosen by search: any two of one table, grey included, are at least 25 apart in CIE Lab for normal sight and for all
# three dichromacies (Machado et al. 2009), and contrast with white is 3 : 1 or more; tests/report/test_theme.py.
DEPTH_COLOURS = {"memorization": "#1851df", "semantic": "#bc310f", "compositional": "#12a658", ALL_DEPTHS: INK}
ARM_COLOURS = {"paraphrase": "#792280", "duplicate": "#c28612", "once": "#1f94ec", PLACEBO: PLACEBO_COLOUR}
SERIES_COLOURS = ("#181bb4", "#d97a61", "#0f858b", "#5e4108", "#8f64c9")
"""For models and runs, in the order in which they are given; they repeat after the fifth."""

ESTIMATOR_WORDS = {
    "raw": "raw change",
    "twin": "minus the twin run",
    "drift": "minus facts never injected",
    "gain": "minus twin and spill-over",
    PAPERS: "paper's estimator (IQR 1.5)",
    paper_name(2.0): "published code's estimator (IQR 2.0)",
    PLACEBO_SUBTRACTED: "paper's minus placebo",
    SPLIT_HALF: "split-half estimator",
}

_LINE_CHARACTERS_PER_PIXEL = 1 / 5.8
_TITLE_CHARACTERS_PER_PIXEL = 1 / 8.6

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.ConcatChart | alt.HConcatChart | alt.VConcatChart | alt.FacetChart


def in_order(names: Collection[str], known: Collection[str]) -> list[str]:
    """The names without repeats: known ones in their usual order, the rest as they come.

    >>> in_order(["every_10", "once", "duplicate", "once"], ARM_COLOURS)
    ['duplicate', 'once', 'every_10']
    """
    unique = list(dict.fromkeys(names))
    return [name for name in known if name in unique] + [name for name in unique if name not in known]


def colours(names: Sequence[str], known: dict[str, str] | None = None) -> list[str]:
    """A colour for each name: its own where it has one, else the next of the series.

    >>> colours(["small", "large"])
    ['#181bb4', '#d97a61']
    """
    own = known or {}
    others = [name for name in names if name not in own]
    spare = {name: SERIES_COLOURS[place % len(SERIES_COLOURS)] for place, name in enumerate(others)}
    return [own.get(name) or spare[name] for name in names]


def colour_scale(names: Sequence[str], known: dict[str, str] | None = None) -> alt.Scale:
    """The scale that gives `names` their colours, in this order in the legend."""
    return alt.Scale(domain=list(names), range=colours(names, known))


def words(estimator: str) -> str:
    """What an estimator's name in the tables means; a name that is not known stands for itself."""
    return ESTIMATOR_WORDS.get(estimator, estimator.replace("_", " "))


def sentence(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def listed(names: Collection[str]) -> str:
    """
    >>> listed(["paraphrase", "once", "never"])
    'paraphrase, once and never'
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def finished(chart: Chart, *, title: str, notes: Sequence[str], width: float, description: str) -> Chart:
    """The chart with its title, its notes below the title (how to read it), its description, and the look.

    `width` in pixels is about how wide the chart is: the notes are broken to it. The description is what a screen
    reader says; it ends with the notes.
    """
    line = max(40, int(width * _LINE_CHARACTERS_PER_PIXEL))
    headline = alt.TitleParams(
        text=textwrap.wrap(title, max(30, int(width * _TITLE_CHARACTERS_PER_PIXEL))),
        subtitle=[part for note in notes for part in textwrap.wrap(note, line)],
        fontSize=17,
        subtitleFontSize=12,
        subtitleColor=MUTED,
        subtitleLineHeight=16,
        subtitlePadding=7,
        offset=16,
        anchor="start",
        frame="group",
    )
    spoken = " ".join([f"{title}.", description, *notes])
    return chart.properties(title=headline, description=spoken).configure(**_configuration())


def nothing(title: str, missing: str) -> Chart:
    """A figure that says what is missing, for a run without the part that the figure is about."""
    lines = textwrap.wrap(f"Nothing to draw: {missing}", 62)
    base = alt.Chart(alt.Data(values=[{"text": lines}]), width=480, height=90)
    text = base.mark_text(fontSize=14, color=MUTED, lineHeight=19).encode(text=alt.Text("text:N"))
    frame = base.mark_rect(fillOpacity=0, stroke=GRID, cornerRadius=4)
    return finished(alt.layer(frame, text), title=title, notes=[], width=480, description=f"Missing: {missing}")


def _configuration() -> dict[str, Any]:
    return {
        "background": "white",
        "font": FONT,
        "padding": 14,
        "concat": {"spacing": 26},
        "view": {"stroke": None},
        "title": {
            "anchor": "start",
            "frame": "group",
            "color": INK,
            "fontSize": 13,
            "fontWeight": "bold",
            "subtitleFontSize": 11,
            "subtitleColor": MUTED,
            "offset": 10,
        },
        "axis": {
            "domainColor": MUTED,
            "gridColor": GRID,
            "labelColor": INK,
            "labelFontSize": 11,
            "tickColor": MUTED,
            "tickSize": 4,
            "titleColor": INK,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 8,
        },
        "axisX": {"grid": False, "labelFlush": False},
        "axisY": {"domain": False, "ticks": False, "labelPadding": 6},
        "legend": {
            "orient": "top",
            "direction": "horizontal",
            "labelColor": INK,
            "labelFontSize": 12,
            "labelLimit": 320,
            "titleColor": MUTED,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titleOrient": "left",
            "symbolOpacity": 1,
            "symbolSize": 90,
            "symbolType": "square",
            "columnPadding": 16,
            "offset": 12,
        },
        "line": {"strokeWidth": 2, "strokeCap": "round", "strokeJoin": "round"},
        "rule": {"strokeWidth": 1},
    }
