"""Contextual vocabularies and generative retrievers as an experiment names them."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lineage.config.decoding import GenerativeSearch
from lineage.config.names import ModelReference, Name
from lineage.config.retrieval_models import ContextualVocabulary, DecoderTable, RetrieverRun, TokenContrast


class VocabularyEntry(ContextualVocabulary):
    """A named contextual vocabulary of the documents of a set."""

    set: Name
    """Retrieval set whose documents it names."""
    encoder: ModelReference
    """T5 whose encoder reads them."""


class GenerativeEntry(GenerativeSearch, RetrieverRun):
    """A generative retriever and its run.

    BASE of arXiv 2210.02068 has a `vocabulary`; ASYNC renews it every `refresh_steps`; CONTRA begins with `contrast`.
    Without `vocabulary` the decoder writes the tokens of the T5.
    """

    stage: Literal["generative"]
    """Trains a generative retriever and searches with it."""
    set: Name
    """Retrieval set that it learns and searches."""
    start: ModelReference
    """T5 that it starts from."""
    vocabulary: Name | None = None
    """Contextual vocabulary (from `vocabularies`) of this set; None: the ordinary one."""
    decoder: DecoderTable = DecoderTable()  # pyright: ignore[reportIncompatibleVariableOverride]
    """How contextual rows are used."""
    contrast: TokenContrast | None = None
    """Contrastive training before; its steps count."""
    refresh_steps: Annotated[int, Field(ge=1)] | None = None
    """The encoder that is being trained makes the vocabulary anew every so many steps; None: never. An epoch is
    training queries / `optimization.batch_pairs` steps."""
    checkpoints: list[Annotated[int, Field(ge=1)]] = []
    """Steps at which it is kept on the way, so that `stage: decoding` may search with it (`of: contextual@200`)."""

    @model_validator(mode="after")
    def _only_rows_are_renewed(self) -> "GenerativeEntry":
        for key in ("contrast", "refresh_steps"):
            if self.vocabulary is None and getattr(self, key) is not None:
                raise ValueError(f"{key} is set, but there is no `vocabulary` that it could renew")
        return self

    @model_validator(mode="after")
    def _checkpoints_fit(self) -> "GenerativeEntry":
        wrong = [step for step in self.checkpoints if step > self.steps]
        if wrong:
            raise ValueError(f"checkpoints {wrong} lie after the last step ({self.steps}): lower them or raise `steps`")
        return self

    @property
    def renewals(self) -> list[int]:
        """Steps at which the vocabulary is made anew."""
        every = self.refresh_steps or self.steps
        return list(range(every, self.steps, every))

    @property
    def segment_ends(self) -> list[int]:
        """Steps at which the vocabulary is renewed or the retriever is kept, and the last step."""
        return sorted({*self.renewals, *self.checkpoints, self.steps})
