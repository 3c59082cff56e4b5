"""NQ-320k: Natural Questions as retrieval of whole documents, in the build of its first users (arXiv 2206.02743).

Title: what stands between the first `<H1>` and `</H1>`, in small letters, without accents, with spaces around marks, as
a BERT tokenizer would write it back. Training files are read first; the first document of a title stands for all, and
every question of that title is about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from lineage.config.retrieval_sets import Nq320kSet
from lineage.errors import UserError
from lineage.progress import Progress
from lineage.retrieval.sets.lines import objects, text_of
from lineage.retrieval.sets.raw import Inputs, Judgement, RawSet, SourceDocument, SourceQuery

_TITLE = re.compile(r"<H1>(.*?)</H1>", re.DOTALL)
_ABSTRACT = re.compile(r"<P>(.*?)</P>", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_NORMALIZER = BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True)
_WORDS = BertPreTokenizer()


def read_nq320k(config: Nq320kSet, inputs: Inputs) -> RawSet:
    """Documents by first title, training questions, test questions. Files are read twice: pages do not fit memory.

    Raises:
        UserError: a missing or torn file, a page without a title, or other counts than expected.
    """
    numbers: dict[str, int] = {}
    queries: list[SourceQuery] = []
    judgements: list[Judgement] = []
    files = {"train": inputs.file(config.train), "test": inputs.file(config.test)}
    for split, path in files.items():
        with Progress(f"reading titles of {path.name}", unit="rows") as progress:
            for place, row in objects(path):
                title = title_of(_page(row, place), place)
                document = f"d{numbers.setdefault(title, len(numbers))}"
                identifier = text_of(row, "example_id", place)
                queries.append(SourceQuery(identifier, text_of(row, "question_text", place), split))
                judgements.append(Judgement(identifier, document, 1, place))
                progress.advance()
    found = (len(numbers), *(sum(one.split == split for one in queries) for split in files))
    if config.expected is not None and found != config.expected:
        raise UserError(
            f"{inputs.source}: {found[0]:,} documents, {found[1]:,} training and {found[2]:,} test questions, but"
            f" NQ-320k has {', '.join(f'{one:,}' for one in config.expected)}.\n"
            "  Give the whole files of Natural Questions 1.0, or set `expected: null` for a part of them."
        )
    return RawSet(_documents(files.values()), queries, judgements, place=str(inputs.source))


def _documents(files: Iterable[Path]) -> Iterator[SourceDocument]:
    """The first page of each title."""
    met: set[str] = set()
    for path in files:
        for place, row in objects(path):
            page = _page(row, place)
            title = title_of(page, place)
            if title not in met:
                yield SourceDocument(f"d{len(met)}", title, _text(page))
                met.add(title)


def title_of(page: str, place: str) -> str:
    """The normalised title of a page.

    >>> title_of("<H1> Beyoncé's discography </H1> <P> ...", "row 1")
    "beyonce ' s discography"

    Raises:
        UserError: it has none.
    """
    found = _TITLE.search(page)
    words = [word for word, _ in _WORDS.pre_tokenize_str(_NORMALIZER.normalize_str(found[1]))] if found else []
    if not words:
        raise UserError(f"{place}: the page has no <H1>...</H1>, so no title. Take the row out.")
    return " ".join(words)


def _page(row: dict[str, Any], place: str) -> str:
    """The page as text with tags; the files of one version hold tokens instead."""
    if "document_tokens" in row:
        return " ".join(token["token"] for token in row["document_tokens"])
    return text_of(row, "document_text", place)


def _text(page: str) -> str:
    """Abstract, then the whole page behind the title, tags left out."""
    abstract = _ABSTRACT.search(page)
    _, _, content = page.partition("</H1>")
    return "\n".join(_lines([abstract[1] if abstract else "", content]))


def _lines(parts: list[str]) -> Iterator[str]:
    for part in parts:
        if line := " ".join(_TAG.sub(" ", part).split()):
            yield line
