"""NQ-320k as GenRet hands it on: a list of texts, and pairs of question and number of a text."""

from __future__ import annotations

from pathlib import Path

from lineage.config.retrieval_sets import GenretSet
from lineage.errors import UserError
from lineage.retrieval.sets.lines import whole
from lineage.retrieval.sets.raw import Inputs, Judgement, RawSet, SourceDocument, SourceQuery

_FILES = {"train": "train.json", "test": "dev.json"}


def read_genret(config: GenretSet, inputs: Inputs) -> RawSet:
    """Documents `d0`, `d1`, ... in the order of the list, without titles.

    Raises:
        UserError: a missing file, or one of another form.
    """
    path = inputs.file("corpus_lite.json")
    texts = whole(path)
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise UserError(f"{path}: must be a list of texts. Fetch it again.")
    documents = [SourceDocument(f"d{number}", "", text) for number, text in enumerate(texts)]
    queries: list[SourceQuery] = []
    judgements: list[Judgement] = []
    for split, name in _FILES.items():
        for number, (question, document) in enumerate(_pairs(inputs.file(name))):
            identifier = f"{split}-{number}"
            queries.append(SourceQuery(identifier, question, split))
            judgements.append(Judgement(identifier, f"d{document}", 1, f"{name} row {number + 1}"))
    counts = {f"dev.json{end}": len(_pairs(path)) for end in (".seen", ".unseen") if (path := _beside(inputs, end))}
    return RawSet(documents, queries, judgements, counts=counts, place=str(inputs.source))


def _beside(inputs: Inputs, end: str) -> Path | None:
    """The list of seen or of unseen test questions, which is there or not: it counts, and our own split decides."""
    path = inputs.folder / f"dev.json{end}"
    return path if path.is_file() else None


def _pairs(path: Path) -> list[tuple[str, int]]:
    rows = whole(path)
    if not isinstance(rows, list):
        raise UserError(f"{path}: must be a list of [question, number of a document]. Fetch it again.")
    for number, row in enumerate(rows, 1):
        if not (isinstance(row, list) and len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], int)):
            raise UserError(f"{path}: row {number} is {row!r:.60}, not [question, number of a document].")
    return [(question, document) for question, document in rows]
