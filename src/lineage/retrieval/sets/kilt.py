"""KILT: pages of Wikipedia, and questions with the pages that answer them, in evidence sets (arXiv 2009.02252)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from lineage.config.retrieval_sets import KiltSet
from lineage.errors import UserError
from lineage.retrieval.sets.lines import objects, text_of, whole
from lineage.retrieval.sets.raw import Inputs, Judgement, RawSet, SourceDocument, SourceQuery

_PAGES = "kilt_knowledgesource.json"
_FILES = {
    "nq": {"train": "nq-train-kilt.jsonl", "test": "nq-dev-kilt.jsonl"},
    "triviaqa": {"train": "triviaqa-train_id-kilt.jsonl", "test": "triviaqa-dev_id-kilt.jsonl"},
}
"""Files of each task; KILT keeps the answers of its own test to itself, so its development questions are ours."""


def read_kilt(config: KiltSet, inputs: Inputs) -> RawSet:
    """Pages in the order of the knowledge source, questions of training and development.

    Raises:
        UserError: a missing or torn file, or a question that has no text.
    """
    asked = _questions(config, inputs)
    queries: list[SourceQuery] = []
    judgements: list[Judgement] = []
    evidence: dict[str, list[tuple[str, ...]]] = {}
    for split, name in _FILES[config.task].items():
        for place, row in objects(inputs.file(name)):
            identifier = text_of(row, "id", place)
            queries.append(SourceQuery(identifier, _text(row, asked, place), split, answers=_answers(row)))
            if sets := evidence_sets(row, place):
                evidence[identifier] = sets
            pages = dict.fromkeys(page for one in sets for page in one)
            judgements += [Judgement(identifier, page, 1, place) for page in pages]
    wanted = {one.document for one in judgements} if config.pages == "judged" else None
    documents = _pages(inputs.file(_PAGES), wanted)
    return RawSet(documents, queries, judgements, evidence, place=str(inputs.source))


def evidence_sets(row: dict[str, Any], place: str) -> list[tuple[str, ...]]:
    """Pages of each output that has provenance, every page once, every set once; ids are stripped text.

    Raises:
        UserError: provenance without a page.
    """
    sets = []
    for output in row.get("output", []):
        pages = [str(_page_id(one, place)).strip() for one in output.get("provenance", [])]
        if pages and set(pages) not in [set(one) for one in sets]:
            sets.append(tuple(dict.fromkeys(pages)))
    return sets


def _page_id(provenance: dict[str, Any], place: str) -> object:
    if "wikipedia_id" not in provenance:
        raise UserError(f"{place}: its provenance has no `wikipedia_id`: {provenance!r:.80}. Fetch the file again.")
    return provenance["wikipedia_id"]


def _answers(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one["answer"] for one in row.get("output", []) if one.get("answer")))


def _questions(config: KiltSet, inputs: Inputs) -> dict[str, str]:
    """Id to question, of TriviaQA's own files."""
    asked: dict[str, str] = {}
    for name in config.questions:
        path = inputs.file(name)
        rows = whole(path)
        rows = rows.get("Data", []) if isinstance(rows, dict) else rows
        for number, row in enumerate(rows, 1):
            place = f"{path}: entry {number}"
            asked[text_of(row, "QuestionId", place)] = text_of(row, "Question", place)
    return asked


def _text(row: dict[str, Any], asked: dict[str, str], place: str) -> str:
    text = row.get("input") or asked.get(str(row["id"]))
    if not text:
        raise UserError(
            f"{place}: question '{row['id']}' has no text: KILT's files of this task hold ids only.\n"
            "  Name TriviaQA's own files in `questions` (unfiltered-web-train.json, unfiltered-web-dev.json)."
        )
    return text


def _pages(path: Path, wanted: Collection[str] | None) -> Iterator[SourceDocument]:
    """Pages; the first paragraph of each repeats its title and is left out."""
    for place, row in objects(path):
        identifier = text_of(row, "wikipedia_id", place).strip()
        if wanted is not None and identifier not in wanted:
            continue
        paragraphs = row.get("text")
        if not isinstance(paragraphs, list):
            raise UserError(f"{place}: 'text' is {paragraphs!r:.60}, but must be a list of paragraphs.")
        yield SourceDocument(identifier, text_of(row, "wikipedia_title", place), "\n".join(paragraphs[1:]))
