"""SQuAD and XQuAD: questions on paragraphs of Wikipedia articles; a document is an article, or a paragraph."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lineage.config.retrieval_sets import SquadSet
from lineage.errors import UserError
from lineage.retrieval.sets.raw import Inputs, Judgement, RawSet, SourceDocument, SourceQuery
from lineage.retrieval.splits import share_of

_TURNS = ("train", "train", "train", "validation", "test")
"""Splits of the paragraphs of an article, in turn."""


def read_squad(config: SquadSet, inputs: Inputs) -> RawSet:
    """Articles in the order of the file; questions of one title are resampled together.

    Raises:
        UserError: no JSON of this form, or fewer articles than are to be kept unseen.
    """
    if inputs.source is None or not inputs.source.is_file():
        raise UserError(f"{inputs.source}: no such file.\n  Set `path` to a JSON file in SQuAD's form.")
    articles = _articles(inputs.source)
    if config.unseen_titles >= len(articles):
        raise UserError(
            f"{inputs.source}: has {len(articles)} articles, so {config.unseen_titles} cannot all be"
            " kept unseen. Lower `unseen_titles`."
        )
    by_lot = sorted(articles, key=lambda title: share_of(config.split_seed, title))
    unseen = set(by_lot[: config.unseen_titles])
    documents: list[SourceDocument] = []
    queries: list[SourceQuery] = []
    judgements: list[Judgement] = []
    for title, paragraphs in articles.items():
        made = list(_documents(title, paragraphs, config.documents))
        documents += made
        for turn, paragraph in enumerate(paragraphs):
            document = made[0] if config.documents == "titles" else made[turn]
            split = "test" if title in unseen else _TURNS[turn % len(_TURNS)]
            for question in paragraph["qas"]:
                answers = tuple(dict.fromkeys(answer["text"] for answer in question["answers"]))
                queries.append(SourceQuery(question["id"], question["question"], split, cluster=title, answers=answers))
                judgements.append(Judgement(question["id"], document.id, 1, f"question {question['id']}"))
    return RawSet(documents, queries, judgements, place=str(inputs.source))


def _documents(title: str, paragraphs: list[dict[str, Any]], kind: str) -> Iterator[SourceDocument]:
    name = title.replace("_", " ")
    texts = [" ".join(one["context"].split()) for one in paragraphs]
    if kind == "titles":
        yield SourceDocument(title, name, "\n".join(texts))
        return
    for number, text in enumerate(texts):
        yield SourceDocument(f"{title}:{number}", name, text)


def _articles(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Title to paragraphs; titles keep the underscores of the file, which makes them ids."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["data"]
        articles = {row["title"]: row["paragraphs"] for row in rows}
        for title, paragraphs in articles.items():
            for paragraph in paragraphs:
                assert isinstance(title, str) and isinstance(paragraph["context"], str)
                assert all({"id", "question", "answers"} <= set(one) for one in paragraph["qas"])
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise UserError(
            f"{path}: not in SQuAD's form ({type(error).__name__}: {error}).\n"
            "  It must hold `data`: a list of `title` and `paragraphs`, each `context` and `qas`. Fetch it again."
        ) from error
    if len(articles) != len(rows):
        raise UserError(f"{path}: two articles have one title. Join them.")
    return articles
