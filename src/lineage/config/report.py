"""What the stage `report` reads: how much of it all is shown."""

from typing import Annotated

from pydantic import Field

from lineage.config.base import Frozen


class ReportEntry(Frozen):
    """One page, cards of all models, the matrix and the claims of all studies together."""

    examples_per_task: Annotated[int, Field(ge=1)] = 8
    """Prompts of each task that the page shows with the answers of all models, half of them harmful where there are
    both; the tables of scores hold all."""
    samples_per_model: Annotated[int, Field(ge=0)] = 3
    """Prompts and answers in the card of a model."""


class Report(ReportEntry):
    """The same, with what the plan adds."""

    title: str = "lineage"
    """Title of the page: the name of the experiment."""
    generated: bool = False
    """Whether data come from the generated world."""
