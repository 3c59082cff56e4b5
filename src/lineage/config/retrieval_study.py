"""What the stage `retrieval_study` reads: which retriever plays which part in which claim, and which slice this is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lineage.config.base import Frozen
from lineage.config.names import Name

Trials = list[Name]
"""Retrievers of one arm, from early to late: validation queries choose one."""
RetrievalStudyNull = Literal["none", "equal_exposures", "permuted_hazards", "one_sense"]
BASE_CLUSTERS = 5
"""Rows a token of the arm `contextual` (the paper's k)."""


class RetrievalRoles(Frozen):
    """Retrievers of one set by their part in the claims, one trial each; a claim without its arms is *not testable*."""

    contextual: Trials = []
    """Contextual rows of titles read in their documents, five a token (BASE): R1 to R7."""
    ordinary: Trials = []
    """The ordinary vocabulary, trained on document -> title too, so that it saw the same text (R1, R5)."""
    contextual_documents: Trials = []
    """As `contextual`, trained on document -> title too (R1)."""
    ordinary_queries: Trials = []
    """The ordinary vocabulary on queries alone (R1)."""
    without_context: Trials = []
    """Contextual rows of titles read alone (R1)."""
    shuffled: Trials = []
    """As `contextual`, the rows of a token dealt at random (R1)."""
    random_rows: Trials = []
    """As `contextual`, rows with random directions (R1)."""
    frozen: Trials = []
    """As `contextual`, rows that training leaves as they are (R5)."""
    clusters_1: Trials = []
    """As `contextual`, one row a token (R1, R3, R5)."""
    clusters_3: Trials = []
    """Three rows a token (R3)."""
    clusters_30: Trials = []
    """Thirty rows a token (R3)."""
    clusters_all: Trials = []
    """All states of a token as rows (R3)."""
    refreshed: Trials = []
    """Rows that the own encoder renews in training (ASYNC; R1, R4)."""
    contrastive: Trials = []
    """Rows of an encoder that was trained contrastively before (CONTRA; R1, R4)."""
    paper_decoding: Trials = []
    """Each of `contextual` under the paper's decoding, `mode: all` and `rounds: paper` (R6)."""
    max_decoding: Trials = []
    """Each of `contextual` with the best row of a token in place of their sum (R6)."""
    exact_decoding: Trials = []
    """Each of `contextual` with a document's own rows only (R6)."""
    clusters_1_paper_decoding: Trials = []
    """Each of `clusters_1` under the paper's decoding: one row leaves nothing to sum (R6)."""
    bi_encoder: Trials = []
    """A bi-encoder with in-batch negatives (R2)."""
    bm25: Trials = []
    """BM25 (R2)."""
    nearest: Trials = []
    """Nearest rows of the table of `contextual` under the frozen body that made it (R7)."""
    hybrid: Trials = []
    """Fused runs, shown beside the others."""

    @property
    def arms(self) -> dict[str, Trials]:
        """Trials by arm, of the arms that have any."""
        return {name: list(getattr(self, name)) for name in RetrievalRoles.model_fields if getattr(self, name)}

    @property
    def retrievers(self) -> list[str]:
        """Every retriever that is named, once."""
        return list(dict.fromkeys(one for trials in self.arms.values() for one in trials))

    @model_validator(mode="after")
    def _no_trial_twice(self) -> RetrievalRoles:
        for name, trials in self.arms.items():
            if len(set(trials)) != len(trials):
                raise ValueError(f"{name} is {trials}: a retriever is named twice; every trial counts once")
        return self


class RetrievalComparisons(Frozen):
    """What is compared on which sets."""

    set: Name = "world"
    """Set that all claims are measured on; R2 reads the others too."""
    kind: str | None = None
    """Kind of its queries (`described`) that count; None: all."""
    roles: Annotated[dict[Name, RetrievalRoles], Field(min_length=1)]
    """Parts by set."""

    @model_validator(mode="after")
    def _the_set_has_roles(self) -> RetrievalComparisons:
        if self.set not in self.roles:
            raise ValueError(f"set is '{self.set}', which has no roles: {', '.join(self.roles)}")
        return self


class RetrievalStudyEntry(RetrievalComparisons):
    """Study 3, concluded: contextual rows against ordinary tokens, and where both stand among retrievers."""

    design: Name = "default"
    """Name of what all slices share that are judged together: sets, retrievers, training. A digest of their specs, all
    but seed and null world, goes with it: slices of one name and different digests are refused."""
    slices: str | None = None
    """Folder of the `statistics.csv` of other seeds and null worlds, which the ledger reads beside this one's, relative
    to the folder in which snakemake runs; None: this one alone."""


class Training(Frozen):
    """What stands behind a retriever, as the plan knows it."""

    steps: Annotated[int, Field(ge=0)]
    """Optimizer steps, those of every pre-stage included."""
    pairs: Annotated[int, Field(ge=0)]
    """Pairs or rows of all these steps together."""
    text: Literal["documents", "titles"] = "documents"
    """What it read of documents, beside the span corruption that all begin with."""
    decoding: str | None = None
    """How it searches the tree of identifiers, as JSON; None where it writes none."""


class RetrievalStudy(RetrievalComparisons):
    """The parts, what stands behind each retriever, and the slice that they are measured in."""

    training: dict[str, Training] = {}
    """By the name of the retriever; BM25 and fusions have none."""
    null: RetrievalStudyNull = "none"
    """Presumed cause that the world of this slice lacks."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of world and training together."""
    data: Literal["generated", "real data"] = "generated"
    """Where the set comes from that the claims are measured on."""
    design: Name = "default"
    """Name of what all slices share that are judged together."""
    design_digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    """Digest of the specs of all that, made by the plan: slices of one name and different digests are refused."""
    bootstrap_samples: Annotated[int, Field(ge=100)] = 2000
    """Resamples of the intervals."""
    bootstrap_seed: int = 0
    """Seed of the bootstrap."""
