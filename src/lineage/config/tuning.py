"""What the stages read that go on from a model with conversations: supervised tuning, alignment, preferences."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lineage.config.base import Frozen
from lineage.config.training import Optimizer

Template = Literal["kept", "roles", "vicuna_v1", "llava_v1", "llava_llama_2"]
"""Chat template: the model's own (`kept`), or one of ours; see docs/tuning.md."""


class Lora(Frozen):
    """Low-rank updates of the language model's matrices, folded into the weights when training ends."""

    rank: Annotated[int, Field(ge=1)] = 16
    """Rank of each update."""
    alpha: Annotated[float, Field(gt=0)] = 32.0
    """Updates are scaled by alpha / rank."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout before each update."""


class TuningOptimization(Optimizer):
    """The optimizer, and the batches of conversations."""

    batch_conversations: Annotated[int, Field(ge=1)] = 32
    """Conversations (or pairs) of one optimizer step, summed over micro-batches and processes."""
    sequence_length: Annotated[int, Field(ge=2)] = 256
    """Tokens of the longest row, pictures included; a longer conversation is never cut."""
    packing: bool = True
    """Put several conversations into a row, none of which sees another; false: one a row, padded."""
    projector_learning_rate: Annotated[float, Field(gt=0)] | None = None
    """Learning rate of the projector after warm-up, where it differs; None: `peak_learning_rate`. A new projector has
    far to go, a language model that knows much has little."""

    def rate_factor(self, parameter: str) -> float:
        """What the learning rate of a parameter is times that of the schedule."""
        if self.projector_learning_rate is None or ".multi_modal_projector." not in f".{parameter}":
            return 1.0
        return self.projector_learning_rate / self.peak_learning_rate


class ReferenceProbing(Frozen):
    """Known texts whose log-probability is followed while a model is tuned, at steps even in their logarithm: refusals
    and answers of held-out requests, values of facts."""

    requests: Annotated[int, Field(ge=0)] = 24
    """Harmful requests of each stratum, and as many look-alikes."""
    facts: Annotated[int, Field(ge=0)] = 48
    """Facts of each kind: asked in chats, of known exposure, hazards."""
    strata: list[str] = ["unseen_pair", "unseen_object"]
    """Strata of requests that are followed."""
    per_decade: Annotated[int, Field(ge=1)] = 6
    """Steps that are measured in each decade of steps, besides 0 and the last."""
    batch_tokens: Annotated[int, Field(ge=64)] = 8192
    """Tokens of one forward pass; no value depends on it."""


class TuningRun(Frozen):
    """The part of a run on conversations that all its segments share."""

    shares: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]
    """Sets of conversations, each with its share of what is read; shares need not add up to 1."""
    trainable: Literal["full", "lora", "projector"] = "full"
    """`full`: language model and projector. `lora`: low-rank updates of the language model, and the projector.
    `projector`: the projector alone. The vision tower is never trained."""
    lora: Lora = Lora()
    """Low-rank updates; for `trainable: lora`."""
    frozen_layers: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)] | None = None
    """Layers [first, stop) of the language model that stay as they are ("Safety Layers", arXiv 2408.17003); with
    `trainable: full`. None freezes none."""
    template: Template = "kept"
    """How conversations are written; the result keeps it."""
    optimization: TuningOptimization = TuningOptimization()
    """Batches, learning rate, optimizer."""
    max_dropped_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of a set that may be left out because it cannot be rendered or is too long; counted in the manifest."""
    probing: ReferenceProbing = ReferenceProbing()
    """What is followed while it is tuned, if `probed` names a prompt set."""
    steps: Annotated[int, Field(ge=1)]
    """Horizon of the run in optimizer steps: the learning-rate schedule ends here."""

    @model_validator(mode="after")
    def _frozen_layers_are_some_of_those_trained(self) -> "TuningRun":
        frozen = self.frozen_layers
        if frozen is not None and frozen[0] >= frozen[1]:
            raise ValueError(f"frozen_layers is {frozen}: must be [first, stop) with first before stop")
        if frozen is not None and self.trainable != "full":
            raise ValueError(f"frozen_layers go with `trainable: full`, not with {self.trainable}: leave them out")
        return self


class Tuning(TuningRun):
    """One segment: steps `first_step` to `last_step` of the run."""

    first_step: Annotated[int, Field(ge=0)] = 0
    """Optimizer steps already taken by the model that the segment starts from."""
    last_step: Annotated[int, Field(ge=1)]
    """Optimizer steps taken when the segment ends."""

    @model_validator(mode="after")
    def _segment_is_ordered(self) -> "Tuning":
        if not self.first_step < self.last_step <= self.steps:
            raise ValueError(
                f"a segment from step {self.first_step} to {self.last_step} of a run of {self.steps} steps"
            )
        return self


class Alignment(Frozen):
    """Stage 1 of LLaVA: a decoder gets a frozen tower and a new projector, which alone learns from captions."""

    shares: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]
    """Sets of captions."""
    feature_layer: Annotated[int, Field(le=-1)] = -2
    """Hidden state of the tower that the projector reads, from the end; -2 in LLaVA, -1 in a tower of two layers."""
    feature_select: Literal["default", "full"] = "default"
    """`default`: the features of the patches, as LLaVA. `full`: that of the whole picture (CLIP's class token) before
    them, which alone learned the last layer's meaning."""
    caption_end: bool = False
    """Whether the end token stands behind a caption; LLaVA has none there."""
    optimization: TuningOptimization = TuningOptimization()
    """Batches, learning rate, optimizer."""
    max_dropped_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of a set that may be left out."""
    steps: Annotated[int, Field(ge=1)]
    """Optimizer steps."""


class PreferenceTuning(Frozen):
    """Direct preference optimization (arXiv 2305.18290)."""

    shares: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]
    """Sets of pairs."""
    beta: Annotated[float, Field(gt=0)] = 0.1
    """How much a difference from the reference counts."""
    trainable: Literal["full", "lora", "projector"] = "full"
    """Trained parts, as in supervised tuning."""
    lora: Lora = Lora()
    """Low-rank updates; for `trainable: lora`."""
    template: Template = "kept"
    """How conversations are written."""
    optimization: TuningOptimization = TuningOptimization(packing=False)
    """Batches of pairs, learning rate, optimizer."""
    max_dropped_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of a set that may be left out."""
    measure_every: Annotated[int, Field(ge=1)] = 20
    """Steps between two measurements on the validation pairs."""
    steps: Annotated[int, Field(ge=1)]
    """Optimizer steps."""


class ContrastiveTower(Frozen):
    """A small CLIP pair (arXiv 2103.00020), trained from scratch on pictures and their captions."""

    shares: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]
    """Sets of conversations whose last turn is a caption of the one picture."""
    image_size: Annotated[int, Field(ge=8)] = 32
    """Pixels of a side that pictures are scaled to."""
    patch_size: Annotated[int, Field(ge=2)] = 8
    """Pixels of a side of a patch; (image_size / patch_size)^2 tokens a picture."""
    hidden_size: Annotated[int, Field(ge=8)] = 64
    """Width of both halves."""
    layers: Annotated[int, Field(ge=1)] = 3
    """Layers of each half."""
    heads: Annotated[int, Field(ge=1)] = 4
    """Attention heads."""
    projection_size: Annotated[int, Field(ge=4)] = 64
    """Width of the space that both halves are compared in."""
    optimization: TuningOptimization = TuningOptimization(batch_conversations=64, packing=False)
    """Batches of pairs, learning rate, optimizer."""
    steps: Annotated[int, Field(ge=1)]
    """Optimizer steps."""

    @model_validator(mode="after")
    def _patches_are_whole(self) -> "ContrastiveTower":
        if self.image_size % self.patch_size or self.hidden_size % self.heads:
            raise ValueError(
                f"image_size {self.image_size} must be a multiple of patch_size {self.patch_size}, and hidden_size"
                f" {self.hidden_size} of heads {self.heads}"
            )
        return self
