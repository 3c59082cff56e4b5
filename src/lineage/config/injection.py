"""Runs of the knowledge study: a checkpoint that goes on with pretraining while facts are injected and probed."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from lineage.config.base import Frozen
from lineage.config.messages import NAME_PATTERN
from lineage.config.training import Optimization

PLACEBO = "never"
"""The arm whose facts are probed and never injected; no other arm may do without encounters, nor have this name."""

MOMENTUM_LEFT = 0.005
"""Share of AdamW's first moment after which an update counts as paid out (arXiv 2406.11813, section 4.1)."""

WHOLE_ROWS_WITHIN = 1e-3
"""Rows by which a dose may miss a whole number: a third of three rows is written 0.333333."""

InjectionNull = Literal["none", "no_injection", "permuted_cues", "same_text"]
ArmName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]


class Arm(Frozen):
    """Facts that meet their text in the same way."""

    facts: Annotated[int, Field(ge=2)]
    """Number of facts; it takes two to split them into halves and to resample them."""
    texts: Literal["passage", "paraphrases"] = "passage"
    """`passage`: the same text at each encounter. `paraphrases`: the passage first, then another wording each time."""
    encounters: Annotated[int, Field(ge=0)]
    """How often each fact is injected; 0: never, only probed (the placebo, which is called `never`)."""
    interval: Annotated[int, Field(ge=1)] | None = None
    """Steps between two encounters of one fact; None takes the run's."""


class Placement(Frozen):
    """How the encounters of one interval are spread over its steps and rows."""

    mode: Literal["fixed_rows", "fixed_share", "fixed_dose"] = "fixed_rows"
    """What stays the same when the batch grows. `fixed_rows`: one row an encounter. `fixed_share`: injected tokens a
    step, as a share of the batch. `fixed_dose`: the share of the batch that each encounter takes (copies of it)."""
    groups: Annotated[int, Field(ge=1)] = 1
    """Facts are dealt to so many groups, which start their encounters one after the other, evenly over the interval;
    1 injects all facts at once, as the paper does. At most one a step. Unused with `fixed_share`."""
    token_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Injected tokens of every step, at most, as a share of the batch; for `fixed_share`, which takes the fewest groups
    that keep to it."""
    dose: Annotated[float, Field(gt=0, le=1)] = 0.125
    """Rows that one encounter takes, as a share of the rows of the batch; for `fixed_dose`. Must give whole rows."""


class Probing(Frozen):
    """At which steps each fact is probed: at each in the window after an encounter, then ever more rarely."""

    per_decade: Annotated[int, Field(ge=1)] = 24
    """Probed steps a decade of steps behind the window."""
    probes_per_depth: Annotated[int, Field(ge=1)] | None = None
    """Probes of each fact and depth, the first ones; None asks all."""
    batch_tokens: Annotated[int, Field(ge=1)] = 8192
    """Tokens of one forward pass, padding included."""


class InjectionSchedule(Frozen):
    """What is injected when: a pure function of facts, tokenizer and these settings."""

    arms: Annotated[dict[ArmName, Arm], Field(min_length=1)]
    """Arms by name; the claims look for `paraphrase`, `duplicate` and `once`, and take `never` for the placebo."""
    interval: Annotated[int, Field(ge=1)] = 100
    """Steps between two encounters of one fact."""
    burn_in_steps: Annotated[int, Field(ge=0)] = 0
    """Steps before the first encounter, in which the optimizer's moments forget the batches that they come from."""
    align: Literal["first", "last"] = "first"
    """`first`: all facts of a group meet their text first at the same step. `last`: last at the same step, for arms
    with different intervals, so that all are read out on the same weights."""
    placement: Placement = Placement()
    """Rows and steps of the encounters."""
    probing: Probing = Probing()
    """When to probe."""
    steps: Annotated[int, Field(ge=1)]
    """Updates of the run."""
    optimization: Optimization = Optimization(schedule="constant")
    """Batches, learning rate, optimizer. The schedule's horizon is `steps`."""
    rotation: Annotated[int, Field(ge=0)] = 0
    """Deals the facts to the arms anew: in rotation r every arm gets the block of facts that lies r blocks further."""

    @property
    def window_steps(self) -> int:
        """Steps after an encounter in which its effect peaks: until 0.5 % of the first moment is left, 50 at 0.9."""
        beta = self.optimization.betas[0]
        return 1 if beta == 0 else max(1, round(math.log(MOMENTUM_LEFT) / math.log(beta)))

    def arm_interval(self, arm: Arm) -> int:
        """Steps between encounters of one arm."""
        return arm.interval or self.interval

    def arm_window(self, arm: Arm) -> int:
        """Steps behind an encounter of one arm that its window takes: it ends at the next encounter at the latest."""
        return min(self.window_steps, self.arm_interval(arm))

    def arm_span(self, arm: Arm) -> int:
        """Steps from the first encounter of one arm's facts to the last."""
        return (max(arm.encounters, 1) - 1) * self.arm_interval(arm)

    @property
    def span_steps(self) -> int:
        """Steps from the first encounter of the longest schedule to its last."""
        return max(self.arm_span(arm) for arm in self.arms.values())

    @property
    def rows_per_encounter(self) -> int:
        """Rows that each encounter takes, all with the same text."""
        placement = self.placement
        return round(placement.dose * self.optimization.batch_rows) if placement.mode == "fixed_dose" else 1

    def group_offsets(self, groups: int) -> list[int]:
        """Steps by which each group starts later than the first."""
        return [round(group * self.interval / groups) for group in range(groups)]

    @model_validator(mode="after")
    def _placebo_is_called_never(self) -> Self:
        for name, arm in self.arms.items():
            if name == PLACEBO and arm.encounters:
                raise ValueError(
                    f"arms.{name}.encounters is {arm.encounters}, but '{PLACEBO}' is the placebo, whose facts are never"
                    " injected: set `encounters: 0`, or choose another name"
                )
            if name != PLACEBO and not arm.encounters:
                raise ValueError(
                    f"arms.{name}.encounters is 0: facts that are never injected are the placebo, the arm '{PLACEBO}',"
                    " of which there is one: give it that name, or one encounter or more"
                )
        return self

    @model_validator(mode="after")
    def _dose_is_whole_rows(self) -> Self:
        if self.placement.mode != "fixed_dose":
            return self
        batch = self.optimization
        rows = self.placement.dose * batch.batch_rows
        whole = max(1, round(rows))
        if abs(rows - whole) > WHOLE_ROWS_WITHIN:
            raise ValueError(
                f"placement.dose is {self.placement.dose:g}, which makes {rows:g} of the {batch.batch_rows} rows of a"
                f" batch (batch_tokens {batch.batch_tokens} / sequence_length {batch.sequence_length}): an encounter"
                f" takes whole rows, one or more; set {whole / batch.batch_rows:g}, the nearest, or change the batch"
            )
        return self

    @model_validator(mode="after")
    def _groups_fit(self) -> Self:
        placement = self.placement
        if placement.mode != "fixed_share" and placement.groups > self.interval:
            raise ValueError(
                f"placement.groups is {placement.groups}, more than the {self.interval} steps between two encounters"
                " (interval), and two groups cannot start at one step: lower it or raise `interval`"
            )
        return self

    @model_validator(mode="after")
    def _schedule_fits(self) -> Self:
        groups = self.interval if self.placement.mode == "fixed_share" else self.placement.groups
        delay = self.group_offsets(groups)[-1]
        aligned = 0 if self.align == "first" else self.span_steps
        longest = max(max(aligned, self.arm_span(arm)) + self.arm_window(arm) for arm in self.arms.values())
        last = self.burn_in_steps + delay + longest
        if last > self.steps:
            raise ValueError(
                f"steps is {self.steps}, but the window behind the last encounter may reach to step {last}"
                f" (burn_in_steps {self.burn_in_steps}, up to {delay} until the last group starts, {longest} for the"
                " longest arm and its window): raise `steps`, or lower `encounters` or `interval`"
            )
        return self


class Run(InjectionSchedule):
    """A run and, beside it, its twin: the same in everything but the facts that are injected."""

    start: str
    """Checkpoint that goes on: `base` or `base@300`."""
    tokens: str
    """Token stream of the background, which no model should have read before."""
    facts: str
    """Facts that are injected, from `facts`."""
    moments: Literal["kept", "new"] = "kept"
    """`kept`: the optimizer's moments of the checkpoint go on. `new`: they start at zero (for imported models)."""
    repeat_background: bool = False
    """Let the background be read more than once, where there is too little of it; false: that is an error."""
    keep_model: bool = False
    """Keep the last weights as a Hugging Face folder beside the trajectory."""
    twin: Literal["original", "decoys"] | None = "original"
    """Also train the twin, whose probes, subtracted, are the exact counterfactual. `original`: its rows keep the text
    of the background. `decoys`: they get passages of facts that no arm has and no probe asks for, so that style and
    share of what is injected are the same in both. None: no twin."""


class Injections(InjectionSchedule):
    """What the stage `injections` reads."""

    decoys: bool = False
    """Also plan decoys: for each text that is injected one of a fact that no arm has and no probe asks for."""
    null: InjectionNull = "none"
    """A null world. `no_injection`: no fact of an arm is injected, its rows get the decoys. `permuted_cues`: depths of
    a fact's probes are dealt anew. `same_text`: the paraphrase arm gets the passage."""

    @model_validator(mode="after")
    def _rows_are_filled(self) -> Self:
        if self.null == "no_injection" and not self.decoys:
            raise ValueError("null is 'no_injection', which puts decoys into the rows of the facts: set `decoys: true`")
        return self


class Inject(Frozen):
    """What the stage `inject` reads: how to train; what to inject and probe comes from the plan."""

    optimization: Optimization
    """Batches, learning rate, optimizer."""
    steps: Annotated[int, Field(ge=1)]
    """Updates of the run."""
    moments: Literal["kept", "new"] = "kept"
    """Whether the optimizer's moments of the checkpoint go on."""
    repeat_background: bool = False
    """Whether the background may be read more than once."""
    injected: Literal["facts", "decoys", "nothing"] = "facts"
    """`facts`: the run. `decoys`: texts of other facts in the same rows (a twin; in the null world `no_injection` the
    run). `nothing`: the background stays there (a twin)."""
    probed: bool = True
    """False: nothing is measured on the way."""
    probe_batch_tokens: Annotated[int, Field(ge=1)] = 8192
    """Tokens of one forward pass of the probes, padding included."""
    keep_model: bool = False
    """Keep the last weights as a Hugging Face folder beside the trajectory."""
