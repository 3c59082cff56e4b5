"""Which models are asked which prompt sets: the section `safety` of an experiment."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from lineage.config.base import Frozen
from lineage.config.names import ModelReference, Name
from lineage.config.safety_score import SafetyMeasuring
from lineage.config.tuning import Template


class MeasuredModel(Frozen):
    """A model as it is measured; a plain reference stands for `{model: <reference>}`."""

    model: ModelReference
    """The model."""
    name: Name | None = None
    """Name of its scores, for a model that is measured twice; null: the model's."""
    template: Template = "kept"
    """Chat template that it is asked with: its own (`kept`), or one of ours, so that a change of template is not taken
    for a change of the model."""
    prompts: Annotated[list[Name], Field(min_length=1)] | None = None
    """Prompt sets that it is asked; null: those of the section."""


class SafetyEntry(SafetyMeasuring):
    """Models that are asked, and what."""

    models: Annotated[list[MeasuredModel], Field(min_length=1)]
    """Models that are measured, each a reference (`seeing@50`) or a mapping."""
    prompts: Annotated[list[Name], Field(min_length=1)]
    """Prompt sets that every model is asked; models without eyes leave out what shows pictures."""

    @field_validator("models", mode="before")
    @classmethod
    def _references_are_models(cls, value: Any) -> Any:
        return [{"model": one} if isinstance(one, str) else one for one in value] if isinstance(value, list) else value
