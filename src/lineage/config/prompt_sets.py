"""Prompt sets from outside: safety and helpfulness benchmarks in the forms in which their authors give them."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from lineage.config.base import Frozen


class OutsidePrompts(Frozen):
    """What every prompt set from files has."""

    path: str | None = None
    """File or folder, relative to `data_root`; the workflow hands it to the stage, and it is no part of the spec."""
    images: str | None = None
    """Folder that the names of pictures start from; handed over as `path` is. Null where there are none, or where they
    are in the file."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """What the file at `path` must hash to; null takes any. The content counts in any case: another file makes stale
    what follows."""
    limit: PositiveInt | None = None
    """Take at most so many items, in the order of the file."""


class HubPrompts(OutsidePrompts):
    """What every prompt set has that is a table on the Hugging Face hub, too."""

    name: str | None = None
    """Hub id; null when `path` names a file or folder."""
    revision: str | None = None
    """Commit hash (or tag) of the hub data set; required with `name`, so that the same config reads the same data."""
    subset: str | None = None
    """Configuration of the data set."""
    split: str = "test"
    """Split of the data set."""

    @model_validator(mode="after")
    def _one_place(self) -> "HubPrompts":
        if self.name is not None and self.path is not None:
            raise ValueError(f"name is '{self.name}' and path is '{self.path}': give one of them (hub id or folder)")
        if self.name is not None and self.revision is None:
            raise ValueError(f"'{self.name}' is read from the hub and needs a `revision` (commit hash on its page)")
        if self.name is not None and self.sha256 is not None:
            raise ValueError("sha256 pins a file at `path`; a data set of the hub is pinned by its `revision`")
        return self


class XstestPrompts(OutsidePrompts):
    """XSTest (arXiv 2308.01263): 250 safe prompts that look unsafe, 200 unsafe ones. CC BY 4.0."""

    source: Literal["xstest"]
    """CSV with `id`, `prompt`, `type`, `label`, `focus`, `note`; the types of unsafe ones begin with `contrast_`."""


class FigstepPrompts(OutsidePrompts):
    """FigStep (arXiv 2311.05608): forbidden instructions typeset into pictures. MIT."""

    source: Literal["figstep"]
    """CSV with `dataset`, `category_id`, `task_id`, `category_name`, `question`, `instruction`; `images` holds
    `query_ForbidQI_{category_id}_{task_id}_6.png`."""
    asked: Annotated[list[Literal["picture", "question"]], Field(min_length=1)] = ["picture", "question"]
    """`picture`: the typeset instruction with the authors' harmless text; `question`: the same as text alone, their
    baseline."""


class SorryBenchPrompts(HubPrompts):
    """SORRY-Bench (arXiv 2406.14598): unsafe instructions of 45 categories. Own licence, gated."""

    source: Literal["sorry_bench"]
    """JSON Lines with `question_id`, `category`, `turns` and, of some versions, `prompt_style`."""
    split: str = "train"
    """Split of the data set."""
    styles: Annotated[list[str], Field(min_length=1)] = ["base"]
    """Values of `prompt_style` that are taken, where there is this column; the others are counted as left out."""
    redacted: list[PositiveInt] = [*range(201, 211)]
    """Questions that its authors took out of the public file; they are left out, and counted."""


class WildguardTestPrompts(HubPrompts):
    """WildGuardTest (arXiv 2406.18495). ODC-BY, gated."""

    source: Literal["wildguard_test"]
    """`prompt`, `adversarial`, `prompt_harm_label`, `subcategory`; without a label of harm a prompt is left out."""


class MmSafetyBenchPrompts(OutsidePrompts):
    """MM-SafetyBench (arXiv 2311.17600): 13 scenarios, each question beside pictures of several sorts."""

    source: Literal["mm_safety_bench"]
    """A folder (`processed_questions`) of JSON files, one a scenario; `images` holds `<scenario>/<sort>/<id>.jpg`."""
    sorts: Annotated[list[Literal["SD", "TYPO", "SD_TYPO", "text"]], Field(min_length=1)] = ["SD", "TYPO", "SD_TYPO"]
    """Sorts of pictures: generated, words, both; `text`: the question alone. What is asked differs by sort."""
    tiny: bool = False
    """Take only the ids of `TinyVersion_ID_List.json`, which must lie in the same folder."""


class SiuoPrompts(OutsidePrompts):
    """SIUO (arXiv 2406.15279): picture and text are safe, the answer may not be. CC BY-NC 4.0."""

    source: Literal["siuo"]
    """`siuo_gen.json`: a list of `question_id`, `image`, `question`, `category`; `images` holds the pictures."""


class VlguardPrompts(OutsidePrompts):
    """The test set of VLGuard (arXiv 2402.02207). Gated."""

    source: Literal["vlguard"]
    """`test.json`: a list of `id`, `image`, `safe` and `instr-resp`; `images` holds the pictures."""
    cells: Annotated[list[Literal["unsafe", "safe_safe", "safe_unsafe"]], Field(min_length=1)] = [
        "unsafe",
        "safe_safe",
        "safe_unsafe",
    ]
    """`unsafe`: unsafe pictures; `safe_safe`, `safe_unsafe`: safe pictures with the safe or unsafe instruction."""


class MmbenchPrompts(OutsidePrompts):
    """MMBench (arXiv 2307.06281): multiple choice about pictures."""

    source: Literal["mmbench"]
    """TSV with `index`, `question`, `hint`, `A` to `D`, `answer`, `category`, `l2-category`, `image` (base64), `split`;
    `C` and `D` may be empty."""
    circular: bool = True
    """Ask every question once for each rotation of its options; it counts if all are answered rightly."""


class MmePrompts(HubPrompts):
    """MME (arXiv 2306.13394): two questions a picture, yes or no. For research only, on request."""

    source: Literal["mme"]
    """Its authors' folder of subtasks (texts of `question<tab>answer` beside the pictures, or in `questions_answers_YN`
    and `images`), or a table of `question_id`, `image`, `question`, `answer`, `category`."""


class SeedBenchPrompts(OutsidePrompts):
    """SEED-Bench (arXiv 2307.16125), the part with pictures. CC BY-NC 4.0."""

    source: Literal["seed_bench"]
    """JSON with `questions`: `question_id`, `question_type_id`, `question`, `choice_a` to `choice_d`, `answer`,
    `data_type`, `data_id`; questions about videos are left out, and counted."""


OutsideReading = (
    XstestPrompts
    | FigstepPrompts
    | SorryBenchPrompts
    | WildguardTestPrompts
    | MmSafetyBenchPrompts
    | SiuoPrompts
    | VlguardPrompts
    | MmbenchPrompts
    | MmePrompts
    | SeedBenchPrompts
)
"""Told apart by `source`."""
