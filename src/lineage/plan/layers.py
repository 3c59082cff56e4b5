"""Jobs that look into weights and layers."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.config.layers import LayerFigures, Layers, LayersEntry
from lineage.config.weights import Weights, WeightsEntry
from lineage.freshness import canonical
from lineage.plan.job import Job, model_folder

WEIGHTS, LAYERS, FIGURES = "analysis/weights", "analysis/layers", "analysis/layer_figures"


def layer_jobs(experiment: Experiment) -> Iterator[Job]:
    """One an analysis, and one that draws all of them."""
    for name, entry in experiment.weights.items():
        yield _weights_job(experiment, f"{WEIGHTS}/{name}", entry)
    for name, entry in experiment.layers.items():
        yield _layers_job(experiment, f"{LAYERS}/{name}", entry)
    inputs = {
        "weights": [f"{WEIGHTS}/{name}" for name in experiment.weights],
        "layers": [f"{LAYERS}/{name}" for name in experiment.layers],
    }
    if any(inputs.values()):
        yield Job("layer_figures", FIGURES, canonical(LayerFigures()), inputs)


def _weights_job(experiment: Experiment, folder: str, entry: WeightsEntry) -> Job:
    """Its spec names the artifacts that the vectors lie between."""
    base = _artifact(experiment, entry.base)

    def start(reference: str | None) -> str | None:
        found = _artifact(experiment, reference) if reference else base
        return None if found == base else found

    vectors = {
        name: {"end": _artifact(experiment, one.end), "start": start(one.start)} for name, one in entry.vectors.items()
    }
    spec = Weights.model_validate({**_own_fields(entry, Weights), "vectors": vectors})
    sets = dict.fromkeys(f"data/conversations/{one.conversations}" for one in entry.losses.values())
    inputs = {
        "base": [f"models/{base}"],
        "models": [f"models/{name}" for name in spec.models],
        "conversations": list(sets),
    }
    return Job("weights", folder, canonical(spec), inputs)


def _layers_job(experiment: Experiment, folder: str, entry: LayersEntry) -> Job:
    """Its spec names the artifacts that are compared."""
    fields = _own_fields(entry, Layers)
    fields["models"] = [_artifact(experiment, one) for one in entry.models]
    if entry.restoring is not None:
        fields["restoring"] |= {"into": _artifact(experiment, entry.restoring.into)}
    inputs = {
        "base": [model_folder(experiment, entry.base)],
        "models": [f"models/{name}" for name in fields["models"]],
        "prompts": [f"data/prompts/{entry.prompts}"],
    }
    return Job("layers", folder, canonical(Layers.model_validate(fields)), inputs)


def _own_fields(entry: WeightsEntry | LayersEntry, config: type[Weights] | type[Layers]) -> dict:
    """Fields of the stage's own config, as JSON has them."""
    return {name: value for name, value in entry.model_dump(mode="json").items() if name in config.model_fields}


def _artifact(experiment: Experiment, reference: str) -> str:
    return model_folder(experiment, reference).removeprefix("models/")
