"""What readers are made from and read: checked before any job exists."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.config.messages import Mistake, did_you_mean, listed
from lineage.config.models import TuneEntry
from lineage.config.retrieval_sets import WorldSet

_SCORES = ("reading", "reading_validation")


def reading_references(experiment: Experiment) -> Iterator[Mistake]:
    """Sets and retrievers that are none, kinds that are not asked, and a reader that no reading conversation tuned."""
    entry = experiment.reading
    if entry is None:
        return
    yield from _set(experiment)
    for number, name in enumerate(entry.runs):
        path = f"reading.runs.{number}"
        if name not in experiment.retrievers:
            known = experiment.retrievers
            yield path, f"is '{name}', which is no retriever.{did_you_mean(name, known)}\n  retrievers: {listed(known)}"
        elif (searched := experiment.retrievers[name].set) != entry.set:
            yield path, f"is '{name}', which searches '{searched}', but `reading.set` is '{entry.set}'"
        elif missing := [one for one in ("validation", "test") if one not in experiment.retrievers[name].splits]:
            yield path, f"is '{name}', which leaves out the {missing[0]} queries: add '{missing[0]}' to its `splits`"
    if len(set(entry.runs)) < len(entry.runs):
        yield "reading.runs", f"is {listed(entry.runs)}: name each retriever once"
    model = experiment.models.get(entry.model.partition("@")[0])
    if model is not None and not isinstance(model, TuneEntry):
        yield "reading.model", f"is '{entry.model}', which is not tuned: a reader learns from conversations to answer"
    for name in _SCORES:
        if name in experiment.prompts:
            yield f"prompts.{name}", "has the name of what the section `reading` asks: choose another"
        if name in experiment.models or any(
            one.name == name for one in (experiment.safety.models if experiment.safety else [])
        ):
            yield "reading", f"writes scores under the name '{name}', which a model has too: give that another name"


def _set(experiment: Experiment) -> Iterator[Mistake]:
    entry, known = experiment.reading, experiment.retrieval_sets
    assert entry is not None
    found = known.get(entry.set)
    if found is None:
        message = f"is '{entry.set}', which is no retrieval set.{did_you_mean(entry.set, known)}"
        yield "reading.set", f"{message}\n  retrieval_sets: {listed(known)}"
    elif not isinstance(found, WorldSet):
        yield "reading.set", f"is '{entry.set}', but only facts of the generated world have a known exposure"
    elif entry.kind not in found.kinds:
        yield "reading.kind", f"is '{entry.kind}', but `retrieval_sets.{entry.set}.kinds` is {listed(found.kinds)}"
