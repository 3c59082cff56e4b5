"""Concatenation, deduplication and split."""

from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lineage.artifact import Artifact
from lineage.config.corpus import Corpus, NearDuplicates
from lineage.data.deduplication import Cluster, jaccard, normalised, shingles
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
    assert part_of(config, Cluster("a", "wiki")) == "training"


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


KEPT: dict[str, Any] = {"exact_duplicates": False, "near_duplicates": None}
SPLIT: dict[str, Any] = {"held_out_share": 0.2, "continuation_share": 0.4}
PARTS = ("documents", "held_out", "continuation")


def with_copies(number: int, source: str = "notes") -> list[Document]:
    """A document of 30 words, one with another last word (27 of 29 word triples shared) and one in capitals."""
    words = [f"n{number}x{k}" for k in range(30)]
    texts = (" ".join(words), " ".join([*words[:-1], "end"]), " ".join(words).upper())
    return [Document(f"{source}-{number}{ending}", "", text, source) for ending, text in zip("abc", texts, strict=True)]


def parts(made: Artifact) -> dict[str, str]:
    """{document: part}."""
    return {one.id: part for part in PARTS for one in table(made, f"{part}.parquet")}


@pytest.fixture
def copied(tmp_path: Path) -> list[Artifact]:
    """60 documents, then 60 near ones and 60 equal ones of them."""
    groups = zip(*(with_copies(number) for number in range(60)), strict=True)
    return [write_documents(tmp_path / "copied", chain.from_iterable(groups))]


def test_the_split_parts_no_duplicates_that_are_kept(copied: list[Artifact], tmp_path: Path) -> None:
    made = build(corpus, tmp_path / "kept", Corpus(**KEPT, **SPLIT), documents=copied)
    found = parts(made)
    assert len(found) == 180
    for number in range(60):
        assert len({found[f"notes-{number}{ending}"] for ending in "abc"}) == 1, number
    assert len(set(found.values())) == 3
    assert made.manifest.counts["kept_duplicates"] == 120
    texts = [{one.id: shingles(normalised(one.text), 3) for one in table(made, f"{part}.parquet")} for part in PARTS]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not any(jaccard(a, b) >= 0.8 for a in texts[one].values() for b in texts[other].values())


def test_a_corpus_with_duplicates_holds_out_what_the_one_without_does(copied: list[Artifact], tmp_path: Path) -> None:
    kept = parts(build(corpus, tmp_path / "kept", Corpus(**KEPT, **SPLIT), documents=copied))
    removed = parts(build(corpus, tmp_path / "removed", Corpus(**SPLIT), documents=copied))
    assert len(removed) == 60
    assert removed.items() <= kept.items()


def test_exact_duplicates_stay_together_without_any_search_for_near_ones(
    copied: list[Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise AssertionError("no signatures are needed")

    monkeypatch.setattr("lineage.data.deduplication.Bands", fails)
    exact_only = Corpus(**KEPT, **SPLIT, kept_together=None)
    found = parts(build(corpus, tmp_path / "exact", exact_only, documents=copied))
    assert all(found[f"notes-{number}a"] == found[f"notes-{number}c"] for number in range(60))
    assert any(found[f"notes-{number}a"] != found[f"notes-{number}b"] for number in range(60))
    whole = build(corpus, tmp_path / "whole", Corpus(**KEPT, held_out_share=0), documents=copied)
    assert set(parts(whole).values()) == {"documents"}


def test_exact_duplicates_go_and_near_ones_stay_together(copied: list[Artifact], tmp_path: Path) -> None:
    made = build(corpus, tmp_path / "exact", Corpus(near_duplicates=None, **SPLIT), documents=copied)
    found = parts(made)
    assert len(found) == 120
    assert all(found[f"notes-{number}a"] == found[f"notes-{number}b"] for number in range(60))
    removed = pq.read_table(made.path("removed.parquet")).to_pylist()
    assert {(one["id"], one["kept_id"], one["reason"]) for one in removed} == {
        (f"notes-{number}c", f"notes-{number}a", "exact") for number in range(60)
    }


def test_texts_without_words_and_under_other_titles_stay_together(tmp_path: Path) -> None:
    """Equal texts that count as no near duplicates, in a corpus that removes near ones only."""
    config = Corpus(exact_duplicates=False, near_duplicates=NearDuplicates(same_title=True), held_out_share=0.5)
    first = [Document(f"a{number}", "A", "?" * (number + 1), "notes") for number in range(20)]
    named = [Document(f"t{number}", "A", f"word{number} and more", "notes") for number in range(20)]
    copies = [one._replace(id=f"{one.id}-copy", title="B") for one in [*first, *named]]
    near = [one._replace(id=f"{one.id}-again") for one in copies if one.id.startswith("t")]
    sets = [write_documents(tmp_path / "sets", [*first, *named, *copies, *near])]
    made = build(corpus, tmp_path / "c", config, documents=sets)
    found = parts(made)
    assert len(found) == 80
    assert all(found[one.id] == found[f"{one.id}-copy"] for one in [*first, *named])
    assert made.manifest.counts["removed_near"] == 20


def test_a_cluster_is_drawn_by_the_source_of_its_first_document(tmp_path: Path) -> None:
    """Its other documents follow, whatever their source, or training would read copies of what is held out."""
    wiki = [one for number in range(40) for one in with_copies(number, "wiki")[:1]]
    notes = [one._replace(id=f"{one.id}-copy", source="notes") for one in wiki]
    config = Corpus(**KEPT, held_out_share=0.5, held_out_sources=("wiki",))
    first = [write_documents(tmp_path / "first", [*wiki, *notes])]
    found = parts(build(corpus, tmp_path / "a", config, documents=first))
    assert all(found[one.id] == found[f"{one.id}-copy"] for one in wiki)
    assert set(found.values()) == {"documents", "held_out"}
    later = [write_documents(tmp_path / "later", [*notes, *wiki[:20], *distinct(0, 40, "wiki")])]
    found = parts(build(corpus, tmp_path / "b", config, documents=later))
    assert {found[one.id] for one in [*notes, *wiki[:20]]} == {"documents"}


def test_shares_are_met_on_average_over_clusters_of_any_size(tmp_path: Path) -> None:
    """400 clusters of 1 to 5 documents: the deviation is sqrt(.2 * .8 * sum(size^2)) / n, here 2.2 points."""
    sizes = [1 + number % 5 for number in range(400)]
    rows = [Document(f"{n}-{copy}", "", f"alone{n}", "notes") for n, size in enumerate(sizes) for copy in range(size)]
    sets = [write_documents(tmp_path / "sets", rows)]
    made = build(corpus, tmp_path / "c", Corpus(**KEPT, held_out_share=0.2), documents=sets)
    deviation = (0.2 * 0.8 * sum(size**2 for size in sizes)) ** 0.5 / len(rows)
    share = made.manifest.counts["held_out_documents"] / len(rows)
    assert deviation == pytest.approx(0.0221, abs=1e-4)
    assert abs(share - 0.2) < 3 * deviation
