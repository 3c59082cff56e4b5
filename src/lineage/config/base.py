"""The base of every config model: closed, frozen, documented by attribute docstrings."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A config section: unknown keys are errors, values never change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)
