"""What refusals and facts lose along one adaptation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from lineage.claims.claim import NotMeasured
from lineage.claims.safety.study import Study
from lineage.evaluation.examples import Example
from lineage.evaluation.paired import Floats


@dataclass(frozen=True)
class Curve:
    """Log-probabilities of one text of many items along an adaptation."""

    items: list[str]
    """Ids, rising."""
    steps: Floats
    """Rising, 0 first: updates since the start."""
    values: Floats
    """[item, step] nats."""

    @property
    def loss(self) -> Floats:
        """[item] mean of l(0) - l(t) over the steps behind the start, which lie evenly in log t."""
        return self.values[:, 0] - self.values[:, 1:].mean(axis=1)

    def of(self, wanted: Sequence[str]) -> Curve:
        """The curves of some items, in that order."""
        index = {name: place for place, name in enumerate(self.items)}
        return Curve(list(wanted), self.steps, self.values[[index[name] for name in wanted]])


def curve(
    study: Study, model: str, text: str, *, kinds: Collection[str] | None = None, **equal: object
) -> tuple[Curve, list[Example]]:
    """Curves of a text in the adaptation that ends with a model, and the examples of `chat` that they belong to: of
    these kinds, with these values.

    Raises:
        NotMeasured: the adaptation was not probed, or holds no such item.
    """
    table = study.curves.get(model)
    if table is None:
        raise NotMeasured(f"nothing was probed while {model} was adapted")
    answers = study.answers[study.model("chat")].examples
    asked = {one.id: one for one in answers if kinds is None or one.kind in kinds}
    rows = [row for row in table.to_pylist() if row["text"] == text and _fits(asked.get(row["item"]), equal)]
    if not rows:
        raise NotMeasured(f"no {text} was probed while {model} was adapted")
    items = sorted({row["item"] for row in rows})
    steps = sorted({row["step"] for row in rows})
    places = {name: place for place, name in enumerate(items)}, {step: place for place, step in enumerate(steps)}
    values = np.full((len(items), len(steps)), np.nan)
    for row in rows:
        values[places[0][row["item"]], places[1][row["step"]]] = row["log_probability"]
    assert not np.isnan(values).any(), f"{model}: every item is probed at every step"
    return Curve(items, np.asarray(steps, dtype=np.float64), values), [asked[name] for name in items]


def _fits(one: Example | None, equal: dict[str, object]) -> bool:
    return one is not None and all(getattr(one, name) == value for name, value in equal.items())


def matched(first: Curve, second: Curve, *, caliper: float) -> tuple[list[str], list[str]]:
    """Pairs of items that start alike: each of `first` with the item of `second` that is nearest in l(0), within
    `caliper` nats; what has no such partner is left out. Partners may serve twice.
    """
    starts, others = first.values[:, 0], second.values[:, 0]
    nearest = np.abs(starts[:, None] - others[None]).argmin(axis=1)
    close = np.abs(starts - others[nearest]) <= caliper
    pairs = [(name, second.items[nearest[place]]) for place, name in enumerate(first.items) if close[place]]
    return [one for one, _ in pairs], [other for _, other in pairs]
