"""The generated reference: equal to the files in the repository, complete, and true."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from lineage.config.experiment import Experiment
from lineage.config.reference import config_markdown, config_schema

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("path", "command", "text"),
    [
        ("workflow/schemas/config.schema.json", "schema", config_schema()),
        ("docs/config.md", "docs", config_markdown()),
    ],
)
def test_generated_files_are_up_to_date(path: str, command: str, text: str):
    assert (ROOT / path).read_text() == text, f"run: lineage config {command} > {path}"


def definitions() -> dict[str, Any]:
    schema = json.loads(config_schema())
    return {"": schema, **schema["$defs"]}


def test_schema_is_closed_at_every_level():
    for name, model in definitions().items():
        assert model["additionalProperties"] is False, name
    named = [value for value in definitions()[""]["properties"].values() if "patternProperties" in value]
    assert len(named) >= 5
    assert all(value["additionalProperties"] is False for value in named)


def test_every_key_has_a_meaning_and_stands_in_the_reference():
    page = config_markdown()
    for name, model in definitions().items():
        for key, value in model["properties"].items():
            assert value.get("description"), f"{name}.{key} has no docstring"
            assert f"| `{key}` |" in page, f"{name}.{key}"


def test_every_link_leads_to_a_heading():
    page = config_markdown()
    headings = re.findall(r"^## (.+)$", page, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(#([^)]+)\)", page)
    assert len(links) > len(headings)
    assert set(links) <= anchors
    assert len(anchors) == len(headings)


def test_every_row_has_five_cells():
    rows = [line for line in config_markdown().splitlines() if line.startswith("|")]
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {7}


def test_defaults_ranges_and_choices_are_those_of_the_models():
    page = config_markdown()
    assert '| `schedule` | choice | `"cosine"` | `cosine`, `linear`, `constant` |' in page
    assert "| `clip_norm` | number or null | `1.0` | more than 0 |" in page
    assert "| `steps` | integer | **required** | 1 or more |" in page
    assert "| `betas` | list of 2: number | `[0.9, 0.95]` | 0 or more; less than 1 |" in page


def test_the_default_config_satisfies_the_schema():
    """Every key of config.yaml is one that the schema allows, section by section."""
    content = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert set(content) <= set(definitions()[""]["properties"])
    assert isinstance(Experiment.model_validate(content), BaseModel)
