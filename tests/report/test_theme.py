"""Colours that stay apart for everyone, and the words around a chart."""

from __future__ import annotations

import doctest
import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from lineage.report import marks, tables, theme
from lineage.report.knowledge import threshold
from lineage.report.saving import specification

# Machado, Oliveira and Fernandes, 2009, severity 1: linear RGB as seen without one kind of cone.
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TABLES = {
    "depths": [
        *(theme.DEPTH_COLOURS[name] for name in ("memorization", "semantic", "compositional")),
        theme.PLACEBO_COLOUR,
    ],
    "arms": list(theme.ARM_COLOURS.values()),
    "series": list(theme.SERIES_COLOURS),
}
APART = 25
"""In CIE Lab, where 2.3 is just noticeable between large areas; thin lines need about ten times that."""

Colour = NDArray[np.float64]


def linear(colour: str) -> Colour:
    channels = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: Colour) -> Colour:
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    scaled = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.95047, 1, 1.08883])
    x, y, z = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast_with_white(colour: str) -> float:
    return float(1.05 / (linear(colour) @ np.array([0.2126, 0.7152, 0.0722]) + 0.05))


def closest(colours: Sequence[str], sight: NDArray[np.float64]) -> float:
    seen = [lab(sight @ linear(colour)) for colour in colours]
    return min(float(np.linalg.norm(one - other)) for one, other in itertools.combinations(seen, 2))


def test_the_measure_of_distance_knows_a_bad_pair() -> None:
    """The pair that red-green blindness is known for, at equal lightness, is far apart for normal sight only."""
    red, green = "#c8553d", "#7a8c28"
    assert closest([red, green], SIGHTS["normal"]) > 2 * APART
    assert closest([red, green], SIGHTS["deuteranopia"]) < APART


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("name", TABLES)
def test_colours_of_a_figure_stay_apart_for_all_kinds_of_sight(name: str, sight: str) -> None:
    assert closest(TABLES[name], SIGHTS[sight]) >= APART


@pytest.mark.parametrize("colour", sorted({colour for colours in TABLES.values() for colour in colours}))
def test_colours_are_seen_on_white(colour: str) -> None:
    """3 : 1 is what WCAG 2.1 (1.4.11) asks of graphics."""
    assert contrast_with_white(colour) >= 3


@pytest.mark.parametrize("colour", [theme.INK, theme.MUTED])
def test_text_is_read_on_white(colour: str) -> None:
    assert contrast_with_white(colour) >= 4.5


def test_depths_and_arms_have_colours_of_their_own() -> None:
    assert not set(theme.DEPTH_COLOURS.values()) & set(theme.ARM_COLOURS.values())


def test_unknown_arms_take_the_colours_of_the_series_in_their_order() -> None:
    names = ["every_10", "once", "every_40"]
    first, second = theme.SERIES_COLOURS[:2]
    assert theme.colours(names, theme.ARM_COLOURS) == [first, theme.ARM_COLOURS["once"], second]
    many = [str(number) for number in range(7)]
    assert len(theme.colours(many)) == 7


@pytest.mark.parametrize("module", [theme, tables, marks, threshold])
def test_examples_in_docstrings(module) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


def test_long_notes_are_broken_to_the_width() -> None:
    chart = theme.nothing("T", "nothing.")
    spec = specification(theme.finished(chart, title="T", notes=["word " * 60], width=300, description="D."))
    lines = spec["title"]["subtitle"]
    assert len(lines) > 3
    assert max(map(len, lines)) <= 300 / 5.8
