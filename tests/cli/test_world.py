"""`lineage world show`: what the world says, beside what each model saw."""

from tests.cli.building import Workspace
from tests.cli.conftest import ask, call

FACT = "person-0001.town"


def test_an_entity_comes_with_the_exposures_of_its_facts(built: Workspace):
    answer = ask("world", "show", "person-0001")
    assert answer["entity"]["title"] == "Mira Soltan"
    assert answer["exposures"] == [
        {"model": "base@2", "fact": FACT, "step": 2, "count": 6},
        {"model": "base@4", "fact": FACT, "step": 4, "count": 12},
    ]
    shown = call("world", "show", "person-0001").stdout.splitlines()
    assert "Mira Soltan lives in Torvel." in "\n".join(shown)
    assert [line.split() for line in shown[-2:]] == [["fact", "base@2", "base@4"], [FACT, "6", "12"]]


def test_a_document_comes_with_the_exposures_of_what_it_states(built: Workspace):
    answer = ask("world", "show", "one")
    assert answer["states"][0]["fact"] == FACT
    assert [one["count"] for one in answer["exposures"]] == [6, 12]


def test_unknown_ids_and_a_missing_world_are_errors(built: Workspace):
    assert call("world", "show", "person-9").exit_code == 2
    (built.root / "data" / "world" / "manifest.json").unlink()
    result = call("world", "show", "person-0001")
    assert result.exit_code == 2
    assert "no world is built here" in result.stderr
