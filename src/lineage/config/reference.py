"""The config's reference, generated from its models: the JSON schema that editors read, and `docs/config.md`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lineage.config.experiment import Experiment
from lineage.config.load import NAMED_SECTIONS

Schema = dict[str, Any]

TOP = "Top level"
INTRODUCTION = f"""\
# Config reference

Generated from the models in `src/lineage/config/` by `lineage config docs`; edit their docstrings, not this page.

`config.yaml` describes one experiment. Overlays (`snakemake --configfile overlay.yaml`) change it: mappings merge key
by key, lists and everything else are replaced, and `null` removes an entry of
{", ".join(f"`{section}`" for section in NAMED_SECTIONS)}.
Unknown keys are errors. `lineage config check` reads the files as the workflow does and says what is wrong.
"""


def config_schema() -> str:
    """JSON schema of the whole config, closed at every level; the text of `workflow/schemas/config.schema.json`."""
    schema = Experiment.model_json_schema()
    for node in _nodes(schema):
        if "patternProperties" in node:
            node.setdefault("additionalProperties", False)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Lineage experiment"}
    return json.dumps(head | {key: value for key, value in schema.items() if key != "title"}, indent=1) + "\n"


def config_markdown() -> str:
    """Every section and key with type, default, allowed values and meaning; the text of `docs/config.md`."""
    schema = Experiment.model_json_schema()
    sections = _sections(schema)
    anchors = {name: _anchor(section.heading) for name, section in sections.items()}
    contents = [f"- [{_code_words(section.heading)}](#{anchors[name]})" for name, section in sections.items()]
    pages = [_section_text(section, anchors) for section in sections.values()]
    return "\n".join([INTRODUCTION, *contents, "", *pages])


@dataclass
class _Section:
    """One model of the config with the places where it stands."""

    schema: Schema
    heading: str
    places: list[str] = field(default_factory=list)


def _nodes(node: Any) -> Iterator[Schema]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from _nodes(value)


def _sections(schema: Schema) -> dict[str, _Section]:
    """Sections by name of the definition, a section before those nested in it."""
    sections = {"": _Section(schema, TOP)}

    def visit(holder: Schema, path: str, branch: str) -> None:
        for key, value in holder.get("properties", {}).items():
            place = f"{path}.{key}" if path else key
            for name, suffix, choice in _references(value):
                section = sections.get(name)
                where = f"{place}{suffix}"
                heading = f"{where} with {choice}" if choice else where
                if heading in {one.heading for one in sections.values()} and section is None:
                    heading = f"{where} with {branch}"  # entries of other kinds have another section of that name
                if section is None:
                    sections[name] = _Section(schema["$defs"][name], heading, [heading])
                    visit(schema["$defs"][name], where, choice or branch)
                else:
                    section.places.append(heading)

    visit(schema, "", "")
    return sections


def _references(value: Schema) -> Iterator[tuple[str, str, str]]:
    """(definition, what follows the key's path, chosen branch) of every model that a key's value can be."""
    if "$ref" in value:
        yield value["$ref"].rpartition("/")[2], "", ""
    chosen = value.get("discriminator", {})
    branches = {target: f"{chosen['propertyName']}: {tag}" for tag, target in chosen.get("mapping", {}).items()}
    for option in [*value.get("anyOf", []), *value.get("oneOf", [])]:
        for name, suffix, choice in _references(option):
            yield name, suffix, branches.get(option.get("$ref", ""), choice)
    for inner in _map_values(value):
        for name, suffix, choice in _references(inner):
            yield name, f".<name>{suffix}", choice
    if isinstance(value.get("items"), dict):
        for name, suffix, choice in _references(value["items"]):
            yield name, f".<number>{suffix}", choice


def _map_values(value: Schema) -> list[Schema]:
    additional = value.get("additionalProperties")
    return [*value.get("patternProperties", {}).values(), *([additional] if isinstance(additional, dict) else [])]


def _section_text(section: _Section, anchors: dict[str, str]) -> str:
    lines = [f"## {_code_words(section.heading)}", "", _one_line(section.schema.get("description", "")), ""]
    if len(section.places) > 1:
        lines += [f"Stands at {', '.join(f'`{place}`' for place in section.places)}.", ""]
    lines += ["| key | type | default | allowed | meaning |", "|---|---|---|---|---|"]
    required = section.schema.get("required", [])
    for key, value in section.schema.get("properties", {}).items():
        default = "**required**" if key in required else _default(value, anchors)
        cells = [f"`{key}`", _type(value, anchors), default, _allowed(value), _one_line(value.get("description", ""))]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join([*lines, ""])


def _type(value: Schema, anchors: dict[str, str]) -> str:
    """The type in words, with links to nested sections: `map of names to [pretrain](#...)`."""
    if "$ref" in value:
        return f"[section](#{anchors[value['$ref'].rpartition('/')[2]]})"
    options = [*value.get("anyOf", []), *value.get("oneOf", [])]
    if options:
        tags = {target: tag for tag, target in value.get("discriminator", {}).get("mapping", {}).items()}
        words = [
            f"[{tags[option['$ref']]}](#{anchors[option['$ref'].rpartition('/')[2]]})"
            if option.get("$ref") in tags
            else _type(option, anchors)
            for option in options
        ]
        return " or ".join(dict.fromkeys(words))
    if inner := _map_values(value):
        return f"map of names to {_type(inner[0], anchors)}"
    if value.get("type") == "array":
        parts = value.get("prefixItems") or [value.get("items", {})]
        kinds = " and ".join(dict.fromkeys(_type(part, anchors) for part in parts))
        return f"list of {len(parts)}: {kinds}" if "prefixItems" in value else f"list of {kinds}"
    if "const" in value or "enum" in value:
        return "choice"
    words = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "null": "null"}
    return words.get(value.get("type", ""), "map" if value.get("type") == "object" else "anything")


def _default(value: Schema, anchors: dict[str, str]) -> str:
    default = value.get("default")
    if isinstance(default, dict) and default and any(name in anchors for name, _, _ in _references(value)):
        return "the section's defaults"
    return f"`{json.dumps(default, ensure_ascii=True)}`"


def _allowed(value: Schema) -> str:
    """Choices, ranges, lengths and patterns of a value, of its items and of the names of a map."""
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    words = {
        "minimum": "{} or more",
        "exclusiveMinimum": "more than {}",
        "maximum": "{} or less",
        "exclusiveMaximum": "less than {}",
        "minItems": "{} or more entries",
        "maxItems": "{} or fewer entries",
        "minLength": "{} or more characters",
        "maxLength": "{} or fewer characters",
        "pattern": "`{}`",
    }
    fixed_length = "prefixItems" in value
    said = [
        text.format(value[key]) for key, text in words.items() if key in value and not (fixed_length and "Items" in key)
    ]
    said += [f"names: `{pattern}`" for pattern in value.get("patternProperties", {})]
    items = [value["items"]] if isinstance(value.get("items"), dict) else []
    inner = [*value.get("prefixItems", []), *items, *value.get("anyOf", []), *_map_values(value)]
    said += [text for text in map(_allowed, inner) if text]
    return "; ".join(dict.fromkeys(said))


def _one_line(text: str) -> str:
    """One line for a table cell; Python's None is YAML's null."""
    return re.sub(r"\bNone\b", "`null`", " ".join(text.split()))


def _code_words(heading: str) -> str:
    """`models.<name> with stage: pretrain` as Markdown code; the heading of the top level stays prose."""
    return heading if heading == TOP else f"`{heading}`"


def _anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading: letters, digits, `-` and `_`, spaces become `-`."""
    kept = "".join(character for character in heading.lower() if character.isalnum() or character in " -_")
    return kept.replace(" ", "-")
