"""The table of facts: what is written comes back, and what cannot be injected or asked is refused by name."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.data.facts import DEPTHS, FACT_SCHEMA, Fact, Probe, check_facts, probe_id, read_facts, write_facts
from lineage.errors import UserError

PROBE = Probe("lake.semantic.0", "semantic", "The lake is in", "Kalvia")
FACT = Fact("lake", "The lake lies in Kalvia.", ("In Kalvia lies the lake.",), (PROBE,))

text = st.text(st.characters(codec="utf-8"), min_size=1).map(str.strip).filter(bool)


@st.composite
def fact_lists(draw: st.DrawFn) -> list[Fact]:
    facts = []
    for name in draw(st.lists(text, min_size=1, max_size=4, unique=True)):
        depths = draw(st.lists(st.sampled_from(DEPTHS), min_size=1, max_size=4))
        probes = tuple(
            Probe(f"{name}\0{number}", depth, draw(text), draw(text), tuple(draw(st.lists(text, max_size=2))))
            for number, depth in enumerate(depths)
        )
        facts.append(Fact(name, draw(text), tuple(draw(st.lists(text, max_size=3))), probes))
    return facts


@settings(max_examples=40, deadline=None)
@given(fact_lists())
def test_what_is_written_comes_back(tmp_path_factory: pytest.TempPathFactory, facts: list[Fact]) -> None:
    path = tmp_path_factory.mktemp("facts") / "facts.parquet"
    write_facts(path, facts)
    assert read_facts(path) == facts
    assert pq.read_schema(path).equals(FACT_SCHEMA)
    first = path.read_bytes()
    write_facts(path, facts)
    assert path.read_bytes() == first


def test_probe_ids_tell_fact_depth_and_number() -> None:
    assert probe_id("newcomer-0003", "memorization", 4) == "newcomer-0003.memorization.4"


def with_probe(**changes: str) -> list[Fact]:
    return [FACT._replace(probes=(PROBE._replace(**changes),))]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ([], r"no facts: there is nothing to inject"),
        ([FACT, FACT._replace(probes=(PROBE._replace(id="other"),))], r"two facts have the id 'lake'"),
        ([FACT, FACT._replace(id="hill")], r"two probes have the id 'lake\.semantic\.0'"),
        ([FACT._replace(id=" ")], r"a fact has no id; its passage begins 'The lake lies"),
        ([FACT._replace(passage=" \n")], r"fact lake: its passage is empty"),
        ([FACT._replace(paraphrases=("Some.", ""))], r"fact lake: its paraphrase 2 is empty"),
        ([FACT._replace(passage="a\ud800")], r"fact lake: its passage holds half of .*\(U\+D800\) at character 1"),
        ([FACT._replace(probes=())], r"fact lake has no probes(.|\n)*leave it out"),
        (with_probe(id=""), r"fact lake, probe : it has no id"),
        (
            with_probe(depth="deep"),
            r"fact lake, probe lake\.semantic\.0: depth is 'deep'.*\n.*memorization, semantic, compositional",
        ),
        (
            with_probe(cue=""),
            r"fact lake, probe lake\.semantic\.0: its cue is empty\.\n  Write the text that comes bef",
        ),
        (with_probe(target=" "), r"fact lake, probe lake\.semantic\.0: its target is empty\.\n  Write the text that t"),
        (with_probe(cue="The lake "), r"probe lake\.semantic\.0: its cue begins or ends with space: 'The lake '"),
        (with_probe(target=" Kalvia"), r"probe lake\.semantic\.0: its target begins or ends with space"),
        (with_probe(target="\udfff"), r"probe lake\.semantic\.0: its target holds half of a surrogate pair"),
    ],
)
def test_bad_facts(facts: list[Fact], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        check_facts(facts)
    with pytest.raises(UserError, match=message):
        write_facts(tmp_path / "facts.parquet", facts)
    assert not list(tmp_path.iterdir())


def test_good_facts_pass() -> None:
    check_facts([FACT])


def test_another_table(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"], "text": ["b"]}), tmp_path / "documents.parquet")
    with pytest.raises(UserError, match=r"not a table of facts; it has id, text\.\n.*id, passage, paraphrases, probes"):
        read_facts(tmp_path / "documents.parquet")


def test_torn_table(tmp_path: Path) -> None:
    path = tmp_path / "facts.parquet"
    write_facts(path, [FACT])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"facts\.parquet: not a whole Parquet file"):
        read_facts(path)
