"""`lineage world show`: what the world says, beside what each model saw."""

from dataclasses import replace

from lineage.artifact import ArtifactWriter
from lineage.world.safety_tables import SCHEMAS, Conversation, Message, Picture
from lineage.world.tables import write_table
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


def test_an_entity_comes_with_its_pictures_requests_and_chats(built: Workspace):
    row = Conversation(
        id="chat-one",
        kind="fact",
        split="train",
        harmful=False,
        facts=(FACT,),
        entities=("person-0001",),
        request=None,
        target="Torvel",
        messages=(Message("user", "Where does she live?"), Message("assistant", "In Torvel.")),
    )
    picture = Picture(
        "picture-one", "sign", "train", ("person-0001",), *[None] * 5, "Mira", "A sign that says Mira.", b"png"
    )
    out = ArtifactWriter.create(built.root / "data" / "safety", state=built.root / "state")
    out.kind = "safety_data"
    rows: dict[str, list[object]] = {
        "chats": [row, replace(row, id="two", facts=(), entities=())],
        "pictures": [picture],
    }
    for name, schema in SCHEMAS.items():
        write_table(rows.get(name, []), schema, out.path(f"{name}.parquet"))
    out.close(stage="safety_data", spec={}, code={}, inputs={})
    answer = ask("world", "show", FACT)
    assert [(one["id"], one["asked"], one["answered"]) for one in answer["chats"]] == [
        ("chat-one", "Where does she live?", "In Torvel.")
    ]
    assert [one["caption"] for one in answer["pictures"]] == ["A sign that says Mira."]
    assert answer["requests"] == []
    assert "A sign that says Mira." in call("world", "show", "person-0001").stdout
    assert "chats" not in ask("world", "show", "one"), "a document has none"
