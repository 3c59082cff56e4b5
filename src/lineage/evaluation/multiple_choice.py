"""Scores of multiple choice and of yes or no, as the sets' authors count them.

An answer is what the model writes, or the option with the highest likelihood: both are given. A written answer that
names no option, or several, is wrong, and counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lineage.evaluation.examples import Example
from lineage.evaluation.outcomes import chosen_option

Chosen = Callable[[Example], str | None]
"""The option that an answer stands for; None where it stands for none."""


def written(example: Example) -> str | None:
    """The option that the output names."""
    return chosen_option(example.options, example.output)


def likeliest(example: Example) -> str | None:
    """The option with the highest log-probability, the first of equals; None where none was measured."""
    found = example.option_log_probabilities
    return None if found is None else example.options[max(range(len(found)), key=found.__getitem__)]


@dataclass(frozen=True)
class Choice:
    """How often a model chose rightly."""

    n: int
    """Questions."""
    correct: int
    unreadable: int
    """Answers that stand for no option, or for several: wrong."""
    groups: int
    """Sets of questions that count together: rotations of one, or both about a picture."""
    whole: int
    """Groups of which every question was answered rightly."""

    @property
    def accuracy(self) -> float:
        """Share of questions, each by itself."""
        return self.correct / self.n

    @property
    def whole_share(self) -> float:
        """Share of groups: circular accuracy of MMBench, acc_plus of MME; of single questions the accuracy."""
        return self.whole / self.groups


def count(examples: Iterable[Example], chosen: Chosen) -> Choice:
    """Counts over examples that have options.

    Raises:
        ValueError: no such example.
    """
    groups: dict[str, list[bool]] = defaultdict(list)
    unreadable = 0
    for one in examples:
        if one.options:
            answer = chosen(one)
            unreadable += answer is None
            groups[one.group or one.id].append(answer == one.target)
    if not groups:
        raise ValueError("no multiple choice among these examples")
    every = [right for rights in groups.values() for right in rights]
    return Choice(len(every), sum(every), unreadable, len(groups), sum(all(rights) for rights in groups.values()))


def by_subset(examples: Sequence[Example], chosen: Chosen) -> dict[str, Choice]:
    """{category or subtask: counts}, in order of their names."""
    subsets: dict[str, list[Example]] = defaultdict(list)
    for one in examples:
        if one.options:
            subsets[one.subset].append(one)
    return {name: count(subsets[name], chosen) for name in sorted(subsets)}


def mme_scores(examples: Sequence[Example], chosen: Chosen) -> dict[str, float]:
    """Perception (of 2,000) and cognition (of 800): the sum over subtasks of 100 (accuracy + acc_plus).

    acc_plus is the share of pictures both of whose questions were answered rightly (arXiv 2306.13394, section 2.3).
    """
    subtasks: Mapping[str, str] = {one.subset: one.kind for one in examples if one.options}
    totals: dict[str, float] = defaultdict(float)
    for name, counts in by_subset(examples, chosen).items():
        totals[subtasks[name]] += 100 * (counts.accuracy + counts.whole_share)
    return dict(sorted(totals.items()))


def choice_metrics(examples: Sequence[Example]) -> dict[str, Any]:
    """{method: accuracy and whole groups, by subset too, and MME's two scores}; without examples that have options, {}.

    The likeliest option is told where every question has its options' log-probabilities.
    """
    asked = [one for one in examples if one.options]
    measured: dict[str, Chosen] = {"written": written}
    if all(one.option_log_probabilities is not None for one in asked):
        measured["likeliest"] = likeliest
    return {name: _told(asked, chosen) for name, chosen in measured.items()} if asked else {}


def _told(asked: Sequence[Example], chosen: Chosen) -> dict[str, Any]:
    found = _row(count(asked, chosen))
    if len(subsets := by_subset(asked, chosen)) > 1:
        found["subsets"] = {name: _row(one) for name, one in subsets.items()}
    if all(one.task == "mme" for one in asked):
        found["mme"] = mme_scores(asked, chosen)
    return found


def _row(one: Choice) -> dict[str, Any]:
    return {**vars(one), "accuracy": one.accuracy, "whole_share": one.whole_share}
