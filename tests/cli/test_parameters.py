"""The table of stage configs that `lineage runs` compares specs with."""

import ast
import importlib.util
from pathlib import Path

import pytest

import lineage
from lineage.cli.parameters import CONFIGS, parameters_in_words

STAGES = sorted(
    path.stem for path in (Path(lineage.__file__).parent / "stages").glob("*.py") if path.stem != "__init__"
)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_in_the_table_with_the_config_of_its_signature(stage: str):
    """Reads the signature from the source: importing some stages takes seconds."""
    spec = importlib.util.find_spec(f"lineage.stages.{stage}")
    assert spec is not None and spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text())
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == stage]
    annotation = function.args.args[0].annotation
    assert annotation is not None
    imported = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert (CONFIGS[stage].__module__, CONFIGS[stage].__name__) == imported[ast.unparse(annotation)]


def test_the_table_has_no_other_stages():
    assert set(CONFIGS) == set(STAGES)


def test_telling_parameters_come_first_and_the_rest_is_cut():
    changed = {"architecture.settings.num_heads": 4, "seed": 1, "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "steps": 9000}
    assert parameters_in_words(changed) == "steps=9,000 num_heads=4 seed=1 a=1 b=2 c=3 ..."
