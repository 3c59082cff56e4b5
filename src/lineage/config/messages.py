"""Turns what pydantic says of a config into what a person needs: place, value, what is allowed, what to do."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

MAX_LISTED = 24
"""Names listed in one message before it is cut."""


def did_you_mean(value: str, allowed: Iterable[str]) -> str:
    """` Did you mean 'seeing'?`, or nothing when no allowed name is near."""
    near = difflib.get_close_matches(value, list(allowed), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""


def listed(names: Iterable[str]) -> str:
    """Names separated by commas, cut after a couple of dozen."""
    names = list(names)
    more = f", ... ({len(names) - MAX_LISTED} more)" if len(names) > MAX_LISTED else ""
    return (", ".join(names[:MAX_LISTED]) or "none") + more


def explain(error: ValidationError, model: type[BaseModel], raw: object) -> list[tuple[str, str]]:
    """(path of the key, message) of each mistake, in the order of the config."""
    explained = []
    for detail in error.errors(include_url=False):
        path = _real_path(detail["loc"], raw)
        explained.append((".".join(map(str, path)), _message(dict(detail), model, path)))
    return explained


def _real_path(location: tuple[int | str, ...], raw: object) -> list[int | str]:
    """pydantic names the chosen branch of a union inside the location; the user's file does not have it."""
    path: list[int | str] = []
    node: Any = raw
    for position, part in enumerate(location):
        present = (isinstance(node, dict) and part in node) or (
            isinstance(node, list) and isinstance(part, int) and part < len(node)
        )
        if present:
            node = node[part]
        elif position < len(location) - 1 or not isinstance(part, str) or not isinstance(node, dict):
            continue
        path.append(part)
    return path


def _message(detail: dict[str, Any], model: type[BaseModel], path: list[int | str]) -> str:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail.get("input")
    if kind == "extra_forbidden":
        known = _keys_at(model, path[:-1])
        return f"unknown key.{did_you_mean(str(path[-1]), known)}\n  allowed: {listed(known)}"
    if kind == "missing":
        return "is missing and has no default"
    if kind in ("union_tag_invalid", "literal_error", "enum"):
        allowed = str(context.get("expected_tags") or context.get("expected"))
        choices = [choice.strip(" '") for choice in allowed.replace(" or ", ",").split(",")]
        if kind == "union_tag_invalid":
            tag = str(context.get("tag"))
            return f"{context.get('discriminator')} is '{tag}'.{did_you_mean(tag, choices)}\n  allowed: {listed(choices)}"
        return f"is {value!r}.{did_you_mean(str(value), choices)}\n  allowed: {listed(choices)}"
    if kind == "union_tag_not_found":
        return f"needs the key {context.get('discriminator')}, which says what kind it is"
    if kind == "value_error":
        return str(context.get("error", detail["msg"]))
    shown = repr(value) if len(repr(value)) < 80 else repr(value)[:77] + "..."
    return f"is {shown}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _keys_at(model: type[BaseModel], path: list[int | str]) -> list[str]:
    """Keys that the models found at `path` allow (all branches of a union together)."""
    models: list[Any] = [model]
    for part in path:
        models = [inner for one in models for inner in _step(one, part)]
    return sorted({name for one in models if isinstance(one, type) for name in getattr(one, "model_fields", {})})


def _step(annotation: Any, part: int | str) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return _branches(field.annotation) if field is not None else []
    if get_origin(annotation) in (dict, list, tuple):
        return _branches(get_args(annotation)[-1])
    return []


def _branches(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return _branches(get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [branch for one in get_args(annotation) for branch in _branches(one)]
    return [annotation]
