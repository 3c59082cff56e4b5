"""Which judges read what measured models said: the section `judged` of an experiment."""

from typing import Annotated

from pydantic import Field

from lineage.config.judged import Judging
from lineage.config.names import Name


class JudgedEntry(Judging):
    """Every model of `safety` that is asked one of these prompt sets is judged by every one of these judges."""

    judges: Annotated[list[Name], Field(min_length=1)]
    """Judges, from `judges`."""
    prompts: Annotated[list[Name], Field(min_length=1)]
    """Prompt sets whose answers are judged."""
