"""The CACM collection: records of the Communications of the ACM, 1958 to 1979, with topics and judgements."""

from __future__ import annotations

import html
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

from lineage.config.retrieval_sets import CacmSet
from lineage.errors import UserError
from lineage.retrieval.sets.raw import Inputs, Judgement, RawSet, SourceDocument, SourceQuery

_ARCHIVE, _TOPICS, _QRELS = "cacm.tar.gz", "topics.cacm.txt", "qrels.cacm.txt"
_DIGITS = 4
_RECORD = re.compile(r"<pre>(.*)</pre>", re.DOTALL)
_ISSUE = re.compile(r"^(?:CACM [A-Z][a-z]+,? ?\d{4}|CA\d{6})", re.MULTILINE)
"""The line behind title and abstract: the issue, or in two records their number; 28 issues lack comma or space."""
_TOPIC = re.compile(r"<DOC>\s*<DOCNO>\s*(\S+)\s*</DOCNO>(.*?)</DOC>", re.DOTALL)


def read_cacm(config: CacmSet, inputs: Inputs) -> RawSet:
    """3,204 records and 64 topics, all of them test queries; 12 topics are not judged.

    Raises:
        UserError: a file is missing or is not what it should be.
    """
    topics = inputs.file(_TOPICS).read_text(encoding="latin-1")
    queries = [
        SourceQuery(number, " ".join(html.unescape(text).split()), "test") for number, text in _TOPIC.findall(topics)
    ]
    judgements = list(_judgements(inputs.file(_QRELS)))
    documents = _documents(inputs.file(_ARCHIVE), whole=config.text == "record")
    return RawSet(documents, queries, judgements, place=str(inputs.source))


def _judgements(path: Path) -> Iterator[Judgement]:
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
        columns = line.split()
        if len(columns) != 4 or not columns[3].lstrip("-").isdigit():
            raise UserError(f"{path}: row {number} is {line[:60]!r}, not `topic Q0 document grade`. Fetch it again.")
        yield Judgement(columns[0], _record_id(columns[2]), int(columns[3]), f"{path.name} row {number}")


def _record_id(name: str) -> str:
    """`CACM-756` is the record `CACM-0756`: 55 of the 796 judgements leave the zeros out.

    Tools that compare ids as text lose these 55; the published figures of Anserini are such.
    """
    collection, _, number = name.partition("-")
    return f"{collection}-{number.zfill(_DIGITS)}"


def _documents(path: Path, *, whole: bool) -> Iterator[SourceDocument]:
    try:
        with tarfile.open(path) as archive:
            members = {Path(one.name).stem: one for one in archive if one.isfile() and one.name.endswith(".html")}
            for name in sorted(members):
                file = archive.extractfile(members[name])
                assert file is not None, "a file that is no directory and no link"
                yield _record(name, file.read().decode("latin-1"), path, whole=whole)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError(f"{path}: not a whole tar archive ({error}). Fetch it again.") from error


def _record(name: str, page: str, path: Path, *, whole: bool) -> SourceDocument:
    """Title: up to the first blank line. Abstract: up to the issue. Behind it stand dates, authors, cited records."""
    found = _RECORD.search(page)
    if found is None:
        raise UserError(f"{path}: record {name} has no <pre>...</pre>. Fetch it again.")
    title, _, rest = html.unescape(found[1]).strip().partition("\n\n")
    if not whole:
        end = _ISSUE.search(rest)
        if end is None:
            raise UserError(f"{path}: record {name} names no issue of the CACM. Fetch it again.")
        rest = rest[: end.start()]
    return SourceDocument(name, " ".join(title.split()), rest if whole else " ".join(rest.split()))
