"""Shares of queries and documents: determined by seed and text, repeated questions together, unseen is unseen."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lineage.config.retrieval_sets import Synthetic
from lineage.retrieval.queries import synthetic_queries
from lineage.retrieval.sets.raw import Judgement, SourceDocument, SourceQuery
from lineage.retrieval.splits import relevant, seen_documents, share_of, with_validation, without_unseen
from tests.retrieval.set_building import CORPUS, beir, judged, queries, taken

DOCUMENT = SourceDocument(
    "d", "Amber Lake", "Amber Lake lies in the north of it. Boats sail there on a windy day.\nShort one."
)


def many(number: int) -> list[SourceQuery]:
    return [SourceQuery(f"q{one}", f"question {one}", "train") for one in range(number)]


def test_shares_are_uniform() -> None:
    shares = [share_of(3, str(number)) for number in range(4000)]
    assert abs(sum(shares) / 4000 - 0.5) < 0.02
    assert abs(sum(one < 0.1 for one in shares) / 4000 - 0.1) < 0.02


@given(st.integers(0, 5), st.floats(0, 0.9))
def test_validation_is_a_share_and_the_rest_stays(seed: int, share: float) -> None:
    made = with_validation([*many(50), SourceQuery("t", "question 1", "test")], share, seed)
    assert [one.id for one in made] == [*(f"q{one}" for one in range(50)), "t"]
    assert made[-1].split == "test"
    assert {one.split for one in made[:-1]} <= {"train", "validation"}
    more = with_validation(many(50), share + 0.1, seed)
    assert all(b.split == "validation" for a, b in zip(made, more, strict=False) if a.split == "validation")


def test_a_repeated_question_is_in_one_split() -> None:
    texts = [(one, text) for one in range(40) for text in (f"Is it {one}?", f" is  it {one}?")]
    twins = [SourceQuery(f"{one}{len(text)}", text, "train") for one, text in texts]
    made = with_validation(twins, 0.5, 0)
    assert all(a.split == b.split for a, b in zip(made[::2], made[1::2], strict=True))
    assert {one.split for one in made} == {"train", "validation"}


def test_unseen_documents_lose_every_training_query() -> None:
    judgements = [Judgement(f"q{one}", f"d{one % 10}", 1, "") for one in range(50)]
    judgements += [Judgement(f"q{one}", f"d{(one + 1) % 10}", 0, "") for one in range(50)]
    gold = relevant(judgements)
    assert gold["q3"] == ["d3"]
    kept, drawn = without_unseen(many(50), gold, 0.3, 1)
    assert drawn
    assert len(kept) == 50 - 5 * len(drawn)
    assert seen_documents(kept, gold) == {f"d{one}" for one in range(10)} - drawn


def test_the_stage_keeps_documents_unseen(tmp_path: Path) -> None:
    asked = [{"_id": f"q{one}", "text": f"about {one}"} for one in range(40)]
    corpus = [{"_id": f"d{one}", "title": f"Title {one}", "text": "words"} for one in range(20)]
    rows = {
        "train": [(f"q{one}", f"d{one % 20}", 1) for one in range(20)],
        "test": [(f"q{one}", f"d{one % 20}", 1) for one in range(20, 40)],
    }
    folder = beir(tmp_path / "beir", corpus, asked, rows)
    qrels = {"train": "train", "test": "test"}
    made = taken(tmp_path, folder, source="beir", qrels=qrels, unseen_share=0.5, validation_share=0.3)
    unseen = made.manifest.counts["documents kept unseen"]
    test = [row for row in queries(made).values() if row["split"] == "test"]
    assert 0 < unseen < 20
    assert unseen <= sum(not row["seen"] for row in test) < 20
    assert {row["split"] for row in queries(made).values()} == {"train", "validation", "test"}


def test_synthetic_queries_are_made_of_the_text() -> None:
    config = Synthetic(sentences=3, keywords=2, words=3)
    made = list(synthetic_queries(config, DOCUMENT))
    assert [one.kind for one in made] == ["synthetic/sentence"] * 2 + ["synthetic/keywords"] * 2
    assert {one.text for one in made[:2]} == {"lies in the north of it", "Boats sail there on a windy day"}
    for one in made[2:]:
        assert len(one.text.split()) == 3
        assert not {"amber", "lake", "the", "on"} & set(one.text.split())
    assert made == list(synthetic_queries(config, DOCUMENT))
    assert made != list(synthetic_queries(Synthetic(sentences=3, keywords=2, words=3, seed=1), DOCUMENT))
    assert not list(synthetic_queries(Synthetic(), DOCUMENT))
    assert not list(synthetic_queries(config, SourceDocument("e", "Amber", "")))


def test_synthetic_queries_teach_unlabelled_documents_and_show_none(tmp_path: Path) -> None:
    folder = beir(tmp_path / "beir")
    spec = {"source": "beir", "qrels": {"train": "train", "test": "test"}, "synthetic": {"keywords": 1}}
    made = taken(tmp_path, folder, **spec)
    synthetic = [row for row in queries(made).values() if row["kind"].startswith("synthetic/")]
    assert {row["id"].partition(":")[0] for row in synthetic} == {"d2", "d3", "d4"}, "d1 has a training query"
    assert not any(row["seen"] for row in synthetic)
    assert not queries(made)["q2"]["seen"]
    assert ("d4:synthetic:0", "d4", 1) in judged(made)
    everything = taken(tmp_path / "all", folder, **{**spec, "synthetic": {"keywords": 1, "documents": "all"}})
    assert len(queries(everything)) == 3 + len(CORPUS)
