"""How a generative retriever searches the tree of all identifiers: what the search stage reads."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lineage.config.base import Frozen
from lineage.config.retrievers import Searching


class Decoding(Frozen):
    """Constrained beam search; the defaults are Lineage's, those of the released code are said beside them."""

    mode: Literal["all", "max", "marginal", "exact"] = "marginal"
    """What stands for a title token with several rows. `all`: each row is a path of its own (the paper's). `max`: its
    best row. `marginal`: the sum over its rows, given the best row of each token before: an approximation of the exact
    marginal. `exact`: only the rows that the document itself was given."""
    beam: Annotated[int, Field(ge=1)] = 10
    """Partial titles kept after each token. Except in `all`, a beam of n surely finds n different titles. The released
    code uses 5."""
    length_penalty: Annotated[float, Field(ge=0)] = 1.0
    """Scores are divided by this power of the number of tokens, the end included."""
    early_stopping: Literal["never", "full"] = "never"
    """`never`: until nothing better can come. `full`: once `beam` titles are finished, better ones or not (the released
    code's `early_stopping=True`)."""
    rounds: Literal["one", "paper"] = "one"
    """`one`: a single pass. `paper`: up to twice `depth` passes, each over a tree without the titles found before;
    ranked by pass first and by score second."""
    renormalize_over_legal: bool = False
    """Divide by the probability of the rows that may follow, not of all rows."""
    history: Literal["best", "mean"] = "best"
    """What the decoder reads after a token with several rows: its best row, or the mean of its rows weighed by
    probability (`marginal` only)."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.history == "mean" and self.mode != "marginal":
            raise ValueError(f"history is 'mean', but mode is '{self.mode}': only `marginal` has a mean over rows")
        return self


class GenerativeSearch(Searching):
    """What a generative retriever finds for queries."""

    depth: Annotated[int, Field(ge=1)] = 10
    """Documents that are kept for a query."""
    query_tokens: Annotated[int, Field(ge=2)] = 64
    """Tokens of a query, end included; the rest is cut."""
    decoding: Decoding = Decoding()
    """How the tree of identifiers is searched."""

    @model_validator(mode="after")
    def _beam_is_wide_enough(self) -> Self:
        beam = self.decoding.beam
        if self.decoding.rounds == "one" and self.depth > beam:
            raise ValueError(
                f"depth is {self.depth}, but a beam of {beam} may end with fewer titles: raise decoding.beam to"
                f" {self.depth} or lower depth"
            )
        return self
