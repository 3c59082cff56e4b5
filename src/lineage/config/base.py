"""The base of every config model: closed, frozen, documented by attribute docstrings."""

import types
import typing

from pydantic import BaseModel, ConfigDict, model_validator


class Frozen(BaseModel):
    """A config section: unknown keys are errors, values never change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_flag_for_a_number(cls, raw: object) -> object:
        """pydantic takes `true` for the number 1."""
        for key, value in raw.items() if isinstance(raw, dict) else ():
            kinds = _kinds(cls.model_fields[key].annotation) if key in cls.model_fields else set()
            if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
                raise ValueError(f"{key} is {str(value).lower()}: must be a number")
        return raw


def _kinds(annotation: object) -> set[object]:
    if typing.get_origin(annotation) is typing.Annotated:
        return _kinds(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return {kind for branch in typing.get_args(annotation) for kind in _kinds(branch)}
    return {annotation}
