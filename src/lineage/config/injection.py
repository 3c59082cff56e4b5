"""Runs of the knowledge study: a checkpoint that goes on with pretraining while facts are injected and probed."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from lineage.config.base import Frozen
from lineage.config.training import Optimization

MOMENTUM_LEFT = 0.005
"""Share of AdamW's first moment after which an update counts as paid out (arXiv 2406.11813, section 4.1)."""

InjectionNull = Literal["none", "no_injection", "permuted_cues", "same_text"]


class Arm(Frozen):
    """Facts that meet their text in the same way."""

    facts: Annotated[int, Field(ge=1)]
    """Number of facts."""
    texts: Literal["passage", "paraphrases"] = "passage"
    """`passage`: the same text at each encounter. `paraphrases`: the passage first, then another wording each time."""
    encounters: Annotated[int, Field(ge=0)]
    """How often each fact is injected; 0: never, only probed (the placebo)."""
    interval: Annotated[int, Field(ge=1)] | None = None
    """Steps between two encounters of one fact; None takes the run's."""


class Placement(Frozen):
    """How the encounters of one interval are spread over its steps and rows."""

    mode: Literal["fixed_rows", "fixed_share", "fixed_dose"] = "fixed_rows"
    """What stays the same when the batch grows. `fixed_rows`: one row an encounter. `fixed_share`: injected tokens a
    step, as a share of the batch. `fixed_dose`: the share of the batch that each encounter takes (copies of it)."""
    groups: Annotated[int, Field(ge=1)] = 1
    """Facts are dealt to so many groups, which start their encounters one after the other, evenly over the interval;
    1 injects all facts at once, as the paper does. Unused with `fixed_share`."""
    token_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Injected tokens of a step that injects, at most, as a share of the batch; for `fixed_share`, which sets the
    groups by it."""
    dose: Annotated[float, Field(gt=0, le=1)] = 0.125
    """Rows that one encounter takes, as a share of the rows of the batch, at least one row; for `fixed_dose`."""


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

    arms: Annotated[dict[str, Arm], Field(min_length=1)]
    """Arms by name; the claims look for `paraphrase`, `duplicate`, `once` and `never`."""
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

    @property
    def span_steps(self) -> int:
        """Steps from the first encounter of the longest schedule to its last."""
        return max((max(arm.encounters, 1) - 1) * self.arm_interval(arm) for arm in self.arms.values())

    @model_validator(mode="after")
    def _schedule_fits(self) -> InjectionSchedule:
        last = self.burn_in_steps + self.span_steps + self.interval - 1
        if last >= self.steps:
            raise ValueError(
                f"steps is {self.steps}, but the encounters may reach step {last} (burn_in_steps {self.burn_in_steps},"
                f" the longest arm takes {self.span_steps} steps, and groups start within the interval of"
                f" {self.interval}): raise `steps` or lower `encounters` or `interval`"
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
    """Also plan the texts of a twin with decoys, from facts that no arm has."""
    null: InjectionNull = "none"
    """A null world: nothing is injected, depths of a fact's probes are dealt anew, or the paraphrase arm gets the
    passage."""


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
    """`facts`: the run. `decoys`: a twin that gets texts of other facts in the same rows. `nothing`: a twin that keeps
    the background there."""
    probed: bool = True
    """False: nothing is measured on the way."""
    probe_batch_tokens: Annotated[int, Field(ge=1)] = 8192
    """Tokens of one forward pass of the probes, padding included."""
    keep_model: bool = False
    """Keep the last weights as a Hugging Face folder beside the trajectory."""
