"""What the stage `merge` reads: which models are merged, by which method, with which weights."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lineage.config.base import Frozen

Method = Literal["linear", "slerp", "slerp_delta", "task_arithmetic", "ties", "dare"]

TASK_VECTOR_METHODS = ("slerp_delta", "task_arithmetic", "ties", "dare")
"""Methods that add to a base what the models learned since."""
OPTIONS: dict[str, tuple[Method, ...]] = {
    "scale": ("slerp_delta", "task_arithmetic", "ties", "dare"),
    "density": ("ties", "dare"),
    "trim": ("ties",),
    "rescale": ("dare",),
    "election": ("dare",),
}
"""The methods that an option means something to; with any other method it is an error."""

_ROUNDING = 1e-6
"""Weights that people write as decimals need not sum to exactly 1."""


class LayerWeights(Frozen):
    """Weights of one model that differ along its depth or between its modules."""

    layers: Annotated[list[float], Field(min_length=1)]
    """Points spaced evenly from the first layer to the last, with straight lines between them: one for all, two for a
    slope, as many as there are layers for one each."""
    embedding: float
    """Weight of the token embedding."""
    norm: float
    """Weight of the final norm, and of what else stands outside of the layers."""
    head: float
    """Weight of the output head; of no account where it is tied to the embedding."""
    projector: float | None = None
    """Weight of the projector of a vision-language model, needed where `projector` is `merge`."""
    modules: dict[str, float] = {}
    """Weights of single modules in place of the above: `mlp`, `self_attn.q_proj`, `layers.3.mlp`. A name fits where its
    parts stand in a row in the tensor's name; of several that fit, the one with most parts counts."""


Weight = float | LayerWeights


class MergedModel(Frozen):
    """One model that is merged."""

    name: Annotated[str, Field(min_length=1)]
    """Its name in messages and in `merge.json`; random choices depend on it."""
    weight: Weight | None = None
    """Its weight; None: an equal share (linear, slerp, slerp_delta), or 1."""
    density: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of its task vector that is kept, in place of the merge's own `density`."""
    random_delta: bool = False
    """A control: its task vector gives way, tensor by tensor, to Gaussian noise of the same Frobenius norm."""


class Merge(Frozen):
    """A merge of models weight by weight."""

    method: Method = "linear"
    """`linear`, `slerp` (between two), `slerp_delta` (slerp of task vectors), `task_arithmetic`, `ties`, `dare`."""
    models: Annotated[list[MergedModel], Field(min_length=1)]
    """The models, in the order of the stage's input `parents`."""
    scale: float | None = None
    """Factor of the merged task vector (lambda); None: 1."""
    density: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of each task vector that is kept: the largest entries (ties) or random ones (dare). Required by both."""
    trim: Literal["tensor", "model"] | None = None
    """`ties`: largest entries of each tensor, or of the whole language model; None: tensor."""
    rescale: Literal["inverse", "l1"] | None = None
    """`dare`: what is kept is divided by the density, or scaled to the sum of magnitudes before; None: inverse."""
    election: Literal["none", "ties"] | None = None
    """`dare`: add up everything that is kept, or only what has the elected sign; None: none."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of `dare` and `random_delta`."""
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    """Type of the merged weights; None: that of the parent whose configuration the result has."""
    rows: Literal["token", "id"] = "token"
    """Rows of embedding and head belong together by their token's text, or by their number (no tokenizer is read)."""
    min_shared_rows: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Share of the smallest vocabulary that all models must have: below it they have different tokenizers."""
    untie: bool = False
    """Where only some heads are tied to the embedding, write the tied ones out, instead of refusing."""
    projector: str | None = None
    """Of two vision-language models: `merge`, or the name of the one whose projector, tower, tokenizer and
    configuration the result has; None: projectors and towers must be identical, or only one model has them."""
    shard_bytes: Annotated[int, Field(ge=1)] = 5_000_000_000
    """Largest file of the result; a tensor is never split."""

    @property
    def needs_base(self) -> bool:
        """Whether the merge is about task vectors, so that it needs the model that the others come from."""
        return self.method in TASK_VECTOR_METHODS or any(one.random_delta for one in self.models)

    @property
    def lambda_(self) -> float:
        """Factor of the merged task vector."""
        return 1.0 if self.scale is None else self.scale

    def weights(self) -> list[Weight]:
        """Weight of each model, with the method's default where none is given."""
        share = 1.0 / len(self.models) if self.method in ("linear", "slerp", "slerp_delta") else 1.0
        return [share if one.weight is None else one.weight for one in self.models]

    def densities(self) -> list[float]:
        """Share of each model's task vector that is kept; 1 for methods that drop nothing."""
        return [1.0 if own is None else own for own in (one.density or self.density for one in self.models)]

    @model_validator(mode="after")
    def _options_fit_the_method(self) -> "Merge":
        names = [one.name for one in self.models]
        if len(set(names)) < len(names):
            raise ValueError(f"two models have one name: {', '.join(names)}")
        for option, methods in OPTIONS.items():
            if getattr(self, option) is not None and self.method not in methods:
                raise ValueError(f"`{option}` goes with {' and '.join(methods)}, not with {self.method}: leave it out")
        if self.method not in OPTIONS["density"] and any(one.density is not None for one in self.models):
            raise ValueError(f"`density` goes with ties and dare, not with {self.method}: leave it out")
        if self.method in OPTIONS["density"] and None in [one.density or self.density for one in self.models]:
            raise ValueError(
                f"{self.method} needs a `density`, such as 0.5: the share of each task vector that is kept"
            )
        if self.method in ("slerp", "slerp_delta") and len(self.models) != 2:
            raise ValueError(f"{self.method} goes from one model to another: two, not {len(self.models)}")
        numbers = [weight for weight in self.weights() if isinstance(weight, float)]
        if len(numbers) == len(self.models):
            mistake = mistake_in_weights(self.method, numbers)
            if mistake:
                raise ValueError(mistake)
        return self


def mistake_in_weights(method: Method, weights: Sequence[float]) -> str | None:
    """What is wrong with the weights that one tensor gets, or None.

    >>> mistake_in_weights("slerp", [0.5, 0.6])
    'the weights 0.5, 0.6 sum to 1.1: slerp needs two between 0 and 1 that sum to 1'
    """
    total = sum(weights)
    said = f"the weights {', '.join(f'{weight:g}' for weight in weights)} sum to {total:g}"
    if method == "linear" and total < _ROUNDING:
        return f"{said}: linear divides by the sum, which must be more than 0"
    if method in ("slerp", "slerp_delta") and (abs(total - 1) > _ROUNDING or min(weights) < 0):
        return f"{said}: {method} needs two between 0 and 1 that sum to 1"
    if method == "ties" and (min(weights) < 0 or total < _ROUNDING):
        return f"{said}: ties needs weights of 0 or more, not all 0"
    return None
