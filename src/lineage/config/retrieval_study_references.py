"""What the parts of the retrieval study name: retrievers of the set that they play a part on."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.config.messages import Mistake, did_you_mean, listed


def retrieval_study_references(experiment: Experiment) -> Iterator[Mistake]:
    """Every set and retriever that is none, and every retriever that searches another set."""
    study = experiment.retrieval_study
    for name, roles in study.roles.items() if study is not None else ():
        path = f"retrieval_study.roles.{name}"
        if name not in experiment.retrieval_sets:
            known = experiment.retrieval_sets
            yield path, f"is no retrieval set.{did_you_mean(name, known)}\n  retrieval_sets: {listed(known)}"
            continue
        known = [one for one, entry in experiment.retrievers.items() if entry.set == name]
        for arm, trials in roles.arms.items():
            for position, one in enumerate(trials):
                place = f"{path}.{arm}.{position}"
                if one not in experiment.retrievers:
                    yield (
                        place,
                        f"is '{one}', which is no retriever.{did_you_mean(one, known)}\n  retrievers: {listed(known)}",
                    )
                elif one not in known:
                    other = experiment.retrievers[one].set
                    yield place, f"is '{one}', which searches '{other}', not '{name}'.\n  retrievers: {listed(known)}"
