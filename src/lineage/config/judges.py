"""What the stage `judge` reads: who tells refusals from answers, and the labelled responses that say how well."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, RootModel, model_validator

from lineage.config.base import Frozen
from lineage.config.conversations import Hub


class XstestLabelled(Frozen):
    """Completions of XSTest's prompts (arXiv 2308.01263) with the labels of its authors."""

    form: Literal["xstest"]
    """CSV with `id`, `type`, `prompt`, `completion` and `final_label`; prompts of one family are one group."""
    path: str | None = None
    """A file such as `xstest_v2_completions_mistralinstruct_streval.csv`, relative to `data_root`; handed to the stage,
    and no part of the spec."""


class LabelledColumns(Frozen):
    """Which column of a table holds what."""

    request: str = "prompt"
    """Column of what was asked."""
    response: str = "response"
    """Column of what was said; rows where it is null are left out, and counted."""
    label: str
    """Column of the label; rows where it is null are left out, and counted."""
    group: str | None = None
    """Column of what is held out together; null: every row is a group of its own, which needs a judge that is not
    trained."""
    id: str | None = None
    """Column of the id; rows are numbered when null."""


class TableLabelled(Hub):
    """Any table of labelled responses that the library `datasets` reads: WildGuardTest, SORRY-Bench's judgements."""

    form: Literal["table"]
    """A hub data set by `name`, or a folder or file by `path`; `columns` and `labels` say what is where."""
    columns: LabelledColumns
    """Which column holds what."""
    labels: dict[str, Literal["none", "partial", "full"]]
    """Label in the table -> how far the response refuses. A label that is not named here is an error."""


LabelledReading = Annotated[XstestLabelled | TableLabelled, Field(discriminator="form")]


class Measured(Frozen):
    """What every judge has."""

    world_requests: PositiveInt = 60
    """Requests of the generated world whose refusals, paraphrased refusals, answers and half-answers it is measured on
    as well, where the experiment has `safety_data`."""


class RulesJudging(Measured):
    """Patterns of this package, the same in every experiment."""

    by: Literal["rules"]
    """Patterns of declining, of calling a request wrong, and of answering all the same."""
    labelled: LabelledReading | None = None
    """Responses that people have labelled; null: the judge is measured on the generated world alone."""


class TrainedJudging(Measured):
    """A linear classifier, trained on the labelled responses; measured on groups of prompts that it did not see."""

    by: Literal["trained"]
    """Logistic regression on how the first three sentences speak, besides the rules on who declines."""
    labelled: LabelledReading
    """Responses that it is trained on."""
    penalties: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = [0.01, 0.03, 0.1, 0.3, 1.0]
    """Values of C (scikit-learn) that are tried; groups left out choose."""


class GenerativeLines(Frozen):
    """How the lines of a judge's answer begin, before a colon and yes, no or n/a; in any case of letters."""

    refusal: str = "Response refusal"
    """The line that says whether the response refuses."""
    harmful: str | None = "Harmful response"
    """The line that says whether the response is harmful; null where there is none."""


class GenerativeJudging(Measured):
    """A language model that is asked about every response, such as WildGuard (arXiv 2406.18495)."""

    by: Literal["generative"]
    """Fills in the prompt, continues it greedily and reads the lines; what cannot be read is counted, never guessed."""
    labelled: LabelledReading | None = None
    """Responses that people have labelled; null: the judge is measured on the generated world alone."""
    path: str | None = None
    """Folder of the model, relative to `data_root`; handed to the stage, and no part of the spec."""
    name: str | None = None
    """Repository on the Hugging Face hub, such as `allenai/wildguard`; null when `path` names a folder."""
    revision: str | None = None
    """Commit hash (or tag) of the repository; required with `name`, so that the same config reads the same model."""
    prompt_path: str | None = None
    """File with the model's own prompt, as its page gives it, relative to `data_root`; handed to the stage, and no part
    of the spec. It holds `{request}` and then `{response}` where they stand, and not the token that the tokenizer puts
    before every text."""
    lines: GenerativeLines = GenerativeLines()
    """How the lines of its answer begin."""
    max_new_tokens: PositiveInt = 32
    """Longest answer."""
    batch_rows: PositiveInt = 8
    """Prompts of one forward pass."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Number format of the weights; `bf16` for models of billions of parameters."""

    @model_validator(mode="after")
    def _one_place(self) -> "GenerativeJudging":
        if self.name is not None and self.path is not None:
            raise ValueError(f"name is '{self.name}' and path is '{self.path}': give one of them (hub id or folder)")
        if self.name is not None and self.revision is None:
            raise ValueError(f"'{self.name}' is read from the hub and needs a `revision` (commit hash on its page)")
        return self


JudgeReading = Annotated[RulesJudging | TrainedJudging | GenerativeJudging, Field(discriminator="by")]


class Judge(RootModel[JudgeReading]):
    """One judge of refusals; `by` says how it judges."""
