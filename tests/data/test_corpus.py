"""Concatenation, deduplication and split."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lineage.artifact import Artifact
from lineage.config.corpus import Corpus
from lineage.data.schema import Document
from lineage.errors import UserError
from lineage.stages.corpus import corpus, part_of
from tests.data.building import build, numbered, table, write_documents


def distinct(start: int, stop: int, source: str = "notes") -> list[Document]:
    """Documents without a word in common."""
    return [
        Document(f"{source}-{n}", "", " ".join(f"{source}{n}x{k}" for k in range(8)), source)
        for n in range(start, stop)
    ]


@pytest.fixture
def sets(tmp_path: Path) -> list[Artifact]:
    first, second = distinct(0, 200), distinct(0, 100, "wiki")
    copies = [first[3]._replace(id="copy"), second[5]._replace(id="copy2", source="notes")]
    return [
        write_documents(tmp_path / "one", first),
        write_documents(tmp_path / "two", [*copies, *second], kind="world"),
    ]


def test_every_document_is_in_one_table_in_order(sets: list[Artifact], tmp_path: Path) -> None:
    made = build(corpus, tmp_path / "corpus", Corpus(held_out_share=0.2), documents=sets)
    training, held_out = table(made, "documents.parquet"), table(made, "held_out.parquet")
    removed = pq.read_table(made.path("removed.parquet")).to_pylist()
    read = [document for one in sets for document in table(one, "documents.parquet")]
    place = {document.id: number for number, document in enumerate(read)}
    for part in (training, held_out):
        assert [place[one.id] for one in part] == sorted(place[one.id] for one in part)
    ids = [one.id for one in training] + [one.id for one in held_out] + [one["id"] for one in removed]
    assert sorted(ids) == sorted(place)
    assert removed == [
        {"id": "copy", "kept_id": "notes-3", "reason": "exact", "similarity": 1.0},
        {"id": "wiki-5", "kept_id": "copy2", "reason": "exact", "similarity": 1.0},
    ]
    counts = made.manifest.counts
    assert (counts["documents_read"], counts["removed_exact"], counts["removed_near"]) == (302, 2, 0)
    assert (counts["documents"], counts["held_out_documents"]) == (len(training), len(held_out))
    assert counts["characters"] == sum(len(one.text) for one in training)
    assert 0.12 < len(held_out) / 300 < 0.28  # 300 draws at 0.2: standard deviation 0.023


def test_split_depends_on_seed_and_id_only(sets: list[Artifact], tmp_path: Path) -> None:
    config = Corpus(held_out_share=0.2)
    both = build(corpus, tmp_path / "both", config, documents=sets)
    alone = build(corpus, tmp_path / "alone", config, documents=sets[:1])
    held = {one.id for one in table(both, "held_out.parquet") if one.id.startswith("notes-")}
    assert held == {one.id for one in table(alone, "held_out.parquet")}
    other = build(corpus, tmp_path / "other", Corpus(held_out_share=0.2, seed=1), documents=sets[:1])
    assert held != {one.id for one in table(other, "held_out.parquet")}


def test_held_out_sources_are_beginnings(sets: list[Artifact], tmp_path: Path) -> None:
    config = Corpus(held_out_share=0.3, held_out_sources=("wi",))
    made = build(corpus, tmp_path / "corpus", config, documents=sets)
    assert {one.source for one in table(made, "held_out.parquet")} == {"wiki"}
    config = Corpus(held_out_share=0.999, held_out_sources=("wiki/x",))
    assert part_of(config, Document("a", "", "b", "wiki")) == "training"


def test_limits(sets: list[Artifact], tmp_path: Path) -> None:
    made = build(corpus, tmp_path / "few", Corpus(held_out_share=0, max_documents=10), documents=sets)
    assert [one.id for one in table(made, "documents.parquet")] == [f"notes-{n}" for n in range(10)]
    size = sum(len(one.text) for one in distinct(0, 5))
    made = build(corpus, tmp_path / "short", Corpus(held_out_share=0, max_characters=size), documents=sets)
    assert made.manifest.counts["documents"] == 5
    assert made.manifest.counts["held_out_documents"] == 0


def test_same_bytes_again(sets: list[Artifact], tmp_path: Path) -> None:
    first = build(corpus, tmp_path / "first", Corpus(), documents=sets)
    second = build(corpus, tmp_path / "second", Corpus(), documents=sets)
    assert first.digest == second.digest


def test_repeated_id_over_sets(tmp_path: Path) -> None:
    sets = [write_documents(tmp_path / name, numbered(["a", "b"], name)) for name in ("one", "two")]
    with pytest.raises(
        UserError, match=r"duplicate id '0': .*one/.* document 1 .* and .*two/.* document 1(.|\n)*id_prefix"
    ):
        build(corpus, tmp_path / "corpus", Corpus(), documents=sets)


def test_set_of_another_kind(tmp_path: Path) -> None:
    made = write_documents(tmp_path / "one", numbered(["a"]), kind="corpus")
    with pytest.raises(UserError, match="kind 'corpus' holds no documents; a corpus takes documents, world"):
        build(corpus, tmp_path / "corpus", Corpus(), documents=[made])


def test_unknown_held_out_source(sets: list[Artifact], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"names 'wikitext'(.|\n)*sources found: notes, wiki"):
        build(corpus, tmp_path / "corpus", Corpus(held_out_sources=("wikitext",)), documents=sets)


def test_nothing_held_out_or_nothing_to_train_on(tmp_path: Path) -> None:
    sets = [write_documents(tmp_path / "one", distinct(0, 3))]
    with pytest.raises(UserError, match=r"held_out_share is 1e-06, but none of 3 documents was drawn"):
        build(corpus, tmp_path / "corpus", Corpus(held_out_share=1e-6), documents=sets)
    with pytest.raises(UserError, match="no training document"):
        build(corpus, tmp_path / "corpus", Corpus(held_out_share=0.999999), documents=sets)
