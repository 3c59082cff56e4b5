"""A tiny retrieval set, tokenizer and T5 for the tests of generative retrievers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.retrieval_models import T5Architecture
from lineage.data import tokenizer as bpe
from lineage.models.encoder_decoder import build_t5, open_t5_tokenizer
from lineage.retrieval.schemas import DOCUMENT_SCHEMA, QRELS_SCHEMA, QUERY_SCHEMA
from tests.stages.building import write

TITLES = ["Red Lake", "Old Lake", "Red Town", "Lake", "Old Town", "Old Town", "Green Hill", "Red Hill"]
TEXTS = [
    "a boat sleeps near the lake\nthe water is slow",
    "an old lake over the hill",
    "the town near the lamp\n:::: a list item\nred houses stand there",
    "a boat on the lake",
    "the town is old",
    "another town with a lamp",
    "green grass grows on the hill",
    "red leaves lie on the hill",
]
WORDS = sorted({word for text in [*TITLES, *TEXTS] for word in text.replace("\n", " ").split() if word.isalpha()})
ARCHITECTURE = T5Architecture(width=16, layers=1, heads=2, feed_forward=32)


def retrieval_set(
    folder: Path,
    titles: Sequence[str] = TITLES,
    texts: Sequence[str] = TEXTS,
    *,
    unseen: Sequence[int] = (),
    mislabelled: bool = False,
) -> Artifact:
    """Documents with two training queries, one for validation and one test query each, made of words of their texts.

    `mislabelled`: training queries belong to other documents than the one that they are made of.
    """
    documents = [
        {"id": f"d{number}", "title": title, "text": text, "identifier": title}
        for number, (title, text) in enumerate(zip(titles, texts, strict=True))
    ]
    queries, qrels = [], []
    for number, text in enumerate(texts):
        words = [word for word in text.replace("\n", " ").split() if word.isalpha()]
        queries_of = {"train0": words[::-1], "train1": words[1:][::-1], "test": words[2:], "validation": words[1:]}
        for kind, said in queries_of.items():
            split = kind.rstrip("01")
            if split == "train" and number in unseen:
                continue
            name = f"q{number}{kind}"
            document = (number + 3) % len(texts) if mislabelled and split == "train" else number
            queries.append(_query(name, " ".join(said), split, seen=number not in unseen))
            qrels.append({"query": name, "document": f"d{document}", "grade": 1})
    tables = {
        "documents": pa.Table.from_pylist(documents, schema=DOCUMENT_SCHEMA),
        "queries": pa.Table.from_pylist(queries, schema=QUERY_SCHEMA),
        "qrels": pa.Table.from_pylist(qrels, schema=QRELS_SCHEMA),
    }
    return write(folder, "retrieval_set", tables)


def _query(name: str, text: str, split: str, *, seen: bool) -> Mapping[str, object]:
    empty = {"cluster": None, "answers": [], "fact": None, "clues": [], "level": None, "exposures": None}
    return {"id": name, "text": text, "split": split, "kind": "question", "seen": seen, "weight": 1.0, **empty}


def tokenizer_folder(folder: Path) -> Path:
    """A tokenizer that holds every word of the set as one token."""
    folder.mkdir(parents=True, exist_ok=True)
    trained = bpe.train([*TITLES, *TEXTS], vocab_size=400, min_frequency=1, words=WORDS)
    bpe.save(trained, folder)
    return folder


def t5(folder: Path, *, seed: int = 0, architecture: T5Architecture = ARCHITECTURE) -> Artifact:
    """A T5 with random weights, as an artifact."""
    out = ArtifactWriter.create(folder, state=folder.with_name("state"))
    out.kind = "model"
    tokenizer_folder(out.folder)
    build_t5(architecture, open_t5_tokenizer(out.folder), seed=seed).save_pretrained(out.folder)
    return out.close(stage="pretrain_t5", spec={}, code={}, inputs={})
