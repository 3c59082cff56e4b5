"""Turns what pydantic says of a config into what a person needs: place, value, what is allowed, what to do."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, get_args, get_origin

from pydantic import BaseModel, RootModel, ValidationError

MAX_LISTED = 24
"""Names listed in one message before it is cut."""

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
"""Small letters, digits and underscores: names become folders."""
REFERENCE_PATTERN = r"^[a-z][a-z0-9_]*(@[0-9]+)?$"
"""A name, or a name with a step."""

Mistake = tuple[str, str]
"""Path of the key, message."""
Path = list[int | str]
"""Keys and list positions as they stand in the user's file."""


def did_you_mean(value: str, allowed: Iterable[str]) -> str:
    """` Did you mean 'seeing'?`, or nothing when no allowed name is near."""
    near = difflib.get_close_matches(value, list(allowed), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""


def listed(names: Iterable[str]) -> str:
    """Names separated by commas, cut after a couple of dozen."""
    names = list(names)
    more = f", ... ({len(names) - MAX_LISTED} more)" if len(names) > MAX_LISTED else ""
    return (", ".join(names[:MAX_LISTED]) or "none") + more


def explain(error: ValidationError, model: type[BaseModel]) -> list[Mistake]:
    """(path of the key, message) of each mistake, in the order of the config; a message continues its path."""
    details = error.errors(include_url=False)
    explained = []
    for detail in details:
        if detail["type"] == "too_short" and any(_is_below(other["loc"], detail["loc"]) for other in details):
            continue  # pydantic counts the entries that are left when the bad ones have been taken out
        path, models = _walk(model, detail["loc"])
        if detail["type"].startswith("union_tag"):
            path = [*path, str(detail.get("ctx", {}).get("discriminator", "")).strip("'")]
        explained.append((".".join(map(str, path)), _message(dict(detail), path, models)))
    return explained


def sentence(path: str, message: str) -> str:
    """Path and message in one: `world.seed is -1: ...`, or `world: ...` where the message has no verb of its own."""
    return f"{path} {message}" if message.startswith(("is ", "makes ")) else f"{path}: {message}"


def _is_below(location: tuple[int | str, ...], other: tuple[int | str, ...]) -> bool:
    return len(location) > len(other) and location[: len(other)] == other


def _walk(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[Path, list[Any]]:
    """The path in the user's file, and what may stand in the mapping or list that holds its last part.

    pydantic puts the chosen branch of a union (`models.base.pretrain.steps`) and the word `[key]` into its locations;
    the user's file has neither.
    """
    path: Path = []
    holders = here = _branches(model)
    for part in location:
        tagged = [one for one in here if part in _tags(one)] if len(here) > 1 else []
        if tagged:
            here = tagged
        elif part != "[key]":
            path.append(part)
            holders, here = here, [inner for one in here for inner in _step(one, part)]
    return path, holders


def _tags(annotation: Any) -> list[Any]:
    """Values of the required literal by which a branch of a union is chosen."""
    fields = annotation.model_fields.values() if _is_model(annotation) else ()
    return [
        tag
        for field in fields
        if field.is_required() and get_origin(field.annotation) is typing.Literal
        for tag in get_args(field.annotation)
    ]


def _step(annotation: Any, part: int | str) -> list[Any]:
    if _is_model(annotation):
        field = annotation.model_fields.get(str(part))
        return _branches(field.annotation) if field is not None else []
    if get_origin(annotation) is dict:
        return _branches(get_args(annotation)[1])
    if get_origin(annotation) in (list, tuple):
        return _branches(get_args(annotation)[0])
    return []


def _branches(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return _branches(get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [branch for one in get_args(annotation) for branch in _branches(one)]
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return _branches(annotation.model_fields["root"].annotation)
    return [annotation]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _message(detail: dict[str, Any], path: Path, holders: list[Any]) -> str:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail.get("input")
    if kind in ("extra_forbidden", "invalid_key"):
        known = sorted({name for one in holders if _is_model(one) for name in one.model_fields})
        return f"is no known key.{did_you_mean(str(path[-1]), known)}\n  allowed: {listed(known)}"
    if kind == "missing":
        entries = isinstance(path[-1], int)
        return f"is missing: {'the list needs more entries' if entries else 'the key is required'}"
    if kind == "union_tag_not_found":
        return f"is missing: it says what kind this is\n  allowed: {listed(_choices(holders, path))}"
    if kind == "union_tag_invalid":
        return _not_allowed(context["tag"], [choice.strip(" '") for choice in context["expected_tags"].split(",")])
    if kind == "literal_error":
        return _not_allowed(
            value, [choice.strip(" '") for choice in context["expected"].replace(" or ", ",").split(",")]
        )
    if kind == "value_error":
        return str(context.get("error", detail["msg"]))
    return f"is {_shown(value)}: {_must(kind, context) or detail['msg']}"


def _choices(holders: list[Any], path: Path) -> list[str]:
    inner = [branch for one in holders for branch in _step(one, path[-2])]
    return [str(tag) for one in inner for tag in _tags(one)]


def _not_allowed(value: Any, choices: list[str]) -> str:
    return f"is {_shown(value)}.{did_you_mean(str(value), choices)}\n  allowed: {listed(choices)}"


def _shown(value: Any) -> str:
    """The value as YAML writes it, cut to one line."""
    text = (
        "null" if value is None or value == "None" else str(value).lower() if isinstance(value, bool) else repr(value)
    )
    return text if len(text) < 80 else f"{text[:77]}..."


def _must(kind: str, context: dict[str, Any]) -> str | None:
    """What a value must be, in the words of the YAML file; None where pydantic's own words will do."""
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"])
    found = next((text for beginning, text in _MUST.items() if kind.startswith(beginning)), None)
    return found(context) if callable(found) else found


_PATTERNS = {
    NAME_PATTERN: "a name is made of small letters, digits and underscores, and starts with a letter",
    REFERENCE_PATTERN: "must be the name of a model, such as base, or of a checkpoint, such as base@300",
}

_MUST: dict[str, str | Callable[[dict[str, Any]], str]] = {
    "int_": "must be a whole number",
    "float_": "must be a number",
    "finite_number": "must be a finite number",
    "bool_": "must be true or false",
    "string_type": "must be text (put it in quotes)",
    "string_too_short": lambda context: f"needs {context['min_length']} character(s) or more",
    "string_too_long": lambda context: f"may have {context['max_length']} character(s) at most",
    "list_type": "must be a list, such as [a, b]",
    "tuple_type": "must be a list, such as [a, b]",
    "dict_type": "must be a mapping of keys to values",
    "model_": "must be a mapping of keys to values",
    "too_short": lambda context: f"needs {context['min_length']} or more of them",
    "too_long": lambda context: f"may have {context['max_length']} of them at most",
    "greater_than_equal": lambda context: f"must be {context['ge']:g} or more",
    "greater_than": lambda context: f"must be more than {context['gt']:g}",
    "less_than_equal": lambda context: f"must be {context['le']:g} or less",
    "less_than": lambda context: f"must be less than {context['lt']:g}",
}
"""Beginning of pydantic's kind of error -> what to say; the first that fits counts."""
