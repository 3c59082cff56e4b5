"""What the stage `safety` reads: which model plays which part in which claim, and which slice this is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lineage.config.base import Frozen
from lineage.config.messages import NAME_PATTERN
from lineage.config.names import ModelReference

DesignName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""Small letters, digits and underscores."""
SafetyStudyNull = Literal[
    "none", "permuted_labels", "noise_pictures", "permuted_hazards", "equal_exposures", "one_sense"
]


class SafetyRoles(Frozen):
    """Models by their part in the claims; a claim without its models is *not testable here*."""

    chat: ModelReference
    """The model that refuses, before any picture."""
    twin: ModelReference | None = None
    """Its helpful-only twin, trained on the same without refusals: attacks count on what it answers right."""
    seeing: ModelReference | None = None
    """The vision-language model, adapted on filtered data."""
    seeing_raw: ModelReference | None = None
    """The same on unfiltered data (S1)."""
    text_control: ModelReference | None = None
    """The same with each picture replaced by its caption (S1, X1)."""
    noise: ModelReference | None = None
    """`chat` with noise as large as the adaptation (S1)."""
    projector: ModelReference | None = None
    """Adapted with the language model frozen (S2, S7)."""
    twin_seeing: ModelReference | None = None
    """The twin, adapted as the text-only control or `seeing` is (X2)."""
    benign: ModelReference | None = None
    """`seeing` tuned further on as many steps of harmless data (S3, S4)."""
    sft: list[ModelReference] = []
    """`seeing` tuned on refusals, one trial each (S3, S6)."""
    dpo: list[ModelReference] = []
    """`seeing` tuned on preferences, one trial each (S3, S6)."""
    joint: list[ModelReference] = []
    """Adapted on pictures and safety data at once, one trial each (S4, S6)."""
    merges: list[ModelReference] = []
    """Linear merges of `seeing` and a safety-tuned model, one trial each (S4, S6, X4)."""
    chat_merges: list[ModelReference] = []
    """Merges of `seeing` and `chat`: no safety data at all (S6)."""
    random_merges: list[ModelReference] = []
    """As `merges`, the safety-tuned change replaced by noise (S6, X4)."""
    reinjected: ModelReference | None = None
    """`seeing` after it was taught the hazards of test objects again (X5)."""
    adaptations: list[ModelReference] = []
    """Other adaptations with probes, whose forgetting is shown beside that of `seeing`: another rate, no replay, frozen
    parts (X2)."""

    @property
    def arms(self) -> dict[str, list[str]]:
        """Trials by arm, those that S6 compares."""
        return {name: list(getattr(self, name)) for name in ("sft", "dpo", "joint", "merges")}

    @property
    def models(self) -> list[str]:
        """Every model that is named, once."""
        named = [getattr(self, name) for name in SafetyRoles.model_fields]
        flat = [one for value in named for one in (value if isinstance(value, list) else [value])]
        return list(dict.fromkeys(one for one in flat if one))

    @model_validator(mode="after")
    def _no_trial_twice(self) -> SafetyRoles:
        for name in SafetyRoles.model_fields:
            value = getattr(self, name)
            if isinstance(value, list) and len(set(value)) != len(value):
                raise ValueError(f"{name} is {value}: a model is named twice; every trial counts once")
        return self


class Vectors(Frozen):
    """Task vectors of the analysis of weights, by their part in S4."""

    seeing: str
    """What the adaptation changed."""
    safe: str
    """What safety tuning changed."""
    benign: str
    """What a harmless task of as many steps changed."""


class SafetyStudyEntry(Frozen):
    """Study 2 and where it meets the others: what adaptation, safety tuning and merging do to refusals and facts."""

    roles: SafetyRoles
    """Which model plays which part in which claim: models that `safety.models` measures, by reference or by the name
    of their scores."""
    weights: DesignName | None = None
    """Analysis from `weights` whose task vectors S4 reads; None: S4 is not testable."""
    vectors: Vectors | None = None
    """Task vectors of that analysis, by their part in S4."""
    layers: DesignName | None = None
    """Analysis from `layers` that S5 reads; None: S5 is not testable."""
    layers_model: ModelReference | None = None
    """The adapted model of that analysis; None: the part `seeing`."""
    design: DesignName = "default"
    """Name of what all slices share that are judged together: models, data, prompts. A digest of their specs, all but
    seed and null world, goes with it: slices of one name and different digests are refused."""
    slices: str | None = None
    """Folder of the `statistics.csv` of other seeds and null worlds, which the ledger reads beside this one's, relative
    to the folder in which snakemake runs; None: this one alone."""


class SafetyStudy(SafetyRoles):
    """The parts, and the slice that they are measured in."""

    checkpoints: list[str] = []
    """Artifacts along the adaptation of `seeing`, from early to late."""
    projector_checkpoints: list[str] = []
    """The same of `projector`."""
    merge_weights: dict[str, float] = {}
    """Weight of `seeing` in each of `merges`, of 1."""
    merge_parents: list[str] = []
    """Models that `merges` are made of: end points of the sweep."""
    training_steps: dict[str, int] = {}
    """Optimizer steps since `chat` that stand behind each model."""
    vectors: Vectors | None = None
    """Task vectors of S4."""
    layers_model: str | None = None
    """The adapted model of S5; None: the part `seeing`."""
    null: SafetyStudyNull = "none"
    """Presumed cause that the world or the data of this slice lack."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of world and training together."""
    data: Literal["generated", "real data"] = "generated"
    """Where prompts come from."""
    design: DesignName = "default"
    """Name of what all slices share that are judged together."""
    design_digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    """Digest of the specs of all that, made by the plan: slices of one name and different digests are refused."""
    bootstrap_samples: Annotated[int, Field(ge=100)] = 2000
    """Resamples of the intervals."""
    bootstrap_seed: int = 0
    """Seed of the bootstrap."""
